/**
 * `npm run bench`: Tidegate beside HAProxy and nginx stream, one traffic thread each, in front of the same server.
 * Linux only, loopback only. README.md says how to read what it prints.
 */
import { writeFileSync } from 'node:fs'
import type { Measure, MeasureResult } from './measures/measure.ts'
import { readOptions, USAGE, type Options } from './options.ts'
import { reportJson, type Conditions } from './report/json.ts'
import { writeIntoReadme, type ReadmeTable } from './report/readme.ts'
import { goalsText, headText, measureText } from './report/table.ts'
import { BenchFailure, UsageFailure } from './run/failure.ts'
import { openLab } from './run/lab.ts'
import { describeMachine, type Machine } from './run/machine.ts'
import { killAllOnExit } from './run/processes.ts'
import { isInOwnNetwork, rerunInOwnNetwork, setUpOwnNetwork } from './run/own-network.ts'
import { requireOpenFiles, requirePrograms } from './run/requirements.ts'
import { runMeasure } from './run/rounds.ts'

async function bench(options: Options): Promise<void> {
  const { measures, rounds, seconds, triesMax } = options
  requireAll(options)
  killAllOnExit()
  if (options.ownNetwork) setUpOwnNetwork()
  const machine = describeMachine()
  const lab = await openLab(options)
  const conditions: Conditions = { time: new Date().toISOString(), rounds, seconds, placement: lab.placement.words }
  const publish = (text: string) => console.log(`${text}\n`)
  publish(headText(conditions, machine))
  const results: MeasureResult[] = []
  for (const measure of measures) {
    results.push(await runMeasure(measure, lab, { count: rounds, triesMax, say: console.error }, results))
    publish(measureText(results[results.length - 1]))
  }
  publish(goalsText(results))
  keep(options, results, conditions, machine)
}

function requireAll({ peers, measures, pinning, ownNetwork }: Options): void {
  const ofPeers = peers.flatMap((peer) => peer.needs)
  const ofMeasures = measures.flatMap((measure) => measure.needs)
  requirePrograms([
    'nginx',
    ...ofPeers,
    ...ofMeasures,
    ...(pinning === 'split' ? ['taskset'] : []),
    ...(ownNetwork ? ['unshare', 'ip'] : []),
  ])
  if (measures.some((measure) => measure.name === 'memory')) requireOpenFiles()
}

function keep(options: Options, results: readonly MeasureResult[], conditions: Conditions, machine: Machine): void {
  const { jsonPath, writeReadme, measures } = options
  if (jsonPath !== undefined) writeFileSync(jsonPath, reportJson(results, conditions, machine))
  if (!writeReadme) return
  for (const table of readmeTables(measures, results, conditions)) writeIntoReadme(table, machine)
}

/** One of all measures without a table of their own, and one of each other that ran. */
function readmeTables(
  measures: readonly Measure[],
  results: readonly MeasureResult[],
  conditions: Conditions,
): readonly ReadmeTable[] {
  const resultsOf = (members: readonly Measure[]): readonly MeasureResult[] =>
    results.filter(({ name, rows }) => rows.length > 0 && members.some((measure) => measure.name === name))
  const together = measures.filter(({ hasOwnTable }) => !hasOwnTable)
  const tables = measures
    .filter(({ hasOwnTable }) => hasOwnTable)
    .map((measure) => {
      const rounds = Math.min(conditions.rounds, measure.roundsMax ?? Infinity)
      return { name: measure.name, results: resultsOf([measure]), conditions: { ...conditions, rounds } }
    })
  return [{ name: 'table', results: resultsOf(together), conditions }, ...tables].filter(
    (table) => table.results.length > 0,
  )
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2))
  if (options === undefined) console.log(USAGE)
  else if (options.ownNetwork && !isInOwnNetwork()) return rerunInOwnNetwork()
  else await bench(options)
  process.exit(0)
}

// Debian keeps haproxy and nginx where the PATH of an ordinary user doesn't look.
process.env['PATH'] += ':/usr/sbin:/sbin'

try {
  await main()
} catch (error) {
  const isParseError = (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS') ?? false
  if (!(error instanceof BenchFailure) && !isParseError) throw error
  console.error(`bench: ${(error as Error).message}`)
  process.exit(isParseError || error instanceof UsageFailure ? 2 : 1)
}

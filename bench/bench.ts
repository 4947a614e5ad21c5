/**
 * `npm run bench`: Tidegate beside HAProxy and nginx stream, one traffic thread each, in front of the same server.
 * Linux only, loopback only. README.md says how to read what it prints.
 */
import { writeFileSync } from 'node:fs'
import type { MeasureResult } from './measures/measure.ts'
import { readOptions, USAGE, type Options } from './options.ts'
import { reportJson, type Conditions } from './report/json.ts'
import { writeIntoReadme } from './report/readme.ts'
import { reportText } from './report/table.ts'
import { BenchFailure } from './run/failure.ts'
import { openLab } from './run/lab.ts'
import { describeMachine, type Machine } from './run/machine.ts'
import { killAllOnExit } from './run/processes.ts'
import { requireOpenFiles, requirePrograms } from './run/requirements.ts'
import { runMeasure } from './run/rounds.ts'

const LATEST_JSON = new URL('results/latest.json', import.meta.url)

async function bench(options: Options): Promise<void> {
  const programs = [
    ...options.peers.flatMap((peer) => peer.needs),
    ...options.measures.flatMap((measure) => measure.needs),
  ]
  requirePrograms(['nginx', ...programs, ...(options.pinning === 'split' ? ['taskset'] : [])])
  if (options.measures.some((measure) => measure.name === 'memory')) requireOpenFiles()
  killAllOnExit()
  const machine = describeMachine()
  const lab = await openLab(options.peers, options.seconds, options.pinning)
  const rounds = { count: options.rounds, say: (line: string) => console.error(line) }
  const results: MeasureResult[] = []
  for (const measure of options.measures) results.push(await runMeasure(measure, lab, rounds, results))
  publish(results, options, lab.placement.words, machine)
}

function publish(results: readonly MeasureResult[], options: Options, placement: string, machine: Machine): void {
  const { rounds, seconds } = options
  const conditions: Conditions = { time: new Date().toISOString(), rounds, seconds, placement }
  const words = `${conditions.time.slice(0, 10)}; medians of ${rounds} interleaved rounds of ${seconds} s; ${placement}.`
  const text = reportText(results, words, machine)
  const json = reportJson(results, conditions, machine)
  console.log(text)
  if (options.jsonPath !== undefined) writeFileSync(options.jsonPath, json)
  if (!options.writeReadme) return
  writeFileSync(LATEST_JSON, json)
  writeIntoReadme(text)
}

try {
  const options = readOptions(process.argv.slice(2))
  if (options === undefined) console.log(USAGE)
  else await bench(options)
  process.exit(0)
} catch (error) {
  const wrongUsage = (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS') ?? false
  if (!(error instanceof BenchFailure) && !wrongUsage) throw error
  console.error(`bench: ${(error as Error).message}`)
  process.exit(wrongUsage ? 2 : 1)
}

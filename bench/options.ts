/** The command line of the bench. */
import { parseArgs } from 'node:util'
import { ALL_MEASURES, ONLY_WHEN_NAMED } from './measures/all-measures.ts'
import type { Measure } from './measures/measure.ts'
import { ALL_PEERS } from './peers/all-peers.ts'
import type { Peer } from './peers/peer.ts'
import { UsageFailure } from './run/failure.ts'
import type { Exercise } from './run/lab.ts'
import type { Pinning } from './run/placement.ts'

export interface Options {
  readonly rounds: number
  readonly seconds: number
  readonly triesMax: number
  readonly measures: readonly Measure[]
  readonly peers: readonly Peer[]
  readonly exercise: Exercise
  readonly pinning: Pinning
  readonly ownNetwork: boolean
  readonly jsonPath: string | undefined
  readonly writeReadme: boolean
}

export const USAGE = `npm run bench -- [measure…] [options]

  --rounds N       counted rounds of each measure (default 5)
  --seconds S      of each proxy in each round, whole seconds (default 3)
  --tries N        runs a round so often at most while other processes disturb it (default 3)
  --only LIST      measures, as they may also be named without it: ${ALL_MEASURES.map((measure) => measure.name).join(',')}
                   (default: all but ${ONLY_WHEN_NAMED.join(',')})
  --reloads N      of each proxy in changes (default 100)
  --upgrades N     spread over them (default 10)
  --peers LIST     ${ALL_PEERS.map((peer) => peer.name).join(',')} (default: all)
  --pin HOW        split: proxy, origin and load on CPUs of their own, as far as there are any (default); none
  --own-network    in a network namespace of its own, without BBR (needs root): for numbers to keep
  --quick          2 rounds of 1 second, 1 try, 10 reloads, 2 upgrades: to see that it works, not to compare
  --json FILE      write results with all samples
  --write-readme   write bench/results/latest*.json and the tables in bench/README.md: attack and banned have their own
  --help

Examples:
  npm run bench -- --only kept,new --peers haproxy,tidegate --rounds 9
  npm run bench -- --own-network --write-readme
  npm run bench -- attack --own-network
  npm run bench -- banned --own-network
`

/** `undefined` when only help was asked for. */
export function readOptions(argv: readonly string[]): Options | undefined {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      tries: { type: 'string' },
      only: { type: 'string' },
      reloads: { type: 'string' },
      upgrades: { type: 'string' },
      peers: { type: 'string' },
      pin: { type: 'string', default: 'split' },
      'own-network': { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      json: { type: 'string' },
      'write-readme': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  const only = [...(values.only === undefined ? [] : [values.only]), ...positionals].join(',')
  const defaultMeasures = ALL_MEASURES.filter((measure) => !ONLY_WHEN_NAMED.includes(measure.name))
  return {
    rounds: wholeNumber('--rounds', values.rounds ?? (values.quick ? '2' : '5')),
    seconds: wholeNumber('--seconds', values.seconds ?? (values.quick ? '1' : '3')),
    triesMax: wholeNumber('--tries', values.tries ?? (values.quick ? '1' : '3')),
    measures: only === '' ? defaultMeasures : pick('--only', only, ALL_MEASURES),
    peers: values.peers === undefined ? ALL_PEERS : pick('--peers', values.peers, ALL_PEERS),
    exercise: {
      reloads: wholeNumber('--reloads', values.reloads ?? (values.quick ? '10' : '100')),
      upgrades: wholeNumber('--upgrades', values.upgrades ?? (values.quick ? '2' : '10')),
    },
    pinning: pinningOf(values.pin),
    ownNetwork: values['own-network'],
    jsonPath: values.json,
    writeReadme: values['write-readme'],
  }
}

function wholeNumber(option: string, text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 1) return value
  throw new UsageFailure(`${option} takes a whole number from 1 up, not "${text}"`)
}

/** In the order of `all`, whatever order was asked for. */
function pick<T extends { readonly name: string }>(option: string, text: string, all: readonly T[]): readonly T[] {
  const names = text.split(',').map((name) => name.trim())
  const unknown = names.find((name) => !all.some((each) => each.name === name))
  if (unknown === undefined) return all.filter((each) => names.includes(each.name))
  throw new UsageFailure(`${option}: "${unknown}" is none of ${all.map((each) => each.name).join(', ')}`)
}

function pinningOf(text: string): Pinning {
  if (text === 'split' || text === 'none') return text
  throw new UsageFailure(`--pin takes split or none, not "${text}"`)
}

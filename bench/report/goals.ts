/** The goals of DESIGN §5 and the values issue 2 wants reached first. Information: the exit code does not depend on them. */
import { BALANCE_METHOD_NAMES } from '../../src/traffic/tables.ts'
import type { MeasureResult } from '../measures/measure.ts'
import { betterPeer, ratioOf } from './ratios.ts'

interface Goal {
  readonly words: string
  readonly measure: string
  readonly metric: string
  /** Row of ours, and the row it is held against. */
  readonly row: string
  readonly against: string
  readonly bound: 'at least' | 'at most'
  readonly goal: number
  readonly reach: number
}

export interface Verdict extends Goal {
  /** `undefined` when a row is missing. */
  readonly ratio: number | undefined
  readonly base: string
  readonly reachMet: boolean | undefined
  readonly goalMet: boolean | undefined
}

const BETTER_PEER = 'better peer'

const GOALS: readonly Goal[] = [
  atLeast('kept connections: requests/s', 'kept', 'ratePerSecond', 1.1, 1.0),
  atLeast('kept connections: per CPU second', 'kept', 'perCpuSecond', 1.1, 1.0),
  atLeast('new connections/s', 'new', 'ratePerSecond', 1.1, 0.95),
  atLeast('new connections: per CPU second', 'new', 'perCpuSecond', 1.1, 0.95),
  atMost('bulk: CPU per GB', 'bulk', 'cpuSecondsPerGigabyte', 0.4, 0.4),
  // Not asked for, but the honest rival: splice-auto may decide not to splice.
  { ...atMost('bulk: CPU per GB', 'bulk', 'cpuSecondsPerGigabyte', 1.0, 1.0), against: 'haproxy-splice' },
  atMost('latency added, p50', 'latency', 'addedP50Us', 1.0, 1.0),
  atMost('latency added, p99', 'latency', 'addedP99Us', 1.0, 1.0),
  atMost('memory per idle connection', 'memory', 'bytesPerConnection', 0.2, 0.4),
  atMost('memory, all growth since start', 'memory', 'bytesSinceStart', 0.2, 0.4),
  {
    ...atLeast('new connections/s, limits on/off', 'shield', 'ratePerSecond', 0.95, 0.95),
    row: 'tidegate, limits on',
    against: 'tidegate, limits off',
  },
  {
    ...atLeast('new connections/s, every rule on/off', 'shield', 'ratePerSecond', 0.95, 0.95),
    row: 'tidegate, every rule on',
    against: 'tidegate, limits off',
  },
  {
    ...atLeast('new connections/s, 100 dashboards/none', 'dashboards', 'ratePerSecond', 0.98, 0.98),
    row: 'tidegate, 100 dashboards',
    against: 'tidegate, no dashboard',
  },
  ...(['in the kernel', 'in user space'] as const).flatMap(banned),
  header('proxy-v2, kept connections/raw', 'proxy-v2', 'keptPerSecond', 0.98, 0.97),
  header('proxy-v2, new connections/raw', 'proxy-v2', 'newPerSecond', 0.95, 0.93),
  header('proxy-v2 with TLVs, kept/raw', 'proxy-v2 + crc32c, unique-id', 'keptPerSecond', 0.98, 0.97),
  header('proxy-v2 with TLVs, new/raw', 'proxy-v2 + crc32c, unique-id', 'newPerSecond', 0.95, 0.93),
  ...BALANCE_METHOD_NAMES.map((method) => balance(`${method}, 100 upstreams: new per CPU second`, method)),
]

function atLeast(words: string, measure: string, metric: string, goal: number, reach: number): Goal {
  return { words, measure, metric, row: 'tidegate', against: BETTER_PEER, bound: 'at least', goal, reach }
}

/** These are goals against HAProxy, which alone of the two splices; it is also the leaner one in memory. */
function atMost(words: string, measure: string, metric: string, goal: number, reach: number): Goal {
  return { words, measure, metric, row: 'tidegate', against: 'haproxy', bound: 'at most', goal, reach }
}

function header(words: string, row: string, metric: string, goal: number, reach: number): Goal {
  const ours = `tidegate, ${row}`
  return { words, measure: 'proxy', metric, row: ours, against: 'tidegate, raw', bound: 'at least', goal, reach }
}

/** HAProxy refuses them in user space; issue 4 asks for the comparison and names no number. */
function banned(where: string): Goal[] {
  const rows = (load: string) => ({ row: `tidegate, ${where}, ${load}`, against: `haproxy, ${load}` })
  const words = `banned, ${where}`
  return [
    { ...atLeast(`${words}: turned away/s, flat out`, 'banned', 'perSecond', 1, 1), ...rows('flat out') },
    { ...atMost(`${words}: CPU per 1,000, 10,000/s`, 'banned', 'cpuMsPerThousand', 1, 1), ...rows('10,000/s') },
    { ...atLeast(`${words}: client's requests, 10,000/s`, 'banned', 'ofCalm', 1, 1), ...rows('10,000/s') },
    { ...atLeast(`${words}: client's requests, flat out`, 'banned', 'ofCalm', 1, 1), ...rows('flat out') },
  ]
}

/** No loss; what is below 0.97 is not noise any more. */
function balance(words: string, method: string): Goal {
  const row = `tidegate, ${method}, 100 upstreams`
  const against = 'tidegate, ordered, 1 upstream'
  return { words, measure: 'methods', metric: 'perCpuSecond', row, against, bound: 'at least', goal: 1, reach: 0.97 }
}

/** Of the goals whose measure ran. */
export function judge(results: readonly MeasureResult[]): Verdict[] {
  return GOALS.flatMap((goal) => {
    const result = results.find((each) => each.name === goal.measure)
    return result === undefined ? [] : [judgeOne(goal, result)]
  })
}

function judgeOne(goal: Goal, result: MeasureResult): Verdict {
  const metric = result.metrics.find((each) => each.key === goal.metric)
  const ours = result.rows.find((row) => row.name === goal.row)
  const base =
    goal.against === BETTER_PEER && metric !== undefined
      ? betterPeer(result, metric)
      : result.rows.find((row) => row.name === goal.against)
  const ratio = ours && base && metric ? ratioOf(ours, base, metric)?.median : undefined
  const meets = (bound: number) => (goal.bound === 'at least' ? (ratio as number) >= bound : (ratio as number) <= bound)
  return {
    ...goal,
    ratio,
    base: base?.name ?? goal.against,
    reachMet: ratio === undefined ? undefined : meets(goal.reach),
    goalMet: ratio === undefined ? undefined : meets(goal.goal),
  }
}

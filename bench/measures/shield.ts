/** New connections with every limit for sources on, against the same without: what admission costs where it refuses nobody. */
import { tidegateWith } from '../peers/tidegate.ts'
import { peersIn, portTo, startPeer, type Lab } from '../run/lab.ts'
import { SMALL_PATH } from '../run/origin.ts'
import { loadHttp, rateMetrics, SMALL_LOAD_CONNECTIONS } from './http-load.ts'
import type { Measure, Preparation, Row } from './measure.ts'

/** More than wrk opens: each rule looks, and none refuses. */
const PLENTY = 'rate: 1000000/s, burst: 1000000'
const RULES: Readonly<Record<string, string>> = {
  'limits off': '{ perAddress: { rule: off }, perPrefix: { rule: off } }',
  'limits on': `{ perAddress: { rule: on, connections: 10000, ${PLENTY} }, perPrefix: { rule: on, connections: 10000, ${PLENTY} }, newConnections: { rule: on, ${PLENTY} } }`,
}

async function prepare(lab: Lab): Promise<Preparation> {
  const rows: Row[] = []
  const closers: (() => Promise<void>)[] = []
  const comparedWith = 'tidegate, limits off'
  if (!peersIn(lab, 'shield').some(({ peer }) => peer.name === 'tidegate')) return { rows }
  for (const [words, protect] of Object.entries(RULES)) {
    const { dir, placement, origin } = lab
    const peer = tidegateWith(protect)
    const proxy = await startPeer(peer, [{ header: 'none', upstreamPort: origin.plainPort }], { dir, placement })
    closers.push(async () => proxy.running?.stop())
    const port = portTo(proxy, origin.plainPort)
    const load = { port, path: SMALL_PATH, connections: SMALL_LOAD_CONNECTIONS, closeEach: true }
    const round = async (seconds: number) => {
      const { ratePerSecond, perCpuSecond, proxyCpuSeconds } = await loadHttp(lab, proxy, load, seconds)
      return { ratePerSecond, perCpuSecond, cpuShare: proxyCpuSeconds / seconds }
    }
    rows.push({ name: `tidegate, ${words}`, peer: 'tidegate', comparedWith, round })
  }
  const close = async () => {
    for (const closer of closers) await closer()
  }
  return { rows, close }
}

export const shield: Measure = {
  name: 'shield',
  title: 'shield: new connections with every limit for sources on, against none',
  needs: ['wrk'],
  metrics: rateMetrics('connections'),
  warmUpSeconds: 1,
  prepare,
}

/** New connections with one log line for each, written to a place that keeps nothing (/dev/null). */
import { peersIn, portTo, startPeer, type Lab } from '../run/lab.ts'
import { SMALL_PATH } from '../run/origin.ts'
import { loadHttp, rateMetrics, SMALL_LOAD_CONNECTIONS } from './http-load.ts'
import type { Measure, Preparation, Row } from './measure.ts'

async function prepare(lab: Lab): Promise<Preparation> {
  const rows: Row[] = []
  const closers: (() => Promise<void>)[] = []
  for (const { peer } of peersIn(lab, 'logs')) {
    if (peer.launch === undefined) continue
    const { dir, placement, origin } = lab
    const wanted = [{ header: 'none' as const, upstreamPort: origin.plainPort }]
    const proxy = await startPeer(peer, wanted, { dir, placement, connectionLog: true })
    closers.push(async () => proxy.running?.stop())
    const port = portTo(proxy, origin.plainPort)
    const load = { port, path: SMALL_PATH, connections: SMALL_LOAD_CONNECTIONS, closeEach: true }
    const round = async (seconds: number) => {
      const { ratePerSecond, perCpuSecond, proxyCpuSeconds } = await loadHttp(lab, proxy, load, seconds)
      return { ratePerSecond, perCpuSecond, cpuShare: proxyCpuSeconds / seconds }
    }
    rows.push({ name: `${peer.name}, logs`, peer: peer.name, round })
  }
  const close = async () => {
    for (const closer of closers) await closer()
  }
  return { rows, close }
}

export const logs: Measure = {
  name: 'logs',
  title: 'logs: new connections with one log line for each',
  needs: ['wrk'],
  metrics: rateMetrics('connections'),
  warmUpSeconds: 1,
  prepare,
}

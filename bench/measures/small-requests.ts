/** What "kept" and "new" have in common: small requests, one row per proxy. */
import { peersIn, portTo, type Lab } from '../run/lab.ts'
import { SMALL_PATH } from '../run/origin.ts'
import { loadHttp, SMALL_LOAD_CONNECTIONS } from './http-load.ts'
import type { Preparation, Row } from './measure.ts'

export async function prepareSmallRequests(lab: Lab, measureName: string, closeEach: boolean): Promise<Preparation> {
  const rows: Row[] = []
  for (const { peer, proxy } of peersIn(lab, measureName)) {
    const port = portTo(proxy, lab.origin.plainPort)
    const load = { port, path: SMALL_PATH, connections: SMALL_LOAD_CONNECTIONS, closeEach }
    const round = async (seconds: number) => {
      const { ratePerSecond, perCpuSecond, proxyCpuSeconds } = await loadHttp(lab, proxy, load, seconds)
      return { ratePerSecond, perCpuSecond, cpuShare: proxyCpuSeconds / seconds }
    }
    rows.push({ name: peer.name, peer: peer.name, round })
  }
  return { rows }
}

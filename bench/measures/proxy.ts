/** What the PROXY header costs each proxy: its rows with a header against its own row without. */
import type { Header } from '../peers/peer.ts'
import { originPort, peersIn, portTo, type Lab, type RunningPeer } from '../run/lab.ts'
import { SMALL_PATH } from '../run/origin.ts'
import { loadHttp, SMALL_LOAD_CONNECTIONS } from './http-load.ts'
import type { Measure, Preparation, Row, Sample } from './measure.ts'

const HEADER_WORDS: Record<Header, string> = {
  none: 'raw',
  v1: 'proxy-v1',
  v2: 'proxy-v2',
  'v2-tlvs': 'proxy-v2 + crc32c, unique-id',
}
/** nginx has only v1; for the others v2 is what is asked for. */
const HEADERS_BY_PREFERENCE: readonly Header[] = ['v2', 'v2-tlvs', 'v1']

async function prepare(lab: Lab): Promise<Preparation> {
  const rows: Row[] = []
  for (const { peer, proxy } of peersIn(lab, 'proxy')) {
    if (peer.launch === undefined) continue
    const raw = `${peer.name}, ${HEADER_WORDS.none}`
    rows.push({ name: raw, peer: peer.name, comparedWith: raw, round: roundOf(lab, proxy, 'none') })
    const hasV2 = peer.headers.includes('v2')
    for (const header of HEADERS_BY_PREFERENCE) {
      if (!peer.headers.includes(header) || (header === 'v1' && hasV2)) continue
      const name = `${peer.name}, ${HEADER_WORDS[header]}`
      rows.push({ name, peer: peer.name, comparedWith: raw, round: roundOf(lab, proxy, header) })
    }
  }
  return { rows }
}

function roundOf(lab: Lab, proxy: RunningPeer, header: Header): (seconds: number) => Promise<Sample> {
  const port = portTo(proxy, originPort(lab.origin, header), header)
  const load = { port, path: SMALL_PATH, connections: SMALL_LOAD_CONNECTIONS }
  return async (seconds) => {
    const kept = await loadHttp(lab, proxy, load, seconds)
    const fresh = await loadHttp(lab, proxy, { ...load, closeEach: true }, seconds)
    return {
      keptPerSecond: kept.ratePerSecond,
      keptPerCpuSecond: kept.perCpuSecond,
      newPerSecond: fresh.ratePerSecond,
      newPerCpuSecond: fresh.perCpuSecond,
    }
  }
}

export const proxyHeader: Measure = {
  name: 'proxy',
  title: 'proxy: with a PROXY header against raw, the same proxy',
  needs: ['wrk'],
  metrics: [
    { key: 'keptPerSecond', label: 'kept: requests/s', better: 'more', digits: 0 },
    { key: 'keptPerCpuSecond', label: 'kept: per CPU second', better: 'more', digits: 0 },
    { key: 'newPerSecond', label: 'new: connections/s', better: 'more', digits: 0 },
    { key: 'newPerCpuSecond', label: 'new: per CPU second', better: 'more', digits: 0 },
  ],
  warmUpSeconds: 1,
  prepare,
}

/** A 100 MB file over 4 connections: what it costs to move many bytes one way. */
import { peersIn, portTo, type Lab } from '../run/lab.ts'
import { BULK_PATH } from '../run/origin.ts'
import { loadHttp } from './http-load.ts'
import type { Measure, Preparation, Row } from './measure.ts'

const CONNECTIONS = 4

async function prepare(lab: Lab): Promise<Preparation> {
  const rows: Row[] = []
  for (const { peer, proxy } of peersIn(lab, 'bulk')) {
    const load = { port: portTo(proxy, lab.origin.plainPort), path: BULK_PATH, connections: CONNECTIONS }
    const round = async (seconds: number) => {
      const report = await loadHttp(lab, proxy, load, seconds)
      const gigabytes = report.bytes / 1e9
      return {
        megabytesPerSecond: (gigabytes * 1000) / report.seconds,
        cpuSecondsPerGigabyte: report.proxyCpuSeconds / gigabytes,
        cpuShare: report.proxyCpuSeconds / report.seconds,
      }
    }
    rows.push({ name: peer.name, peer: peer.name, round })
  }
  return { rows }
}

export const bulk: Measure = {
  name: 'bulk',
  title: 'bulk: a 100 MB file over 4 connections',
  needs: ['wrk'],
  metrics: [
    { key: 'megabytesPerSecond', label: 'MB/s', better: 'more', digits: 0 },
    { key: 'cpuSecondsPerGigabyte', label: 'CPU seconds of the proxy per GB', better: 'less', digits: 4 },
    { key: 'cpuShare', label: 'CPU of the proxy', better: 'less', digits: 2, informative: true },
  ],
  warmUpSeconds: 1,
  prepare,
}

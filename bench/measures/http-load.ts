/** One round of wrk through a proxy, with what it cost the proxy. */
import { runWrk, type WrkReport } from '../load/wrk.ts'
import { cpuSeconds } from '../run/process-cost.ts'
import type { Lab, RunningPeer } from '../run/lab.ts'
import type { Metric } from './measure.ts'

export interface HttpLoad {
  readonly port: number
  readonly path: string
  readonly connections: number
  readonly closeEach?: boolean
}

export interface HttpRound extends WrkReport {
  /** CPU seconds of the proxy; NaN where there is none. */
  readonly proxyCpuSeconds: number
  readonly ratePerSecond: number
  readonly perCpuSecond: number
}

/** As in DESIGN §5: one thread, 64 connections. */
export const SMALL_LOAD_CONNECTIONS = 64

export function rateMetrics(what: string): readonly Metric[] {
  return [
    { key: 'ratePerSecond', label: `${what}/s`, better: 'more', digits: 0 },
    { key: 'perCpuSecond', label: `${what} per CPU second of the proxy`, better: 'more', digits: 0 },
    { key: 'cpuShare', label: 'CPU of the proxy', better: 'less', digits: 2, informative: true },
  ]
}

export async function loadHttp(lab: Lab, proxy: RunningPeer, load: HttpLoad, seconds: number): Promise<HttpRound> {
  const pid = proxy.running?.pid
  const before = pid === undefined ? Number.NaN : cpuSeconds(pid)
  const { closeEach = false } = load
  const report = await runWrk({ ...load, closeEach, seconds, cpus: lab.placement.load })
  const proxyCpuSeconds = pid === undefined ? Number.NaN : cpuSeconds(pid) - before
  return {
    ...report,
    proxyCpuSeconds,
    ratePerSecond: report.requests / report.seconds,
    perCpuSecond: report.requests / proxyCpuSeconds,
  }
}

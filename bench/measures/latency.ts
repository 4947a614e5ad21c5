/** What a proxy adds to the time of one small message while it is at about half of what it can carry. */
import { fileURLToPath } from 'node:url'
import type { ConstantRateLoad, ConstantRateReport } from '../load/constant-rate.ts'
import { peersIn, portTo, type Lab, type RunningPeer } from '../run/lab.ts'
import { cpuSeconds } from '../run/process-cost.ts'
import { runToEnd } from '../run/processes.ts'
import { median } from '../run/statistics.ts'
import type { Measure, MeasureResult, Preparation, Row, RowResult, Sample } from './measure.ts'

const GENERATOR = fileURLToPath(new URL('../load/constant-rate.ts', import.meta.url))
const CONNECTIONS = 64
const WARM_UP_SECONDS = 0.5
/** Used when `kept` was not measured in the same run. */
export const DEFAULT_RATE_PER_SECOND = 20_000
const HALF = 0.5

async function prepare(lab: Lab, earlier: readonly MeasureResult[]): Promise<Preparation> {
  const { ratePerSecond, words } = chooseRate(earlier)
  const rows: Row[] = []
  for (const { peer, proxy } of peersIn(lab, 'latency')) {
    const round = (seconds: number) => loadAtRate(lab, proxy, ratePerSecond, seconds)
    rows.push({ name: peer.name, peer: peer.name, round })
  }
  return { rows, notes: [words] }
}

/** Half of the slowest kernel-speed proxy's kept rate; the node engine is a fallback and may be beyond its half. */
function chooseRate(earlier: readonly MeasureResult[]): { ratePerSecond: number; words: string } {
  const kept = earlier.find((result) => result.name === 'kept')
  const rates = (kept?.rows ?? [])
    .filter((row) => row.peer !== 'direct' && row.peer !== 'tidegate-node')
    .map((row) => median(row.samples['ratePerSecond'] ?? []))
    .filter((rate) => rate > 0)
  if (rates.length === 0) {
    const words = `${DEFAULT_RATE_PER_SECOND} messages/s: the rate used when kept connections were not measured.`
    return { ratePerSecond: DEFAULT_RATE_PER_SECOND, words }
  }
  const ratePerSecond = Math.floor((Math.min(...rates) * HALF) / 1000) * 1000
  const words = `${ratePerSecond} messages/s: half of what the slowest proxy (without the node engine) did on kept connections.`
  return { ratePerSecond, words }
}

async function loadAtRate(lab: Lab, proxy: RunningPeer, ratePerSecond: number, seconds: number): Promise<Sample> {
  const port = portTo(proxy, lab.echoPort)
  const load: ConstantRateLoad = {
    port,
    connections: CONNECTIONS,
    ratePerSecond,
    seconds,
    warmUpSeconds: WARM_UP_SECONDS,
  }
  const pid = proxy.running?.pid
  const before = pid === undefined ? Number.NaN : cpuSeconds(pid)
  const command = [process.execPath, GENERATOR, JSON.stringify(load)]
  const report = JSON.parse(await runToEnd(command, lab.placement.load, (seconds + 15) * 1000)) as ConstantRateReport
  const cpu = pid === undefined ? Number.NaN : cpuSeconds(pid) - before
  return {
    p50Us: report.p50Us,
    p99Us: report.p99Us,
    late99Us: report.late99Us,
    cpuShare: cpu / (seconds + WARM_UP_SECONDS),
  }
}

/** In the same round, less what the same way takes without a proxy. */
function derive(rows: readonly RowResult[]): void {
  const direct = rows.find((row) => row.peer === 'direct')
  if (direct === undefined) return
  for (const row of rows) {
    for (const [key, from] of [
      ['addedP50Us', 'p50Us'],
      ['addedP99Us', 'p99Us'],
    ] as const) {
      const added = (row.samples[from] ?? []).map((value, round) => value - direct.samples[from][round])
      row.samples[key] = row === direct ? [] : added.filter(Number.isFinite)
    }
  }
}

export const latency: Measure = {
  name: 'latency',
  title: 'latency: 64-byte messages at a fixed rate over 64 kept connections',
  needs: [],
  metrics: [
    { key: 'p50Us', label: 'p50 µs', better: 'less', digits: 0, informative: true },
    { key: 'p99Us', label: 'p99 µs', better: 'less', digits: 0, informative: true },
    { key: 'addedP50Us', label: 'added p50 µs', better: 'less', digits: 0, ofMedians: true },
    { key: 'addedP99Us', label: 'added p99 µs', better: 'less', digits: 0, ofMedians: true },
    { key: 'cpuShare', label: 'CPU of the proxy', better: 'less', digits: 2, informative: true },
    { key: 'late99Us', label: 'generator late p99 µs', better: 'less', digits: 0, informative: true },
  ],
  warmUpSeconds: 1,
  prepare,
  derive,
}

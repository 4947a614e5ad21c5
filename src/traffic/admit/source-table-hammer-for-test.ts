/** For source-table.test.ts: a worker thread whose clients come and go as fast as they can, from few sources. */
import { isMainThread, workerData } from 'node:worker_threads'
import { monotonicMs } from '../../lib/clock.ts'
import { WORKER_STRIDE } from '../counters.ts'
import { rateLimit } from './rate-limit.ts'
import { NO_HANDLE, OVER_CONNECTIONS, SourceTable, TAKEN } from './source-table.ts'
import { SOURCE } from './source-key.ts'

export interface HammerStart {
  readonly index: number
  readonly memory: SharedArrayBuffer
  /** Places of REPORT, then one for each source: how many it has open, by what the threads themselves know. */
  readonly report: SharedArrayBuffer
  /** Float64 counters of each thread. */
  readonly counts: SharedArrayBuffer
  readonly sources: number
  readonly visits: number
  readonly connectionsMax: number
  /** Of each source; 0 is no rate. */
  readonly burst: number
  /** In a second. 0: the clock stands still, and nothing comes back. */
  readonly rate: number
}

export const REPORT = { taken: 0, refused: 1, tooMany: 2, startedBy: 3 } as const
export const REPORT_INTS = 4

function hammer(start: HammerStart, threads: number): void {
  const report = new Int32Array(start.report)
  const counts = new Float64Array(start.counts, start.index * WORKER_STRIDE * 8, WORKER_STRIDE)
  const table = new SourceTable(start.memory, counts)
  const limits = {
    connectionsMax: start.connectionsMax,
    rate: start.burst === 0 ? null : rateLimit(Math.max(1, start.rate), 1000, start.burst),
  }
  const bytes = new Uint8Array(4)
  const held: { handle: number; source: number }[] = []
  let random = start.index + 1
  const roll = (below: number): number => {
    random = (Math.imul(random, 1_103_515_245) + 12_345) & 0x7fffffff
    return (random >> 8) % below
  }
  const leave = (): void => {
    const [left] = held.splice(roll(held.length), 1)
    Atomics.sub(report, REPORT_INTS + left.source, 1)
    table.give(left.handle)
  }
  Atomics.add(report, REPORT.startedBy, 1)
  // Together, or the first is done before the last has begun.
  while (Atomics.load(report, REPORT.startedBy) < threads);
  for (let visit = 0; visit < start.visits; visit++) {
    const source = roll(start.sources)
    bytes.set([192, 0, 2, source])
    const found = table.take(0, SOURCE.address, bytes, 0, 4, limits, false, start.rate === 0 ? 0 : monotonicMs())
    if (found === TAKEN && table.handle !== NO_HANDLE) {
      held.push({ handle: table.handle, source })
      const open = Atomics.add(report, REPORT_INTS + source, 1) + 1
      if (start.connectionsMax > 0 && open > start.connectionsMax) Atomics.add(report, REPORT.tooMany, 1)
      Atomics.add(report, REPORT.taken, 1)
    } else if (found !== TAKEN) {
      Atomics.add(report, REPORT.refused, 1)
      if (found === OVER_CONNECTIONS && held.length > 0) leave()
    }
    if (held.length > 0 && roll(2) === 0) leave()
  }
  while (held.length > 0) leave()
}

if (!isMainThread) hammer(workerData.start as HammerStart, workerData.threads as number)

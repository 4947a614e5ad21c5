/**
 * Step 4 of 6, after hello, before dial. `balance: ordered`: always the same order, except that an address that
 * failed a moment ago is tried last, so that one dead upstream does not cost every client its connect timeout.
 */
import type { MonotonicMs, NodeWide } from '../node-wide.ts'
import type { Service } from '../tables.ts'

/** The place in `service.candidates` to dial next; -1 when all were tried. `tried` has a bit for each candidate. */
export function chooseOrdered(service: Service, tried: number, nodeWide: NodeWide, nowMs: MonotonicMs): number {
  const candidates = service.candidates
  let lastResort = -1
  for (let i = 0; i < candidates.length; i++) {
    if ((tried & (1 << i)) !== 0) continue
    if (nodeWide.failedUntilMs(candidates[i].addressIndex) <= nowMs) return i
    if (lastResort === -1) lastResort = i
  }
  return lastResort
}

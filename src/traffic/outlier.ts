/**
 * An upstream that fails one connect after the other is taken out for a while, by whichever worker counts the last
 * failure. All of it is shared memory: no worker asks another, and a storm of failures ejects once.
 *
 *   failures in a row = outlier.failures  ->  out for ejectFor x n, at most ejectForMax
 *   n grows by one with each ejection, and falls by one for each ejectFor that the upstream has been back
 *
 * Our own shortages (files, memory, source ports) say nothing about an upstream: callers leave them out.
 */
import type { MonotonicMs } from './node-wide.ts'
import type { Service } from './tables.ts'
import type { UpstreamStates } from './upstream-states.ts'

/** A connect failed by the upstream's doing, or its network's. */
export function noteConnectFailure(
  states: UpstreamStates,
  service: Service,
  upstreamIndex: number,
  nowMs: MonotonicMs,
): void {
  const { failures } = service.outlier
  // Those that were under way when it was taken out, and those of `try-all`, say nothing new.
  if (failures === 0 || states.ejectedUntilMs(upstreamIndex) > nowMs) return
  if (states.countFailure(upstreamIndex) < failures) return
  // Who finds it held leaves the rest to the next failure: the count stays.
  if (!states.holdEjections(service.index)) return
  try {
    if (isStillDue(states, service, upstreamIndex, nowMs)) eject(states, service, upstreamIndex, nowMs)
  } finally {
    states.releaseEjections(service.index)
  }
}

/** Asked while ejections are held: another worker may have ejected it meanwhile, or others up to the greatest share. */
function isStillDue(states: UpstreamStates, service: Service, upstreamIndex: number, nowMs: MonotonicMs): boolean {
  const { outlier, upstreams } = service
  if (states.failuresInRow(upstreamIndex) < outlier.failures || states.ejectedUntilMs(upstreamIndex) > nowMs) {
    return false
  }
  let ejected = 0
  for (let i = 0; i < upstreams.length; i++) if (states.ejectedUntilMs(upstreams[i].index) > nowMs) ejected++
  return (ejected + 1) * 100 <= outlier.ejectedPercentMax * upstreams.length
}

function eject(states: UpstreamStates, service: Service, upstreamIndex: number, nowMs: MonotonicMs): void {
  const { ejectForMs, ejectForMsMax } = service.outlier
  const forgiven = Math.floor((nowMs - states.ejectedUntilMs(upstreamIndex)) / ejectForMs)
  const timesInRow = Math.max(0, states.ejectionsInRow(upstreamIndex) - forgiven) + 1
  states.eject(upstreamIndex, nowMs, nowMs + Math.min(ejectForMs * timesInRow, ejectForMsMax), timesInRow)
}

/** How many upstreams of a service new clients can be given to with good reason. */
import { monotonicMs } from '../../lib/clock.ts'
import type { Service } from '../../traffic/tables.ts'
import { WANTED } from '../../traffic/upstream-states.ts'
import type { UpstreamStates } from '../../traffic/upstream-states.ts'

/** Those that checks found down, or failures took out, do not count, although `whenAllDown: try-all` would try them. */
export function usableUpstreams(service: Service, states: UpstreamStates): number {
  const nowMs = monotonicMs()
  const resolved = new Set(service.candidates.map(({ upstreamIndex }) => upstreamIndex))
  const usable = service.upstreams.filter(
    ({ index, share }) =>
      share.weight > 0 && states.wanted(index) === WANTED.up && !states.isDown(index, nowMs) && resolved.has(index),
  )
  return usable.length
}

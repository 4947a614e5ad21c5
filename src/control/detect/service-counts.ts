/** The counters of a service that an attack is told by, and what they have become since. */
import { STRIKE_CODES } from '../../traffic/admit/strike-kinds.ts'
import { CLOSE_REASON_CODES, CLOSE_REASON_NAMES, type CloseReason } from '../../traffic/close-reason.ts'
import { SERVICE, UPSTREAM } from '../../traffic/counters.ts'
import type { Service } from '../../traffic/tables.ts'
import { refusedFor } from '../series/series-fields.ts'
import type { SharedMemory } from '../workers/shared-memory.ts'

export interface ServiceCounts {
  readonly newcomers: number
  readonly admitted: number
  readonly refused: number
  readonly ended: number
  /** Ended, and never carried a byte. */
  readonly unused: number
  readonly connectFailures: number
}

export function countsOf(memory: SharedMemory, { index, upstreams }: Service): ServiceCounts {
  let [refused, ended] = [0, 0]
  for (let code = 0; code < CLOSE_REASON_NAMES.length; code++) {
    refused += memory.serviceSum(index, SERVICE.refused + code)
    ended += memory.serviceSum(index, SERVICE.closed + code)
  }
  return {
    newcomers: memory.serviceSum(index, SERVICE.newcomers),
    admitted: memory.serviceSum(index, SERVICE.total),
    refused,
    ended,
    unused:
      memory.serviceSum(index, SERVICE.strikes + STRIKE_CODES.unused) +
      memory.serviceSum(index, SERVICE.strikes + STRIKE_CODES['first-byte']),
    connectFailures: upstreams.reduce((sum, { index }) => sum + memory.upstreamSum(index, UPSTREAM.connectFailures), 0),
  }
}

export function difference(now: ServiceCounts, before: ServiceCounts): ServiceCounts {
  return {
    newcomers: now.newcomers - before.newcomers,
    admitted: now.admitted - before.admitted,
    refused: now.refused - before.refused,
    ended: now.ended - before.ended,
    unused: now.unused - before.unused,
    connectFailures: now.connectFailures - before.connectFailures,
  }
}

const REFUSALS = CLOSE_REASON_NAMES.filter((reason) => reason.startsWith('refused-'))
/** Neither we nor an upstream that failed has ended those. */
const SERVED: readonly CloseReason[] = ['client-closed', 'upstream-closed', 'client-reset', 'upstream-reset']

/** What a record tells, as it stands now. */
export interface Outcome {
  readonly counts: ServiceCounts
  readonly refusedByReason: ReadonlyMap<CloseReason, number>
  readonly ended: number
  readonly bytes: number
}

export function outcomeOf(memory: SharedMemory, service: Service): Outcome {
  const closed = (reason: CloseReason): number =>
    memory.serviceSum(service.index, SERVICE.closed + CLOSE_REASON_CODES[reason])
  const { index } = service
  return {
    counts: countsOf(memory, service),
    refusedByReason: new Map(REFUSALS.map((reason) => [reason, refusedFor(memory, index, reason)])),
    ended: SERVED.reduce((sum, reason) => sum + closed(reason), 0),
    bytes: memory.serviceSum(index, SERVICE.bytesToUpstream) + memory.serviceSum(index, SERVICE.bytesToClient),
  }
}

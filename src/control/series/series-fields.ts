/** What is measured each second, of a service and, added up, of the node. All are read from the counters that workers write. */
import { CLOSE_REASON_CODES, CLOSE_REASON_NAMES, type CloseReason } from '../../traffic/close-reason.ts'
import { SERVICE, UPSTREAM } from '../../traffic/counters.ts'
import type { SharedMemory } from '../workers/shared-memory.ts'

/** Names in the API and in the store. */
const BASE_FIELDS = {
  connectionsOpen: 'Connections that are open.',
  newcomers: 'Clients that came, let in or not; without those on the allow list.',
  connectionsNew: 'Clients that were let in.',
  refused: 'Clients that were refused, for all reasons.',
  bytesToUpstream: 'Bytes from clients to upstreams.',
  bytesToClient: 'Bytes from upstreams to clients.',
  connectFailures: 'Connects to upstreams that failed.',
  bansActive: 'Bans that hold; of the node only.',
  bansMade: 'Bans that were made; of the node only.',
} as const

const REFUSALS: readonly CloseReason[] = CLOSE_REASON_NAMES.filter((reason) => reason.startsWith('refused-'))

export type SeriesField = keyof typeof BASE_FIELDS | `refused:${CloseReason}`

/** In the order of the numbers in a reading. */
export const SERIES_FIELDS: readonly SeriesField[] = [
  ...(Object.keys(BASE_FIELDS) as (keyof typeof BASE_FIELDS)[]),
  ...REFUSALS.map((reason) => `refused:${reason}` as const),
]
export const SERIES_FIELD_MEANINGS: Readonly<Record<string, string>> = {
  ...BASE_FIELDS,
  ...Object.fromEntries(REFUSALS.map((reason) => [`refused:${reason}`, `Clients that were refused: ${reason}.`])),
}

export const FIELD = Object.fromEntries(SERIES_FIELDS.map((field, i) => [field, i])) as Readonly<
  Record<SeriesField, number>
>
const FIRST_REFUSAL = SERIES_FIELDS.length - REFUSALS.length
/** Those that are as they are; all others count up, and what is kept of them is how much in a second. */
const GAUGES: ReadonlySet<SeriesField> = new Set<SeriesField>(['connectionsOpen', 'bansActive'])
export const IS_GAUGE: readonly boolean[] = SERIES_FIELDS.map((field) => GAUGES.has(field))

/** Into `reading`, by FIELD. Upstreams that are gone from the tables keep their counts: `upstreams` names them too. */
export function readService(
  memory: SharedMemory,
  index: number,
  upstreams: Iterable<number>,
  reading: Float64Array,
): void {
  reading[FIELD.connectionsOpen] = memory.serviceSum(index, SERVICE.open)
  reading[FIELD.newcomers] = memory.serviceSum(index, SERVICE.newcomers)
  reading[FIELD.connectionsNew] = memory.serviceSum(index, SERVICE.total)
  reading[FIELD.bytesToUpstream] = memory.serviceSum(index, SERVICE.bytesToUpstream)
  reading[FIELD.bytesToClient] = memory.serviceSum(index, SERVICE.bytesToClient)
  let failures = 0
  for (const upstream of upstreams) failures += memory.upstreamSum(upstream, UPSTREAM.connectFailures)
  reading[FIELD.connectFailures] = failures
  let refused = 0
  for (let i = 0; i < REFUSALS.length; i++) {
    const clients = refusedFor(memory, index, REFUSALS[i])
    reading[FIRST_REFUSAL + i] = clients
    refused += clients
  }
  reading[FIELD.refused] = refused
}

/** At accept, and for the address in a PROXY header. */
export function refusedFor(memory: SharedMemory, index: number, reason: CloseReason): number {
  const code = CLOSE_REASON_CODES[reason]
  return memory.serviceSum(index, SERVICE.refused + code) + memory.serviceSum(index, SERVICE.closed + code)
}

/** What the node says of itself once a second, as signals; and what has changed since the second before. */
import { computed, signal } from '@preact/signals'
import type { NodeStatus, ServiceStatus } from '../../src/api/contract.ts'
import { addressOf, get } from './api.ts'
import { countsByReason, type CountsOf, type Look, type Rates, ratesBetween, type ReasonCount } from './rates.ts'

export type { Look } from './rates.ts'
export { sum } from './rates.ts'

/** `lost`: nothing came for a while; the browser goes on trying. */
export type Link = 'connecting' | 'live' | 'lost'

export const link = signal<Link>('connecting')
export const look = signal<Look | undefined>(undefined)
/** A second ago. */
export const before = signal<Look | undefined>(undefined)

const START_AGAIN_MS = 30_000

let source: EventSource | undefined

/** Called once somebody is logged in; again after that changes nothing. */
export function startLive(): void {
  if (source !== undefined) return
  source = new EventSource(addressOf('/api/v1/live'))
  source.addEventListener('status', (event: MessageEvent<string>) => {
    const status = JSON.parse(event.data) as NodeStatus
    // Counters begin anew with the daemon: rates against the old ones would be nonsense.
    before.value = look.value?.status.startedAt === status.startedAt ? look.value : undefined
    look.value = { atMs: performance.now(), status }
    link.value = 'live'
  })
  source.addEventListener('error', () => {
    link.value = 'lost'
    if (source?.readyState !== EventSource.CLOSED) return
    // An answer that is no stream closes it for good. If the session is over any request tells, and the login page comes
    // up; else too many watch, say, and that is tried again.
    void get('/api/v1/account/sessions')
      .catch(() => {})
      .then(() => setTimeout(startAgain, START_AGAIN_MS))
  })
}

function startAgain(): void {
  if (source?.readyState !== EventSource.CLOSED) return
  source = undefined
  startLive()
}

export function stopLive(): void {
  source?.close()
  source = undefined
  look.value = undefined
  before.value = undefined
  link.value = 'connecting'
}

export const services = computed<readonly ServiceStatus[]>(() => look.value?.status.services ?? [])

/** Of one service, or of all. */
export function ratesOf(service?: string): Rates {
  return ratesBetween(before.value, look.value, service)
}

/** By reason, of one service or of all. */
export function reasonsOf(counts: CountsOf, service?: string): ReasonCount[] {
  return countsByReason(before.value, look.value, counts, service)
}

/** What the node says of itself once a second, as signals; and what has changed since the second before. */
import { computed, signal } from '@preact/signals'
import type { NodeStatus, ServiceStatus } from '../../src/api/contract.ts'
import { addressOf, get } from './api.ts'

/** `lost`: nothing came for a while; the browser goes on trying. */
export type Link = 'connecting' | 'live' | 'lost'

export interface Look {
  readonly atMs: number
  readonly status: NodeStatus
}

export const link = signal<Link>('connecting')
export const look = signal<Look | undefined>(undefined)
const before = signal<Look | undefined>(undefined)

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
    // A session that is over closes the stream for good: any request tells, and the login page comes up.
    if (source?.readyState === EventSource.CLOSED) void get('/api/v1/account/sessions').catch(() => {})
  })
}

export function stopLive(): void {
  source?.close()
  source = undefined
  look.value = undefined
  before.value = undefined
  link.value = 'connecting'
}

export const services = computed<readonly ServiceStatus[]>(() => look.value?.status.services ?? [])

export interface Rates {
  readonly newPerSecond: number
  readonly refusedPerSecond: number
  readonly toUpstreamPerSecond: number
  readonly toClientPerSecond: number
}

const NO_RATES: Rates = { newPerSecond: 0, refusedPerSecond: 0, toUpstreamPerSecond: 0, toClientPerSecond: 0 }

/** Of one service, or of all. */
export function ratesOf(service?: string): Rates {
  const now = look.value
  const then = before.value
  if (now === undefined || then === undefined) return NO_RATES
  const seconds = (now.atMs - then.atMs) / 1000
  const grown = (count: (status: ServiceStatus) => number): number =>
    Math.max(0, sumOf(now, service, count) - sumOf(then, service, count)) / seconds
  return {
    newPerSecond: grown(({ connectionsTotal }) => connectionsTotal),
    refusedPerSecond: grown(({ refused }) => sum(Object.values(refused))),
    toUpstreamPerSecond: grown(({ bytesToUpstream }) => bytesToUpstream),
    toClientPerSecond: grown(({ bytesToClient }) => bytesToClient),
  }
}

function sumOf({ status }: Look, service: string | undefined, count: (status: ServiceStatus) => number): number {
  return sum(status.services.filter(({ name }) => service === undefined || name === service).map(count))
}

export function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

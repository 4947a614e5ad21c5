/** What is known of one hostname, and how each answer changes it. Pure: the clock and the network are elsewhere. */
import type { FamilyAnswer, HostAnswer } from './host-lookup.ts'

/** A TTL of 0 is common and means "do not cache"; asking more than once a second helps nobody. */
export const TTL_MS_MIN = 1_000
/** A day-long TTL must not keep a moved server unreachable for a day. */
export const TTL_MS_MAX = 3_600_000
/** For addresses from the hosts file or getaddrinfo, which know no TTL. */
export const TTL_MS_UNKNOWN = 30_000
/** After a failure: doubled from the first to the second. */
export const RETRY_MS_MIN = 1_000
export const RETRY_MS_MAX = 60_000
/** More than one service can dial; a name with more is a pool, and some of it is enough. */
export const ADDRESSES_PER_HOSTNAME_MAX = 64
/** Lookups are spread by up to this part of their delay, so that names with one TTL are not asked for at once. */
export const JITTER_PART = 0.1

export type HostnameState =
  | { readonly kind: 'fresh'; readonly addresses: readonly string[] }
  /** The last lookup failed; the addresses are those of the last that did not. */
  | {
      readonly kind: 'stale'
      readonly addresses: readonly string[]
      readonly failures: number
      readonly reason: string
    }

/** What is worth a line in the log. A failure that goes on is not said again. */
export type HostnameEvent =
  | {
      readonly kind: 'changed'
      readonly hostname: string
      readonly added: readonly string[]
      readonly removed: readonly string[]
    }
  | {
      readonly kind: 'lookup-failed'
      readonly hostname: string
      readonly reason: string
      readonly kept: readonly string[]
    }
  | { readonly kind: 'lookup-recovered'; readonly hostname: string }

export interface Step {
  readonly state: HostnameState
  readonly events: readonly HostnameEvent[]
  /** Until the next lookup, before jitter. */
  readonly delayMs: number
}

export function stepHostname(hostname: string, before: HostnameState, answer: HostAnswer): Step {
  if (answer.kind === 'failed') return stepFailed(hostname, before, answer.reason)
  const addresses = mergeAddresses(before.addresses, answer)
  const added = addresses.filter((address) => !before.addresses.includes(address))
  const removed = before.addresses.filter((address) => !addresses.includes(address))
  const events: HostnameEvent[] = []
  if (before.kind === 'stale') events.push({ kind: 'lookup-recovered', hostname })
  if (added.length + removed.length > 0) events.push({ kind: 'changed', hostname, added, removed })
  return { state: { kind: 'fresh', addresses }, events, delayMs: delayAfter(answer.ttlMs) }
}

function stepFailed(hostname: string, before: HostnameState, reason: string): Step {
  const failures = before.kind === 'stale' ? before.failures + 1 : 1
  const { addresses } = before
  const events: HostnameEvent[] =
    before.kind === 'stale' ? [] : [{ kind: 'lookup-failed', hostname, reason, kept: addresses }]
  const delayMs = Math.min(RETRY_MS_MIN * 2 ** Math.min(failures - 1, 16), RETRY_MS_MAX)
  return { state: { kind: 'stale', addresses, failures, reason }, events, delayMs }
}

export function delayAfter(ttlMs: number | undefined): number {
  return Math.min(Math.max(ttlMs ?? TTL_MS_UNKNOWN, TTL_MS_MIN), TTL_MS_MAX)
}

/**
 * The addresses that stay keep their order, new ones follow in the resolver's: DNS turns its answers round with every
 * query, and the order here decides which server is tried first. An IP version without an answer keeps its addresses.
 */
export function mergeAddresses(
  before: readonly string[],
  answer: { readonly ipv4: FamilyAnswer; readonly ipv6: FamilyAnswer },
): string[] {
  const keeps = (address: string): boolean => {
    const family = address.includes(':') ? answer.ipv6 : answer.ipv4
    return family.unknown || family.addresses.includes(address)
  }
  const stayed = before.filter(keeps)
  const fresh = [...answer.ipv4.addresses, ...answer.ipv6.addresses].filter((address) => !stayed.includes(address))
  return [...stayed, ...fresh].slice(0, ADDRESSES_PER_HOSTNAME_MAX)
}

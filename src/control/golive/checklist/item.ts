/** The words of the checklist: its items, their states, and the facts they are drawn from. */
import type { ServiceConfig } from '../../config/config.ts'
import type { DnsProbe } from '../dns/probe-dns.ts'
import type { ExposureReport } from '../exposure/report.ts'
import type { UpstreamProbe } from '../probe/probe-upstream.ts'

/** Every item there is, in order. */
export const CHECKLIST_IDS = [
  'upstream-ready',
  'dns',
  'dns-leaks',
  'upstream-address',
  'firewall',
  'exposure',
  'cut-over',
] as const
export type ChecklistId = (typeof CHECKLIST_IDS)[number]

/** `unknown`: nobody has looked, or looking told nothing. */
export type ChecklistState = 'ok' | 'warn' | 'fail' | 'unknown'

export interface ChecklistItem {
  readonly id: ChecklistId
  readonly title: string
  readonly state: ChecklistState
  /** One sentence, or several. */
  readonly saw: string
  /** What to do; absent where nothing is left to do. */
  readonly next?: string
}

export type ChecklistService = Pick<ServiceConfig, 'name' | 'mode' | 'listen' | 'upstreams'>

/** Whatever is absent nobody has looked at. */
export interface GoliveFacts {
  readonly nowMs: number
  /** The service's public addresses. */
  readonly addresses: readonly string[]
  /** By the upstream's name. */
  readonly probeByUpstream: ReadonlyMap<string, UpstreamProbe>
  readonly dns?: DnsProbe | undefined
  /** Upstreams' addresses that attackers may know, from before the attack; an empty list: there are none. */
  readonly oldAddresses?: readonly string[] | undefined
  /** The last report of a vantage for each upstream's host or address. */
  readonly exposures?: readonly ExposureReport[] | undefined
  /** Addresses of our nodes: a vantage there sees what only nodes see. */
  readonly nodes?: readonly string[] | undefined
  readonly cutOver?: CutOver | undefined
}

export type CutOver =
  | { readonly state: 'planned'; readonly atMs: number }
  | { readonly state: 'done'; readonly atMs: number }

/** A report that is older says little: firewalls change. Six of the looks that are taken every 4 h. */
export const EXPOSURE_AGE_MAX_MS = 24 * 3_600_000

export type Verdict = Pick<ChecklistItem, 'state' | 'saw' | 'next'>
export type Look = (service: ChecklistService, facts: GoliveFacts) => Verdict

export function worstState(items: readonly Pick<ChecklistItem, 'state'>[]): ChecklistState {
  const order: readonly ChecklistState[] = ['fail', 'unknown', 'warn', 'ok']
  return order.find((state) => items.some((item) => item.state === state)) ?? 'ok'
}

/** The worst of several, with the sentences of all that are no better. */
export function worstOf(verdicts: readonly Verdict[], otherwise: Verdict): Verdict {
  const state = worstState(verdicts)
  const worst = verdicts.filter((verdict) => verdict.state === state)
  if (worst.length === 0 || state === 'ok') return otherwise
  const next = [...new Set(worst.flatMap(({ next }) => (next === undefined ? [] : [next])))].join(' ')
  return { state, saw: worst.map(({ saw }) => saw).join(' '), ...(next === '' ? {} : { next }) }
}

/** How fast the counters of a node grow, from two looks at them. */
import type { NodeStatus, ServiceStatus, UpstreamStatus } from '../../src/api/contract.ts'

export interface Look {
  readonly atMs: number
  readonly status: NodeStatus
}

export interface Rates {
  readonly newPerSecond: number
  readonly refusedPerSecond: number
  readonly toUpstreamPerSecond: number
  readonly toClientPerSecond: number
}

const NO_RATES: Rates = { newPerSecond: 0, refusedPerSecond: 0, toUpstreamPerSecond: 0, toClientPerSecond: 0 }

/** Of one service, or of all. */
export function ratesBetween(then: Look | undefined, now: Look | undefined, service?: string): Rates {
  if (now === undefined || then === undefined || now.atMs <= then.atMs) return NO_RATES
  const grown = (count: (status: ServiceStatus) => number): number => grownBetween(then, now, service, count)
  return {
    newPerSecond: grown(({ connectionsTotal }) => connectionsTotal),
    refusedPerSecond: grown(({ refused }) => sum(Object.values(refused))),
    toUpstreamPerSecond: grown(({ bytesToUpstream }) => bytesToUpstream),
    toClientPerSecond: grown(({ bytesToClient }) => bytesToClient),
  }
}

export type CountsOf = (status: ServiceStatus) => Readonly<Record<string, number>>

export interface ReasonCount {
  readonly reason: string
  readonly count: number
  readonly perSecond: number
}

/** By reason, over one service or all, the most frequent first. */
export function countsByReason(
  then: Look | undefined,
  now: Look | undefined,
  counts: CountsOf,
  service?: string,
): ReasonCount[] {
  if (now === undefined) return []
  const reasons = new Set(servicesOf(now, service).flatMap((status) => Object.keys(counts(status))))
  return [...reasons]
    .map((reason) => {
      const of = (status: ServiceStatus): number => counts(status)[reason] ?? 0
      const perSecond = then === undefined || now.atMs <= then.atMs ? 0 : grownBetween(then, now, service, of)
      return { reason, count: sum(servicesOf(now, service).map(of)), perSecond }
    })
    .toSorted((a, b) => b.count - a.count || (a.reason < b.reason ? -1 : 1))
}

/** Mean of the connects between the two looks; undefined when there were none. */
export function recentConnectMs(then: UpstreamStatus | undefined, now: UpstreamStatus): number | undefined {
  if (then === undefined) return undefined
  const connects = now.connects - then.connects
  if (connects <= 0) return undefined
  const spent = (now.connectMsMean ?? 0) * now.connects - (then.connectMsMean ?? 0) * then.connects
  return Math.max(0, spent / connects)
}

function grownBetween(
  then: Look,
  now: Look,
  service: string | undefined,
  count: (status: ServiceStatus) => number,
): number {
  const seconds = (now.atMs - then.atMs) / 1000
  return Math.max(0, sumOf(now, service, count) - sumOf(then, service, count)) / seconds
}

function sumOf(look: Look, service: string | undefined, count: (status: ServiceStatus) => number): number {
  return sum(servicesOf(look, service).map(count))
}

function servicesOf({ status }: Look, service: string | undefined): readonly ServiceStatus[] {
  return service === undefined ? status.services : status.services.filter(({ name }) => name === service)
}

export function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

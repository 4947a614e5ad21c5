/**
 * What is true of this node now, for those who only look: metrics, the admin API, the log of refused clients.
 * Everything comes from shared memory and the tables; asking costs the workers nothing.
 */
import { monotonicMs } from '../lib/clock.ts'
import { CLOSE_REASON_NAMES, type CloseReason } from '../traffic/close-reason.ts'
import { SERVICE } from '../traffic/counters.ts'
import type { EngineName } from '../traffic/events.ts'
import { SharedQueue } from '../traffic/queue/shared-queue.ts'
import type { Service, Tables, Upstream } from '../traffic/tables.ts'
import type { Bans } from './bans/bans.ts'
import type { Attacks } from './detect/attacks.ts'
import type { ActiveChecks } from './check/active-checks.ts'
import type { Firewall } from './shield/firewall.ts'
import type { NodeLimits } from './limits/node-limits.ts'
import type { NetworkDatabases } from './databases/network-databases.ts'
import type { Notify } from './notify/notify.ts'
import type { Overload } from './overload/overload.ts'
import type { Lists } from './lists/lists.ts'
import type { SeriesSampler } from './series/series-sampler.ts'
import type { Store } from './store/store.ts'
import type { BusyRatios } from './workers/busy-ratios.ts'
import type { SharedMemory } from './workers/shared-memory.ts'

/** `ready` is: all listeners of all workers are open. */
export type NodeState = 'starting' | 'ready' | 'draining'

export interface NodeView {
  readonly version: string
  readonly startedAtMs: number
  readonly engine: EngineName
  readonly limits: NodeLimits
  readonly memory: SharedMemory
  readonly busy: BusyRatios
  readonly firewall: Pick<Firewall, 'view' | 'dropsFrom'>
  readonly checks: Pick<ActiveChecks, 'viewOf' | 'isAllDown'>
  readonly bans: Pick<Bans, 'view' | 'covering'>
  readonly attacks: Pick<Attacks, 'list' | 'find' | 'watched' | 'top' | 'calledBy' | 'isUnderAttack'>
  readonly overload: Pick<Overload, 'view'>
  /** What is kept; off for a node that was given none. */
  readonly store: Store
  readonly series: Pick<SeriesSampler, 'query' | 'totals' | 'latest' | 'recent' | 'mean' | 'follow'>
  readonly notify: Pick<Notify, 'view' | 'test'>
  readonly state: () => NodeState
  readonly tables: () => Tables
  /** Allow and deny lists; undefined for a node that was given none. */
  readonly lists: () => Lists | undefined
  /** Of countries and AS numbers; undefined for a node that was given none. */
  readonly databases: () => NetworkDatabases | undefined
  /** Lines that never reached stdout; records that never reached control are in the workers' counters. */
  readonly logLinesDropped: () => number
}

/** How many clients, by reason; reasons that never happened are left out. */
export type CountByReason = Partial<Record<CloseReason, number>>

export function closedByReason(memory: SharedMemory, service: Service): CountByReason {
  return countsFrom(memory, service, SERVICE.closed)
}

export function refusedByReason(memory: SharedMemory, service: Service): CountByReason {
  return countsFrom(memory, service, SERVICE.refused)
}

/** What rules on `watch` would have refused. */
export function watchedByReason(memory: SharedMemory, service: Service): CountByReason {
  return countsFrom(memory, service, SERVICE.watched)
}

function countsFrom(memory: SharedMemory, service: Service, place: number): CountByReason {
  const counts: CountByReason = {}
  CLOSE_REASON_NAMES.forEach((reason, code) => {
    const count = memory.serviceSum(service.index, place + code)
    if (count > 0) counts[reason] = count
  })
  return counts
}

/** False while checks or failures say it is down, while every address has failed within retryFailedAfter, or without any. */
export function isUpstreamUp(memory: SharedMemory, service: Service, upstream: Upstream): boolean {
  const nowMs = monotonicMs()
  if (memory.states.isDown(upstream.index, nowMs)) return false
  return service.candidates.some(
    ({ upstreamIndex, addressIndex }) =>
      upstreamIndex === upstream.index && memory.nodeWide.failedUntilMs(addressIndex) <= nowMs,
  )
}

/** Clients in the queue of the service. */
export function waitingIn({ queue }: Service): number {
  return queue.memory === undefined ? 0 : new SharedQueue(queue.memory).count
}

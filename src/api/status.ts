/** GET /status.json: the node in numbers, for `tidegate status` and whoever scripts against it. */
import { listenerText } from '../control/listener-text.ts'
import {
  closedByReason,
  isUpstreamUp,
  type NodeView,
  refusedByReason,
  waitingIn,
  watchedByReason,
} from '../control/node-view.ts'
import { monotonicMs } from '../lib/clock.ts'
import { formatSocketAddress } from '../lib/ip.ts'
import { CONNECT_MS_BUCKETS, SERVICE, UPSTREAM, WORKER } from '../traffic/counters.ts'
import type { Service, Upstream } from '../traffic/tables.ts'
import { FOUND_NAMES, WANTED_NAMES } from '../traffic/upstream-states.ts'
import { overloadStatus } from './overload.ts'
import { storeStatus } from './store-status.ts'
import type { NodeStatus, ServiceStatus, UpstreamStatus } from './contract.ts'

export function nodeStatus(node: NodeView): NodeStatus {
  const tables = node.tables()
  const attacks = new Map(node.attacks.watched().map(({ service, attack }) => [service.name, attack?.start.id]))
  return {
    version: node.version,
    state: node.state(),
    startedAt: new Date(node.startedAtMs).toISOString(),
    uptimeMs: Math.max(0, Date.now() - node.startedAtMs),
    engine: node.engine,
    workers: node.busy.ratios().map((busyRatio) => ({ busyRatio })),
    connectionsOpen: node.memory.nodeWide.openConnections,
    connectionsMax: node.limits.connectionsMax,
    overload: overloadStatus(node),
    logDropped: node.logLinesDropped() + node.memory.workerSum(WORKER.logRecordsDropped),
    store: storeStatus(node),
    tablesVersion: tables.version,
    services: tables.services.map((service) => serviceStatus(node, service, attacks)),
  }
}

/** The number of the attack under way, by service. */
type AttackByService = ReadonlyMap<string, number | undefined>

function serviceStatus(node: NodeView, service: Service, attacks: AttackByService): ServiceStatus {
  const sum = (place: number): number => node.memory.serviceSum(service.index, place)
  return {
    name: service.name,
    mode: service.mode,
    listeners: service.listeners.map(listenerText),
    connectionsOpen: sum(SERVICE.open),
    connectionsWaiting: waitingIn(service),
    connectionsTotal: sum(SERVICE.total),
    bytesToUpstream: sum(SERVICE.bytesToUpstream),
    bytesToClient: sum(SERVICE.bytesToClient),
    closed: closedByReason(node.memory, service),
    refused: refusedByReason(node.memory, service),
    watched: watchedByReason(node.memory, service),
    attack: attacks.get(service.name) ?? null,
    upstreams: service.upstreams.map((upstream) => upstreamStatus(node, service, upstream)),
  }
}

export function upstreamStatus(node: NodeView, service: Service, upstream: Upstream): UpstreamStatus {
  const nowMs = monotonicMs()
  const { states } = node.memory
  const sum = (place: number): number => node.memory.upstreamSum(upstream.index, place)
  let connects = 0
  for (let i = 0; i <= CONNECT_MS_BUCKETS.length; i++) connects += sum(UPSTREAM.connectBuckets + i)
  return {
    name: upstream.name,
    up: isUpstreamUp(node.memory, service, upstream),
    wanted: WANTED_NAMES[states.wanted(upstream.index)],
    found: FOUND_NAMES[states.found(upstream.index)],
    ejected: states.ejectedUntilMs(upstream.index) > nowMs,
    weight: upstream.share.weight,
    backup: upstream.share.backup,
    ejectedForMs: Math.max(0, Math.round(node.memory.states.ejectedUntilMs(upstream.index) - nowMs)),
    addresses: service.candidates
      .filter(({ upstreamIndex }) => upstreamIndex === upstream.index)
      .map(({ address, addressIndex }) => ({
        address: formatSocketAddress(address),
        failedRecently: node.memory.nodeWide.failedUntilMs(addressIndex) > nowMs,
      })),
    connectionsOpen: sum(UPSTREAM.open),
    connects,
    connectFailures: sum(UPSTREAM.connectFailures),
    connectMsMean: connects === 0 ? null : sum(UPSTREAM.connectMsSum) / connects,
    check: lastCheck(node, upstream),
  }
}

function lastCheck(node: NodeView, { index }: Upstream): UpstreamStatus['check'] {
  const last = node.checks.viewOf(index)?.last
  if (last === undefined) return null
  return { result: last.decision, reason: last.said, ms: last.ms, at: new Date(last.endedAtMs).toISOString() }
}

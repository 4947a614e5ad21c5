/** Where each metric's values come from. */
import { clientsForgotten } from '../traffic/affinity.ts'
import { STRIKE_NAMES } from '../traffic/admit/strike-kinds.ts'
import { CLOSE_REASON_NAMES, type CloseReason } from '../traffic/close-reason.ts'
import { CONNECT_MS_BUCKETS, SERVICE, UPSTREAM, WORKER } from '../traffic/counters.ts'
import type { Service, Upstream } from '../traffic/tables.ts'
import { WANTED, WANTED_NAMES } from '../traffic/upstream-states.ts'
import { BAN_ORIGIN_NAMES } from '../control/bans/ban.ts'
import type { CountByOrigin } from '../control/bans/ban-answers.ts'
import { ATTACK_KIND_NAMES } from '../control/detect/attack-kinds.ts'
import type { CheckView } from '../control/check/active-checks.ts'
import type { Database } from '../control/databases/network-databases.ts'
import type { List } from '../control/lists/lists.ts'
import { isUpstreamUp, type NodeView, waitingIn } from '../control/node-view.ts'
import type { RuleCount } from '../control/shield/firewall-view.ts'
import { fileLimit } from '../kernel/limits.ts'
import type { MetricName } from './metric-names.ts'

export interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
  /** Where a line is not named as its metric: `_bucket`, `_sum`, `_count`. */
  readonly suffix?: string
}

/** One line per metric: the compiler says when a name has none. */
export const SAMPLES: Readonly<Record<MetricName, (node: NodeView) => Sample[]>> = {
  tidegate_build_info: ({ version, engine }) => [
    { labels: { version, node: process.versions.node, engine }, value: 1 },
  ],
  tidegate_ready: (node) => one(node.state() === 'ready' ? 1 : 0),
  tidegate_connections_open: (node) => perService(node, SERVICE.open),
  tidegate_connections_max: (node) => one(node.limits.connectionsMax),
  tidegate_connections_total: (node) => perService(node, SERVICE.total),
  tidegate_connections_closed_total: (node) => perReason(node, SERVICE.closed, (reason) => !isRefusal(reason)),
  tidegate_refused_total: (node) => perReason(node, SERVICE.refused, isRefusal),
  tidegate_watched_total: (node) => perReason(node, SERVICE.watched, isRefusal),
  tidegate_sources_tracked: (node) => one(node.memory.workerSum(WORKER.sourcesTracked)),
  tidegate_sources_untracked_total: (node) => one(node.memory.workerSum(WORKER.sourcesUntracked)),
  tidegate_sources_forgotten_total: (node) => one(node.memory.workerSum(WORKER.sourcesForgotten)),
  tidegate_tarpitted: (node) => one(node.memory.workerSum(WORKER.tarpitted)),
  tidegate_overload_level: (node) => one(node.overload.view().level),
  tidegate_overload_wanted_level: (node) =>
    Object.entries(node.overload.view().wanted).map(([cause, value]) => ({ labels: { cause }, value })),
  tidegate_known_clients: (node) => one(node.overload.view().knownClients),
  tidegate_bans_active: (node) => perOrigin(node.bans.view().active),
  tidegate_bans_total: (node) => perOrigin(node.bans.view().made),
  tidegate_bans_watched_total: (node) => perOrigin(node.bans.view().watched),
  tidegate_bans_displaced_total: (node) => one(node.bans.view().displaced),
  tidegate_bans_spared_total: (node) => one(node.bans.view().spared),
  tidegate_strike_sources_forgotten_total: (node) => one(node.bans.view().sourcesForgotten),
  tidegate_attack_active: (node) =>
    node.tables().services.map(({ name, index }) => ({
      labels: { service: name },
      value: node.attacks.isUnderAttack(index) ? 1 : 0,
    })),
  tidegate_attacks_total: (node) =>
    node.tables().services.flatMap(({ name }) =>
      ATTACK_KIND_NAMES.map((kind) => ({
        labels: { service: name, kind },
        value: node.attacks.calledBy(name, kind),
      })),
    ),
  tidegate_bytes_total: (node) =>
    node
      .tables()
      .services.flatMap((service) => [
        bytes(node, service, 'to_upstream', SERVICE.bytesToUpstream),
        bytes(node, service, 'to_client', SERVICE.bytesToClient),
      ]),
  tidegate_queue_waiting: (node) =>
    node.tables().services.map((service) => ({ labels: { service: service.name }, value: waitingIn(service) })),
  tidegate_queue_waited_total: (node) => perService(node, SERVICE.queued),
  tidegate_queue_wait_seconds_total: (node) =>
    perService(node, SERVICE.queueMsSum).map(({ labels, value }) => ({ labels, value: value / 1000 })),
  tidegate_hedges_total: (node) => perService(node, SERVICE.hedges),
  tidegate_hedges_won_total: (node) => perService(node, SERVICE.hedgesWon),
  tidegate_upstream_up: (node) =>
    perUpstream(node, (service, upstream) => (isUpstreamUp(node.memory, service, upstream) ? 1 : 0)),
  tidegate_upstream_ejections_total: (node) =>
    perUpstream(node, (_, upstream) => node.memory.states.ejections(upstream.index)),
  tidegate_upstream_wanted: upstreamWanted,
  tidegate_upstream_connections_open: (node) =>
    perUpstream(node, (_, upstream) => node.memory.upstreamSum(upstream.index, UPSTREAM.open)),
  tidegate_upstream_connect_seconds: connectSeconds,
  tidegate_upstream_connect_failures_total: (node) =>
    perUpstream(node, (_, upstream) => node.memory.upstreamSum(upstream.index, UPSTREAM.connectFailures)),
  tidegate_affinity_forgotten_total: (node) =>
    node.tables().services.flatMap(({ name, affinity }) => {
      return affinity === null ? [] : [{ labels: { service: name }, value: clientsForgotten(affinity.memory) }]
    }),
  tidegate_all_upstreams_down: (node) =>
    node.tables().services.map(({ name, index }) => ({
      labels: { service: name },
      value: node.checks.isAllDown(index) ? 1 : 0,
    })),
  tidegate_check_total: (node) =>
    perChecked(node, (labels, { checksUp, checksDown }) => [
      { labels: { ...labels, result: 'up' }, value: checksUp },
      { labels: { ...labels, result: 'down' }, value: checksDown },
    ]),
  tidegate_check_seconds: (node) =>
    perChecked(node, (labels, { last }) => (last === undefined ? [] : [{ labels, value: last.ms / 1000 }])),
  tidegate_firewall_active: (node) => one(node.firewall.view().state.kind === 'active' ? 1 : 0),
  tidegate_firewall_entries: (node) =>
    node.firewall.view().sets.map(({ name, entries }) => ({ labels: { set: name }, value: entries })),
  tidegate_firewall_dropped_packets_total: (node) => perFirewallRule(node, ({ packets }) => packets),
  tidegate_firewall_dropped_bytes_total: (node) => perFirewallRule(node, ({ bytes }) => bytes),
  tidegate_list_entries: (node) => perList(node, ({ entries }) => entries.count),
  tidegate_list_bad_lines: (node) => perList(node, ({ badLineCount }) => badLineCount),
  tidegate_list_stale: (node) => perList(node, ({ problem }) => (problem === undefined ? 0 : 1)),
  tidegate_database_built_timestamp_seconds: (node) => perDatabase(node, ({ builtAtMs }) => builtAtMs / 1000),
  tidegate_database_stale: (node) => perDatabase(node, ({ problem }) => (problem === undefined ? 0 : 1)),
  tidegate_worker_loop_busy_ratio: (node) =>
    node.busy.ratios().map((value, i) => ({ labels: { worker: String(i) }, value })),
  tidegate_worker_lag_seconds: (node) =>
    perWorker(node, WORKER.lagMs).map(({ labels, value }) => ({ labels, value: value / 1000 })),
  tidegate_worker_pipes_open: (node) => perWorker(node, WORKER.pipesOpen),
  tidegate_worker_spill_bytes: (node) => perWorker(node, WORKER.spillBytes),
  tidegate_strikes_total: strikes,
  tidegate_strikes_dropped_total: (node) => one(node.memory.workerSum(WORKER.strikesDropped)),
  tidegate_accept_pauses_total: (node) => one(node.memory.workerSum(WORKER.acceptPauses)),
  tidegate_store_up: ({ store }) => one(store.state.trouble === undefined ? 1 : 0),
  tidegate_notifications_total: (node) =>
    node.notify.view().channels.flatMap(({ config: { name: channel }, sent, failed }) => [
      { labels: { channel, result: 'sent' }, value: sent },
      { labels: { channel, result: 'failed' }, value: failed },
    ]),
  tidegate_notifications_waiting: (node) =>
    node.notify.view().channels.map(({ config, waiting }) => ({ labels: { channel: config.name }, value: waiting })),
  tidegate_log_dropped_total: (node) => one(node.logLinesDropped() + node.memory.workerSum(WORKER.logRecordsDropped)),
  process_cpu_seconds_total: () => {
    const { user, system } = process.cpuUsage()
    return one((user + system) / 1e6)
  },
  process_resident_memory_bytes: residentMemory,
  // The open ones are not counted: listing 100,000 of them takes longer than the rest of the page.
  process_max_fds: () => one(fileLimit()?.soft ?? 0),
  process_start_time_seconds: ({ startedAtMs }) => one(startedAtMs / 1000),
}

/** Node reads a file for it, and throws when it is out of them: no reason to have no page at all. */
function residentMemory(): Sample[] {
  try {
    return one(process.memoryUsage.rss())
  } catch {
    return []
  }
}

function one(value: number): Sample[] {
  return [{ labels: {}, value }]
}

function perOrigin(counts: CountByOrigin): Sample[] {
  return BAN_ORIGIN_NAMES.map((origin) => ({ labels: { origin }, value: counts[origin] }))
}

function perService(node: NodeView, place: number): Sample[] {
  return node.tables().services.map(({ name, index }) => ({
    labels: { service: name },
    value: node.memory.serviceSum(index, place),
  }))
}

function bytes(node: NodeView, service: Service, direction: string, place: number): Sample {
  return { labels: { service: service.name, direction }, value: node.memory.serviceSum(service.index, place) }
}

/** Reasons that are expected are there from the start, at 0: a rate over a series that just appeared misses its first count. */
function perReason(node: NodeView, place: number, isExpected: (reason: CloseReason) => boolean): Sample[] {
  return node.tables().services.flatMap(({ name, index }) =>
    CLOSE_REASON_NAMES.flatMap((reason, code) => {
      const value = node.memory.serviceSum(index, place + code)
      return value > 0 || isExpected(reason) ? [{ labels: { service: name, reason }, value }] : []
    }),
  )
}

function isRefusal(reason: CloseReason): boolean {
  return reason.startsWith('refused-')
}

function strikes(node: NodeView): Sample[] {
  return node.tables().services.flatMap(({ name, index }) =>
    STRIKE_NAMES.map((kind, code) => {
      return { labels: { service: name, kind }, value: node.memory.serviceSum(index, SERVICE.strikes + code) }
    }),
  )
}

function perUpstream(node: NodeView, valueOf: (service: Service, upstream: Upstream) => number): Sample[] {
  return node.tables().services.flatMap((service) =>
    service.upstreams.map((upstream) => ({
      labels: { service: service.name, upstream: upstream.name },
      value: valueOf(service, upstream),
    })),
  )
}

/** All three states are there from the start, so that an alert on `drain` finds its series. */
function upstreamWanted(node: NodeView): Sample[] {
  return WANTED_NAMES.flatMap((state) =>
    perUpstream(node, (_, { index }) => (node.memory.states.wanted(index) === WANTED[state] ? 1 : 0)).map(
      ({ labels, value }) => ({ labels: { ...labels, state }, value }),
    ),
  )
}

function perChecked(node: NodeView, samplesOf: (labels: Sample['labels'], view: CheckView) => Sample[]): Sample[] {
  return node.tables().services.flatMap((service) =>
    service.upstreams.flatMap(({ name, index }) => {
      const view = node.checks.viewOf(index)
      return view === undefined ? [] : samplesOf({ service: service.name, upstream: name }, view)
    }),
  )
}

function perFirewallRule(node: NodeView, valueOf: (count: RuleCount) => number): Sample[] {
  return Object.entries(node.firewall.view().rules).map(([rule, count]) => ({
    labels: { rule },
    value: valueOf(count),
  }))
}

function perList(node: NodeView, valueOf: (list: List) => number): Sample[] {
  const all = node.lists()?.all ?? []
  return all.map((list) => ({ labels: { list: list.name, action: list.action }, value: valueOf(list) }))
}

function perDatabase(node: NodeView, valueOf: (database: Database) => number): Sample[] {
  const all = node.databases()?.all ?? []
  return all.map((database) => ({ labels: { database: database.kind }, value: valueOf(database) }))
}

function perWorker(node: NodeView, place: (typeof WORKER)[keyof typeof WORKER]): Sample[] {
  return node.memory.workers.map(({ counters }, i) => ({
    labels: { worker: String(i) },
    value: counters.worker[place],
  }))
}

/** Workers count each bucket by itself in milliseconds; Prometheus wants them added up, in seconds. */
function connectSeconds(node: NodeView): Sample[] {
  return node.tables().services.flatMap((service) =>
    service.upstreams.flatMap((upstream) => {
      const labels = { service: service.name, upstream: upstream.name }
      let count = 0
      const samples: Sample[] = [...CONNECT_MS_BUCKETS, Infinity].map((boundMs, i) => {
        count += node.memory.upstreamSum(upstream.index, UPSTREAM.connectBuckets + i)
        const le = boundMs === Infinity ? '+Inf' : String(boundMs / 1000)
        return { labels: { ...labels, le }, value: count, suffix: '_bucket' }
      })
      const sumMs = node.memory.upstreamSum(upstream.index, UPSTREAM.connectMsSum)
      return [...samples, { labels, value: sumMs / 1000, suffix: '_sum' }, { labels, value: count, suffix: '_count' }]
    }),
  )
}

/** Every metric there is. docs/metrics.md is compared with this table by a test. */

export interface MetricDescription {
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  readonly labels: readonly string[]
}

export const METRICS = {
  tidegate_build_info: {
    type: 'gauge',
    help: 'Always 1; the labels say what runs.',
    labels: ['version', 'node', 'engine'],
  },
  tidegate_ready: { type: 'gauge', help: '1 while all listeners are open and the node is not draining.', labels: [] },
  tidegate_connections_open: { type: 'gauge', help: 'Connections that are open now.', labels: ['service'] },
  tidegate_connections_max: {
    type: 'gauge',
    help: 'Connections this node takes at most; above it clients are refused with refused-ceiling.',
    labels: [],
  },
  tidegate_connections_total: { type: 'counter', help: 'Connections that were admitted.', labels: ['service'] },
  tidegate_connections_closed_total: {
    type: 'counter',
    help: 'Admitted connections that have ended, by reason (docs/close-reasons.md).',
    labels: ['service', 'reason'],
  },
  tidegate_refused_total: {
    type: 'counter',
    help: 'Clients that were never admitted, by reason (docs/close-reasons.md).',
    labels: ['service', 'reason'],
  },
  tidegate_watched_total: {
    type: 'counter',
    help: 'Clients that a rule of protect on watch would have refused, by reason (docs/close-reasons.md).',
    labels: ['service', 'reason'],
  },
  tidegate_sources_tracked: {
    type: 'gauge',
    help: 'Addresses and prefixes with open connections that are counted for protect, each service for itself.',
    labels: [],
  },
  tidegate_sources_untracked_total: {
    type: 'counter',
    help: 'Clients that were let in without being counted for protect, as protect.memory had no place for their source, or another thread held it for too long, or it had 262,143 connections already.',
    labels: [],
  },
  tidegate_sources_forgotten_total: {
    type: 'counter',
    help: 'Sources without connections that were forgotten before their rate had recovered, as protect.memory was full.',
    labels: [],
  },
  tidegate_tarpitted: {
    type: 'gauge',
    help: 'Refused clients that are kept waiting now, where protect.refuse is tarpit.',
    labels: [],
  },
  tidegate_overload_level: {
    type: 'gauge',
    help: 'How near the node is to its limits, 0 to 4 (docs/overload.md).',
    labels: [],
  },
  tidegate_overload_wanted_level: {
    type: 'gauge',
    help: 'The level that each cause asks for by itself.',
    labels: ['cause'],
  },
  tidegate_known_clients: {
    type: 'gauge',
    help: 'Clients that were useful before and are let in before strangers.',
    labels: [],
  },
  tidegate_bans_active: {
    type: 'gauge',
    help: 'Bans that refuse clients now, by who made them (docs/bans.md).',
    labels: ['origin'],
  },
  tidegate_bans_total: { type: 'counter', help: 'Bans that were made.', labels: ['origin'] },
  tidegate_bans_watched_total: {
    type: 'counter',
    help: 'Bans that would have been made, had their rule been on instead of watch.',
    labels: ['origin'],
  },
  tidegate_bans_displaced_total: {
    type: 'counter',
    help: 'Bans for which there was no room, or which had to make room, as protect.bans.max was reached.',
    labels: [],
  },
  tidegate_bans_spared_total: {
    type: 'counter',
    help: 'Times that strikes would have banned somebody who is never banned.',
    labels: [],
  },
  tidegate_strike_sources_forgotten_total: {
    type: 'counter',
    help: 'Sources whose strikes were forgotten before their time, as too many others were struck.',
    labels: [],
  },
  tidegate_attack_active: {
    type: 'gauge',
    help: '1 while the service is called under attack (docs/attacks.md).',
    labels: ['service'],
  },
  tidegate_attacks_total: {
    type: 'counter',
    help: 'Attacks that were called, by the kind that called them.',
    labels: ['service', 'kind'],
  },
  tidegate_bytes_total: {
    type: 'counter',
    help: 'Bytes relayed, without PROXY headers; direction is to_upstream or to_client.',
    labels: ['service', 'direction'],
  },
  tidegate_queue_waiting: {
    type: 'gauge',
    help: 'Clients that wait in the queue of the service now.',
    labels: ['service'],
  },
  tidegate_queue_waited_total: {
    type: 'counter',
    help: 'Clients that have waited in the queue, however that ended.',
    labels: ['service'],
  },
  tidegate_queue_wait_seconds_total: {
    type: 'counter',
    help: 'How long those clients have waited, in sum.',
    labels: ['service'],
  },
  tidegate_hedges_total: {
    type: 'counter',
    help: 'Dials that were started beside one that had not answered for hedgeAfter.',
    labels: ['service'],
  },
  tidegate_hedges_won_total: {
    type: 'counter',
    help: 'Clients that were served by such a dial.',
    labels: ['service'],
  },
  tidegate_upstream_up: {
    type: 'gauge',
    help: '0 while checks or failures say that the upstream is down, or each of its addresses has failed within retryFailedAfter, else 1.',
    labels: ['service', 'upstream'],
  },
  tidegate_upstream_ejections_total: {
    type: 'counter',
    help: 'Times the upstream was taken out because connects to it failed.',
    labels: ['service', 'upstream'],
  },
  tidegate_upstream_wanted: {
    type: 'gauge',
    help: '1 for what an operator wants of the upstream, up, drain or down; 0 for the other two.',
    labels: ['service', 'upstream', 'state'],
  },
  tidegate_upstream_connections_open: {
    type: 'gauge',
    help: 'Connections to the upstream that are open now.',
    labels: ['service', 'upstream'],
  },
  tidegate_upstream_connect_seconds: {
    type: 'histogram',
    help: 'How long successful connects to the upstream took.',
    labels: ['service', 'upstream'],
  },
  tidegate_upstream_connect_failures_total: {
    type: 'counter',
    help: 'Connects that were refused, unreachable, or not made within connectTimeout.',
    labels: ['service', 'upstream'],
  },
  tidegate_affinity_forgotten_total: {
    type: 'counter',
    help: 'Clients that were forgotten before their ttl because affinity.max was too small.',
    labels: ['service'],
  },
  tidegate_all_upstreams_down: {
    type: 'gauge',
    help: '1 while no upstream of the service is left; whenAllDown says what clients get.',
    labels: ['service'],
  },
  tidegate_check_total: {
    type: 'counter',
    help: 'Active checks of the upstream that have ended; result is up or down.',
    labels: ['service', 'upstream', 'result'],
  },
  tidegate_check_seconds: {
    type: 'gauge',
    help: 'How long the last active check of the upstream took, all its attempts together.',
    labels: ['service', 'upstream'],
  },
  tidegate_firewall_active: {
    type: 'gauge',
    help: '1 while our table is in the kernel; 0 when there is nobody to refuse, or the kernel does not take it.',
    labels: [],
  },
  tidegate_firewall_entries: {
    type: 'gauge',
    help: 'Addresses and prefixes in each set of our table.',
    labels: ['set'],
  },
  tidegate_firewall_dropped_packets_total: {
    type: 'counter',
    help: 'Packets that the kernel dropped by our table, by rule: ban, deny, syn-rate or invalid.',
    labels: ['rule'],
  },
  tidegate_firewall_dropped_bytes_total: {
    type: 'counter',
    help: 'Bytes of those packets, headers included.',
    labels: ['rule'],
  },
  tidegate_list_entries: {
    type: 'gauge',
    help: 'Networks on an allow or deny list; action is allow or deny.',
    labels: ['list', 'action'],
  },
  tidegate_list_bad_lines: {
    type: 'gauge',
    help: 'Lines of the list that cannot be read and are left out.',
    labels: ['list', 'action'],
  },
  tidegate_list_stale: {
    type: 'gauge',
    help: '1 while the file of the list cannot be read and what was read before is in force.',
    labels: ['list', 'action'],
  },
  tidegate_database_built_timestamp_seconds: {
    type: 'gauge',
    help: 'When the database of countries or AS numbers (database is country or asn) was built, in seconds since 1970.',
    labels: ['database'],
  },
  tidegate_database_stale: {
    type: 'gauge',
    help: '1 while the file of the database cannot be read and what was read before is in force.',
    labels: ['database'],
  },
  tidegate_worker_loop_busy_ratio: {
    type: 'gauge',
    help: 'The part of the last 10 s that the worker did not spend waiting; near 1 it is the bottleneck.',
    labels: ['worker'],
  },
  tidegate_worker_lag_seconds: {
    type: 'gauge',
    help: "The longest turn of the worker's loop in the last second in which it had something to do.",
    labels: ['worker'],
  },
  tidegate_worker_pipes_open: {
    type: 'gauge',
    help: 'Pipes the worker holds for splice.',
    labels: ['worker'],
  },
  tidegate_worker_spill_bytes: {
    type: 'gauge',
    help: 'Bytes the worker holds in user space for receivers that are slow.',
    labels: ['worker'],
  },
  tidegate_strikes_total: {
    type: 'counter',
    help: 'Misbehaviour of clients, by kind (docs/protect/wire.md).',
    labels: ['service', 'kind'],
  },
  tidegate_strikes_dropped_total: {
    type: 'counter',
    help: 'Strikes that no ban heard of, because too many came at once.',
    labels: [],
  },
  tidegate_accept_pauses_total: {
    type: 'counter',
    help: 'Times accepting was paused because the kernel was out of files or memory.',
    labels: [],
  },
  tidegate_store_up: {
    type: 'gauge',
    help: '1 while the store can be read and written; docs/store.md.',
    labels: [],
  },
  tidegate_notifications_total: {
    type: 'counter',
    help: 'Notifications by channel; result is sent, or failed for those given up.',
    labels: ['channel', 'result'],
  },
  tidegate_notifications_waiting: {
    type: 'gauge',
    help: 'Notifications that wait for their channel.',
    labels: ['channel'],
  },
  tidegate_log_dropped_total: {
    type: 'counter',
    help: 'Log lines that were dropped because the reader of the log did not keep up.',
    labels: [],
  },
  process_cpu_seconds_total: { type: 'counter', help: 'CPU time of the process, user and system.', labels: [] },
  process_resident_memory_bytes: { type: 'gauge', help: 'Resident memory of the process.', labels: [] },
  process_max_fds: { type: 'gauge', help: 'The soft limit on open files.', labels: [] },
  process_start_time_seconds: { type: 'gauge', help: 'When the process started, in seconds since 1970.', labels: [] },
} as const satisfies Record<`tidegate_${string}` | `process_${string}`, MetricDescription>

export type MetricName = keyof typeof METRICS

/**
 * The frozen knowledge traffic works from, made by control and swapped as a whole.
 * A connection keeps the tables it was accepted under. All of it survives structured clone.
 */
import type { NumberSet } from '../lib/number-set.ts'
import type { Network, SocketAddress } from '../lib/ip.ts'
import type { WireRules } from './wire/wire-rules.ts'
import type { MakeWayRule } from './admit/make-way.ts'
import type { RateLimit } from './admit/rate-limit.ts'

export type Mode = 'raw' | 'proxy-v1' | 'proxy-v2'
export const BALANCE_METHOD_NAMES = [
  'ordered',
  'round-robin',
  'least-connections',
  'power-of-two',
  'source-hash',
  'random',
] as const
export type BalanceMethodName = (typeof BALANCE_METHOD_NAMES)[number]
export type LogConnections = 'all' | 'refused' | 'none'

export interface Tables {
  /** Grows by one with every swap. */
  readonly version: number
  readonly logConnections: LogConnections
  readonly services: readonly Service[]
  /** Without them nobody is on any. */
  readonly lists?: ListMemories
  /**
   * In what countries and ASes are looked up (admit/network-database.ts); without it, nobody's is known. Never changed:
   * another file, new memory.
   */
  readonly networks?: SharedArrayBuffer
}

/** The prefix tables of the lists that people keep; undefined where a list is empty. Never changed: new lists, new memory. */
export interface ListMemories {
  readonly allow: SharedArrayBuffer | undefined
  readonly deny: SharedArrayBuffer | undefined
}

export interface Service {
  /** Place in counters and log records; stable while the daemon runs. */
  readonly index: number
  readonly name: string
  readonly mode: Mode
  readonly listeners: readonly Listener[]
  readonly upstreams: readonly Upstream[]
  /** Every address that may be dialled, upstream by upstream in configured order; at most CANDIDATES_MAX, no address twice. */
  readonly candidates: readonly Candidate[]
  readonly balance: BalanceMethodName
  /** Over which the weight of an upstream that came back grows; 0 is off. */
  readonly slowStartMs: number
  readonly affinity: ServiceAffinity | null
  /** Connections over all workers, without those that wait in the queue; 0 is no limit but the node's. */
  readonly maxConnections: number
  /** What happens when checks and failures leave no upstream: try those that are down, or refuse. */
  readonly whenAllDown: 'try-all' | 'refuse'
  /** What becomes of the connections of an upstream that goes down; control sees to it. */
  readonly onDown: 'keep' | 'close'
  readonly queue: QueueRules
  readonly outlier: Outlier
  readonly onFailure: 'reset' | 'close'
  readonly connectTimeoutMs: number
  /** When a dial that has not answered gets a second one beside it (hedging.ts); 0 is off. */
  readonly hedgeAfterMs: number
  /** 0 is off. */
  readonly idleTimeoutMs: number
  readonly halfClosedTimeoutMs: number
  /** 0 is off. */
  readonly maxLifetimeMs: number
  /** 0 forgets a failure at once: every client pays the connect timeout, as in the seeds. */
  readonly retryFailedAfterMs: number
  /** Local addresses to connect from, used in turn; empty leaves the choice to the kernel. */
  readonly sourceAddresses: readonly SocketAddress[]
  readonly proxyHeader: ProxyHeaderOptions
  /** A PROXY header is required from these networks and never looked for from others. */
  readonly acceptProxyFrom: readonly Network[]
  readonly acceptProxyTimeoutMs: number
  readonly clientSocket: SocketOptions
  readonly upstreamSocket: SocketOptions
  readonly protect: ServiceProtect
}

/** Whether a rule of admission refuses, or only counts what it would refuse. */
export type Rule = 'off' | 'watch' | 'on'

/** A reset; an ordinary close; nothing at all; or a connection that nobody reads, for a while, and then a reset. */
export type Refusal = 'reset' | 'close' | 'drop' | 'tarpit'

/** What is asked of each new connection as a whole, whoever comes. */
export interface RateRule {
  readonly rule: Rule
  readonly rate: RateLimit | null
}

/** What is asked of one source, over all workers (admit/source-table.ts). */
export interface SourceRule extends RateRule {
  /** Open at once; 0 is no limit. */
  readonly connectionsMax: number
}

export interface SourceRules {
  /** How long `refuse: tarpit` keeps a client. */
  readonly tarpitForMs: number
  readonly perAddress: SourceRule
  readonly perPrefix: SourceRule
  /** Where the AS of the client is known. */
  readonly perAsn: SourceRule
  readonly newConnections: RateRule
  readonly attack: AttackBudgets
}

/** What holds instead for clients that are not known, while the service is under attack; never looser. A rule that is off leaves the ordinary one. */
export interface AttackBudgets {
  readonly perAddress: SourceRule
  readonly perPrefix: SourceRule
  readonly newConnections: RateRule
}

/** Who is kept out for where they come from (admit/network-rules.ts). */
export interface NetworkRule {
  readonly rule: Rule
  /** What becomes of those in `numbers`; all others get the opposite. */
  readonly named: 'admit' | 'refuse'
  /** Of countries (lib/country-code.ts), or AS numbers. */
  readonly numbers: NumberSet
  /** Of whom the database says nothing. */
  readonly unknown: 'admit' | 'refuse'
}

export interface NetworkRuleSet {
  readonly countries: NetworkRule
  readonly asns: NetworkRule
}

/** Who is let in, and what becomes of the others (admit/admission.ts). */
export interface ServiceProtect extends SourceRules, NetworkRuleSet, WireRules {
  /** What a client sees that is refused (docs/protect/limits.md). */
  readonly refuse: Refusal
  /** Whether silent clients go for newcomers when all places are taken. */
  readonly makeWay: MakeWayRule
}

/** What a version 2 header carries besides the addresses. */
export interface ProxyHeaderOptions {
  readonly crc32c: boolean
  readonly uniqueId: boolean
  /** Server name and ALPN of a ClientHello that has come before the header goes out. */
  readonly tlsHello: boolean
}

export interface ServiceAffinity {
  /** How long a client is remembered after its last connect. */
  readonly ttlMs: number
  /** Shared by all workers, and by all tables of the service with the same `max`; its layout is in affinity.ts. */
  readonly memory: SharedArrayBuffer
}

/** Who may wait while all places are taken (queue/waiting-room.ts). */
export interface QueueRules {
  /** Clients that wait at most, over all workers; 0 is no queue. */
  readonly max: number
  readonly timeoutMs: number
  /** Of one address, or of one /64 of IPv6. */
  readonly perClient: number
  /** The queue itself; undefined exactly where `max` is 0. */
  readonly memory: SharedArrayBuffer | undefined
}

/** When an upstream is taken out for failing connects (outlier.ts). */
export interface Outlier {
  /** Connect failures in a row, over all workers; 0 never takes any out. */
  readonly failures: number
  readonly ejectForMs: number
  readonly ejectForMsMax: number
  /** Of the service's upstreams at once, rounded down. */
  readonly ejectedPercentMax: number
}

export interface Listener {
  /** Place in log records; stable while the daemon runs. */
  readonly index: number
  readonly address: SocketAddress
  /** True for `*:PORT`: an IPv6 socket that takes IPv4 clients too. */
  readonly dualStack: boolean
}

export interface Upstream {
  /** Place in counters and log records; stable while the daemon runs, unique over all services. */
  readonly index: number
  /** Configured name, or the configured address text. */
  readonly name: string
  readonly share: UpstreamShare
}

/** How much of a service an upstream may get. */
export interface UpstreamShare {
  /** Its part beside the others' weights; 0 takes no new clients. */
  readonly weight: number
  /** Used only while no primary can be. */
  readonly backup: boolean
  /** Over all workers, those being connected included; 0 is no limit. */
  readonly maxConnections: number
}

/** One address of one upstream. A hostname gives one for each address it resolved to, in the resolver's order. */
export interface Candidate {
  readonly upstreamIndex: number
  /** Its upstream's; several addresses of one upstream share the weight evenly. */
  readonly share: UpstreamShare
  /** Place in the shared table of recent failures; stable while the daemon runs. */
  readonly addressIndex: number
  readonly address: SocketAddress
}

/** Addresses one service can dial: each choice may look at all of them. */
export const CANDIDATES_MAX = 256

/** `undefined` leaves the kernel's default, and for buffers its autotuning. */
export interface SocketOptions {
  readonly receiveBufferBytes?: number
  readonly sendBufferBytes?: number
  readonly windowClampBytes?: number
  readonly maxSegmentBytes?: number
  readonly notSentLowWaterBytes?: number
  readonly congestionControl?: string
  /** 0 turns keepalive off. */
  readonly keepAliveMs?: number
  /** 0 is the kernel's default. */
  readonly userTimeoutMs?: number
}

/** The configuration after reading: checked, complete with defaults, in plain numbers. `load.ts` makes it. */
import type { Network, SocketAddress } from '../../lib/ip.ts'
import type { Rate } from '../../lib/rate.ts'
import type {
  BalanceMethodName,
  LogConnections,
  Mode,
  NetworkRuleSet,
  Outlier,
  ProxyHeaderOptions,
  Rule,
  ServiceProtect,
  SourceRules,
  SocketOptions,
} from '../../traffic/tables.ts'
import type { AttackThresholds } from '../detect/detector.ts'
import type { BanRules } from '../bans/ban-rules.ts'
import type { OverloadRules } from '../overload/overload-rules.ts'
import type { NotifyConfig } from '../notify/notify-config.ts'
import type { FirewallConfig } from '../shield/firewall-config.ts'
import type { ActiveCheckConfig, CheckUrl } from './active-check.ts'

export interface Config {
  readonly admin: AdminConfig
  readonly traffic: TrafficConfig
  readonly log: LogConfig
  readonly protect: NodeProtectConfig
  readonly notify: NotifyConfig
  readonly services: readonly ServiceConfig[]
}

/** `protect` at the top. */
export interface NodeProtectConfig {
  readonly allow: readonly ListedNetwork[]
  readonly deny: readonly ListedNetwork[]
  readonly lists: readonly ListFileConfig[]
  readonly countryDatabase: DatabaseConfig | undefined
  readonly asnDatabase: DatabaseConfig | undefined
  /** For counting sources. */
  readonly memoryBytes: number
  readonly bans: BanRules
  readonly firewall: FirewallConfig
  readonly overload: OverloadRules
  /** Clients remembered at most. */
  readonly knownClients: { readonly max: number }
}

export interface ListedNetwork extends Network {
  readonly at: ConfigPlace
}

export interface ListFileConfig {
  readonly name: string
  /** An absolute path. */
  readonly file: string
  readonly action: 'allow' | 'deny'
  readonly at: ConfigPlace
}

export interface DatabaseConfig {
  /** An absolute path. */
  readonly file: string
  readonly at: ConfigPlace
}

export interface AdminConfig {
  readonly listen: SocketAddress | 'off'
  /** In lower case: names in a Host header that are believed. */
  readonly hosts: readonly string[]
  /** An absolute path; the folder may not be there yet. */
  readonly stateDir: string
  /** Reload when the file changes. */
  readonly watchConfig: boolean
  /** A certificate of the operator's and its key, by absolute paths. */
  readonly tls: { readonly certificate: string; readonly key: string } | undefined
  /** Not encrypted, even where other machines reach it. */
  readonly plainHttp: boolean
}

export interface TrafficConfig {
  readonly workers: number | 'auto'
  readonly engine: 'auto' | 'linux' | 'node'
  readonly ioUring: 'auto' | 'off'
  readonly maxConnections: number | 'auto'
  readonly drainTimeoutMs: number
  /** 0 is off: as long as they last. */
  readonly upgradeDrainTimeoutMs: number
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

export interface LogConfig {
  readonly level: LogLevel
  readonly format: 'json' | 'text'
  readonly connections: LogConnections
}

export interface ServiceConfig {
  readonly name: string
  readonly listen: readonly ListenConfig[]
  /** What the file says; an operator's later word outranks it (cut-over/). */
  readonly enabled: boolean
  readonly mode: Mode
  readonly upstreams: readonly UpstreamConfig[]
  readonly balance: BalanceMethodName
  /** 0 is off. */
  readonly slowStartMs: number
  readonly affinity: AffinityConfig | null
  /** 0 is no limit. */
  readonly maxConnections: number
  readonly whenAllDown: 'try-all' | 'refuse'
  readonly onDown: 'keep' | 'close'
  readonly queue: QueueConfig
  readonly outlier: Outlier
  readonly onFailure: 'reset' | 'close'
  readonly connectTimeoutMs: number
  /** 0 is off. */
  readonly hedgeAfterMs: number
  /** 0 is off. */
  readonly idleTimeoutMs: number
  readonly halfClosedTimeoutMs: number
  /** 0 is off. */
  readonly maxLifetimeMs: number
  /** 0 remembers no failure. */
  readonly retryFailedAfterMs: number
  /** Ports are 0: the kernel picks them. */
  readonly sourceAddresses: readonly SocketAddress[]
  readonly proxyHeader: ProxyHeaderOptions
  readonly acceptProxyFrom: readonly Network[]
  readonly clientSocket: SocketOptions
  readonly upstreamSocket: SocketOptions
  readonly protect: ProtectConfig
  /** Undefined: its upstreams are not checked. */
  readonly check: ActiveCheckConfig | undefined
  readonly at: ConfigPlace
}

/** The rest of it is in the tables as it is here. */
export interface ProtectConfig
  extends Omit<ServiceProtect, keyof SourceRules | keyof NetworkRuleSet>, SourceRulesConfig, NetworkRulesConfig {}

export interface NetworkRulesConfig {
  readonly countries: NetworkRuleConfig<string>
  readonly asns: NetworkRuleConfig<number>
}

/** Who is named: codes of countries, or AS numbers. One of the two lists is there, unless the rule is off. */
export interface NetworkRuleConfig<Named> {
  readonly rule: Rule
  readonly allow: readonly Named[] | undefined
  readonly deny: readonly Named[] | undefined
  readonly unknown: 'admit' | 'refuse'
}

export interface SourceRulesConfig {
  readonly tarpitForMs: number
  readonly perAddress: SourceLimitsConfig
  readonly perPrefix: SourceLimitsConfig
  readonly perAsn: SourceLimitsConfig
  readonly newConnections: RateConfig
  readonly attack: AttackConfig
}

export interface AttackConfig extends AttackThresholds {
  readonly mode: 'auto' | 'on' | 'off'
  readonly perAddress: SourceLimitsConfig
  readonly perPrefix: SourceLimitsConfig
  readonly newConnections: RateConfig
}

export interface RateConfig {
  readonly rule: Rule
  /** As written. */
  readonly rate: Rate | null
  readonly burst: number
}

export interface SourceLimitsConfig extends RateConfig {
  /** 0 is no limit. */
  readonly connections: number
}

export interface AffinityConfig {
  readonly ttlMs: number
  /** Places in the table of the service's clients. */
  readonly clientsMax: number
}

export interface QueueConfig {
  /** 0 is no queue. */
  readonly max: number
  readonly timeoutMs: number
  readonly perClient: number
}

export interface ListenConfig {
  /** As written. */
  readonly text: string
  /** Port 0 means any free port. `*:PORT` is `::` with `dualStack`. */
  readonly address: SocketAddress
  readonly dualStack: boolean
  readonly at: ConfigPlace
}

export interface UpstreamConfig {
  /** The configured name, or the address as written. */
  readonly name: string
  /** The address as written. */
  readonly text: string
  /** An IP address in canonical text without brackets, or a hostname in lower case. */
  readonly host: string
  readonly port: number
  readonly hostIsIp: boolean
  /** 0 takes no new clients. */
  readonly weight: number
  readonly backup: boolean
  /** 0 is no limit. */
  readonly maxConnections: number
  /** Where its health is asked; undefined: as `check` of its service says. */
  readonly checkUrl: CheckUrl | undefined
  readonly at: ConfigPlace
}

/** Where a value stands in the file; lines and columns count from 1. */
export interface ConfigPlace {
  readonly file: string
  readonly line: number
  readonly column: number
  /** `services[0].upstreams[1]` */
  readonly key: string
}

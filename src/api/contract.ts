/** What the admin API, the command line and the dashboard share: paths and the shape of their answers. */
import { z } from 'zod'

export * from './access-contract.ts'
export * from './attack-contract.ts'
export * from './doctor-contract.ts'
export * from './kept-list-contract.ts'
export * from './signal-contract.ts'
export * from './golive-contract.ts'
export * from './config-contract.ts'
export * from './connection-contract.ts'
export * from './notification-contract.ts'
export * from './problem-contract.ts'
export * from './reload-contract.ts'
export * from './series-contract.ts'

export const OPENAPI_PATH = '/api/openapi.json'
/** Answers server-sent events; the data of each `status` is a NodeStatus. */
export const LIVE_PATH = '/api/v1/live'

export const ADMIN_PATHS = {
  metrics: '/metrics',
  health: '/healthz',
  ready: '/readyz',
  status: '/status.json',
  shield: '/api/v1/shield',
  /** Answers a ListsAnswer. */
  lists: '/api/v1/lists',
  /** With `?address=`; answers a CheckIpAnswer. */
  checkIp: '/api/v1/check-ip',
} as const

export const UPSTREAM_STATE_PATH = '/api/v1/services/:service/upstreams/:upstream'
/** Takes POST with an UpstreamStateRequest; answers an UpstreamStateAnswer. */
export function upstreamStatePath(service: string, upstream: string): string {
  return `/api/v1/services/${encodeURIComponent(service)}/upstreams/${encodeURIComponent(upstream)}`
}
/** Takes POST without a body; answers a ReloadAnswer. With `?dryRun=true` it says what would change, and changes nothing. */
export const RELOAD_PATH = '/api/v1/reload'
export const DRY_RUN_PARAMETER = 'dryRun'

/**
 * Bans. GET answers a BanList; `?limit=`, `?origin=` and `?covering=ADDRESS` narrow it. POST takes a
 * BanRequest, PUT one that names all of operators' bans, DELETE an UnbanRequest; all answer a BanChangeAnswer.
 */
export const BANS_PATH = '/api/v1/bans'
export const BAN_LIST_PARAMETERS = { limit: 'limit', origin: 'origin', covering: 'covering' } as const
/** In one answer. */
export const BANS_LISTED_DEFAULT = 1_000
export const BANS_LISTED_MAX = 100_000
/** In one request. */
export const BANS_PER_REQUEST_MAX = 10_000

/** Where the admin API listens when the configuration says nothing. */
export const ADMIN_ADDRESS_DEFAULT = '127.0.0.1:9900'

const Count = z.number().nonnegative()
/** Reasons are those of docs/close-reasons.md; a newer daemon may know more than we do. */
const CountByReason = z.record(z.string(), Count)

/** `drain` takes no new clients; `down` is meant for good, and ends open connections where `onDown` is `close`. */
export const WANTED_STATES = ['up', 'drain', 'down'] as const
const WantedState = z.enum(WANTED_STATES, 'expected up, drain or down')
export type WantedState = z.infer<typeof WantedState>

export const UpstreamStatus = z.object({
  name: z.string(),
  /** False while every address has failed to connect within retryFailedAfter. */
  up: z.boolean(),
  /** What an operator wants. */
  wanted: WantedState,
  /** What active checks found. */
  found: z.enum(['unknown', 'up', 'down']),
  /** Taken out for a time because connects to it failed. */
  ejected: z.boolean(),
  /** 0 takes no new clients. */
  weight: Count,
  backup: z.boolean(),
  /** How long it is still taken out for its failures; 0 when it is not. */
  ejectedForMs: Count,
  addresses: z.array(
    z.object({
      address: z.string(),
      /** True while it is tried last, because a connect failed within retryFailedAfter. */
      failedRecently: z.boolean(),
    }),
  ),
  connectionsOpen: Count,
  connects: Count,
  connectFailures: Count,
  /** Mean of all successful connects; null before the first. */
  connectMsMean: z.number().nullable(),
  /** The last active check; null where there are none, or none has ended yet. */
  check: z
    .object({
      result: z.enum(['up', 'down']),
      /** What was tried and what came back. */
      reason: z.string(),
      ms: z.number(),
      at: z.iso.datetime(),
    })
    .nullable(),
})

export const ServiceStatus = z.object({
  name: z.string(),
  mode: z.string(),
  listeners: z.array(z.string()),
  connectionsOpen: Count,
  /** In the queue; they are among the open ones. */
  connectionsWaiting: Count,
  connectionsTotal: Count,
  bytesToUpstream: Count,
  bytesToClient: Count,
  closed: CountByReason,
  refused: CountByReason,
  /** What rules on watch would have refused; a daemon of before says nothing. */
  watched: CountByReason.optional(),
  /** The number of the attack under way; a daemon of before says nothing. */
  attack: z.int().nullable().optional(),
  upstreams: z.array(UpstreamStatus),
})

/** How near the node is to its limits, docs/overload.md: `causes` are those that ask for a level, with the level. */
export const OverloadStatus = z.object({
  /** 0 to 4. */
  level: Count,
  causes: z.record(z.string(), Count),
  /** Clients that were useful before. */
  knownClients: Count,
})
export type OverloadStatus = z.infer<typeof OverloadStatus>

/** `failing`: what is asked of it may be read, and was not written last; `why` says so. A daemon of before says nothing. */
export const StoreStatus = z.object({
  state: z.enum(['open', 'failing', 'off']),
  code: z.string().optional(),
  why: z.string().optional(),
  since: z.iso.datetime().optional(),
})
export type StoreStatus = z.infer<typeof StoreStatus>

export const NodeStatus = z.object({
  version: z.string(),
  state: z.enum(['starting', 'ready', 'draining']),
  startedAt: z.iso.datetime(),
  uptimeMs: Count,
  engine: z.string(),
  workers: z.array(z.object({ busyRatio: z.number() })),
  connectionsOpen: Count,
  connectionsMax: Count,
  overload: OverloadStatus,
  logDropped: Count,
  store: StoreStatus.optional(),
  tablesVersion: z.number(),
  services: z.array(ServiceStatus),
})

export type NodeStatus = z.infer<typeof NodeStatus>
export type ServiceStatus = z.infer<typeof ServiceStatus>
export type UpstreamStatus = z.infer<typeof UpstreamStatus>

/** What the kernel refuses for us. */
export const FirewallStatus = z.object({
  /** `refused`: the kernel, or this machine, does not let us; `why` says so. `left`: another process keeps it now. */
  state: z.enum(['off', 'idle', 'active', 'refused', 'left']),
  why: z.string().optional(),
  since: z.iso.datetime().optional(),
  table: z.string(),
  /** Rules are those of docs/kernel-shield.md. */
  rules: z.array(z.object({ rule: z.string(), on: z.boolean(), packets: Count, bytes: Count })),
  sets: z.array(
    z.object({
      name: z.string(),
      entries: Count,
      max: Count,
      /** Left out or taken out because the set was full. */
      displaced: Count,
    }),
  ),
  /** Times that it was put back after somebody else had flushed it. */
  restored: Count,
  /** Parts of protect.firewall that the kernel goes without, and why. */
  without: z.array(z.string()),
})
export type FirewallStatus = z.infer<typeof FirewallStatus>

export const ShieldStatus = z.object({ firewall: FirewallStatus, overload: OverloadStatus })
export type ShieldStatus = z.infer<typeof ShieldStatus>

export const UpstreamStateRequest = z.strictObject({ state: WantedState })

export const UpstreamStateAnswer = z.object({
  service: z.string(),
  /** What was wanted before. */
  from: WantedState,
  /** False when it holds until the next start only, because it could not be written to stateDir. */
  stored: z.boolean(),
  /** Whether the connections it had are being ended: `down`, with `onDown: close`. */
  closes: z.boolean(),
  /** Upstreams of the service that are wanted up, have a weight, and are neither ejected nor found down. */
  usableLeft: Count,
  upstream: UpstreamStatus,
})
export type UpstreamStateAnswer = z.infer<typeof UpstreamStateAnswer>
/** Who makes bans: docs/bans.md. */
export const BAN_ORIGIN_WORDS = ['manual', 'strikes', 'neighbours', 'signals'] as const
const BanOrigin = z.enum(BAN_ORIGIN_WORDS, `expected ${BAN_ORIGIN_WORDS.join(', ')}`)
export type BanOriginWord = z.infer<typeof BanOrigin>

export const BanView = z.object({
  /** `192.0.2.1`, `192.0.2.0/24`, `2001:db8::/64` */
  prefix: z.string(),
  origin: BanOrigin,
  since: z.iso.datetime(),
  /** Null is for good. */
  until: z.iso.datetime().nullable(),
  why: z.string(),
  by: z.string(),
  /** Bans of the same prefix before this one; each makes the next twice as long. */
  repeated: Count,
  /** It refuses nobody: the rule is on watch. */
  watched: z.boolean(),
})
export type BanView = z.infer<typeof BanView>

export const BanList = z.object({
  /** All there are, more than are listed perhaps. */
  total: Count,
  /** Newest first. */
  bans: z.array(BanView),
})
export type BanList = z.infer<typeof BanList>

export const BAN_COMMENT_CHARACTERS_MAX = 200
/** Ten years. */
export const BAN_TTL_MS_MAX = 3650 * 86_400_000
const Prefixes = z.array(z.string().max(100)).min(1).max(BANS_PER_REQUEST_MAX)

export const BanRequest = z
  .strictObject({
    prefixes: Prefixes,
    /** 0 is for good. */
    ttlMs: z.int().min(0).max(BAN_TTL_MS_MAX),
    comment: z.string().max(BAN_COMMENT_CHARACTERS_MAX).optional(),
    /** Also prefixes that are suspiciously wide. */
    force: z.boolean().optional(),
  })
  .meta({ examples: [{ prefixes: ['192.0.2.7'], ttlMs: 14_400_000, comment: 'scanner' }] })
export type BanRequest = z.infer<typeof BanRequest>

/** These, or all of them, or all of one origin. */
export const UnbanRequest = z
  .strictObject({ prefixes: Prefixes.optional(), all: z.literal(true).optional(), origin: BanOrigin.optional() })
  .refine(({ prefixes, all }) => (prefixes === undefined) === (all === true), 'expected either prefixes or "all": true')
  .meta({ examples: [{ prefixes: ['192.0.2.7'] }] })
export type UnbanRequest = z.infer<typeof UnbanRequest>

export const BanChangeAnswer = z.object({
  /** Bans that were made or ended. */
  changed: Count,
  refused: z.array(
    z.object({
      prefix: z.string(),
      /** What a sentence that begins with the prefix goes on with. */
      why: z.string(),
    }),
  ),
  /** False when it holds until the next start only, because it could not be written to stateDir. */
  stored: z.boolean(),
  /** All bans after it. */
  total: Count,
})
export type BanChangeAnswer = z.infer<typeof BanChangeAnswer>

/**
 * How long a command waits for an answer: longer than the daemon waits itself before it says what is wrong (its store
 * has 10 s, a worker 5 s). A machine under attack is slow, and a change that nobody waits for any more may be made.
 */
export const ANSWER_TIMEOUT_MS = 20_000

/** Takes POST without a body; answers an UpgradeAnswer: 200 when the next version serves, 503 when this one goes on. */
export const UPGRADE_PATH = '/api/v1/upgrade'
export const UpgradeAnswer = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('ready'), pid: z.int(), version: z.string() }),
  z.object({ kind: z.literal('failed'), why: z.string() }),
])
export type UpgradeAnswer = z.infer<typeof UpgradeAnswer>
/** Longer than the next version may take to start. */
export const UPGRADE_TIMEOUT_MS = 90_000

const ListStatus = z.object({
  name: z.string(),
  /** What operators call it who keep it by the API; null for a list of a file or the configuration. */
  kept: z.string().nullable(),
  action: z.enum(['allow', 'deny']),
  /** The file it is in: one of its own, or the configuration; for people where operators keep it. */
  file: z.string(),
  entries: Count,
  /** Lines that cannot be read and are left out; `firstBadLines` are some of them. */
  badLines: Count,
  firstBadLines: z.array(z.object({ line: z.number(), message: z.string() })),
  readAt: z.iso.datetime(),
  /** Why the file cannot be read any more, while what was read before is in force. */
  problem: z.string().nullable(),
})
export type ListStatus = z.infer<typeof ListStatus>
export const ListsAnswer = z.object({ lists: z.array(ListStatus) })
export type ListsAnswer = z.infer<typeof ListsAnswer>

/** What can be found out about an address, by code. Codes stay; docs/lists.md tells them from here. */
export const ADDRESS_FINDINGS = {
  allowed: 'An allow list names it: no ban, deny list or limit for a source holds for it.',
  banned: 'It is banned, by itself or with a network around it.',
  'ban-watched': 'A ban on watch covers it: it would be refused, were the rule on.',
  denied: 'A deny list names it.',
  country: 'Its country, by protect.countryDatabase.',
  'country-rule': 'A service refuses its country, or would if the rule were on.',
  asn: 'Its AS, by protect.asnDatabase.',
  'asn-rule': 'A service refuses its AS, or would if the rule were on.',
  counted: 'A service counts connections of the address, of its prefix, or of its AS.',
  'over-limit':
    'The address, its prefix or its AS is at a limit of a service: the next connection is refused, or would be.',
  'attack-budget':
    'A service is under attack, or treated so: which budgets it has for strangers, and whether the address is one.',
  'dropped-in-kernel': 'The kernel drops its packets before a connection comes to be.',
  upstream: 'An upstream of a service has this address.',
  'own-address': 'This machine has the address.',
} as const
export type AddressFindingCode = keyof typeof ADDRESS_FINDINGS

const AddressFinding = z.object({
  /** One of ADDRESS_FINDINGS, or of those of a newer daemon. */
  code: z.string(),
  /** For people. */
  text: z.string(),
  service: z.string().optional(),
  list: z.string().optional(),
  /** The entry that covers the address. */
  network: z.string().optional(),
  file: z.string().optional(),
  line: z.number().optional(),
  comment: z.string().optional(),
})
export type AddressFinding = z.infer<typeof AddressFinding>

/** `refused` by a ban, a list, or by all services for its country or AS, with the close reason; `limits`: let in as long as ceilings and limits allow it. */
export const CheckIpAnswer = z.object({
  address: z.string(),
  verdict: z.enum(['allowed', 'refused', 'limits']),
  reason: z.string().nullable(),
  findings: z.array(AddressFinding),
})
export type CheckIpAnswer = z.infer<typeof CheckIpAnswer>

/** A reload may wait for another one, name servers and the workers. */
export const RELOAD_TIMEOUT_MS = 60_000

/** The part of contract.ts about going live; import it from there. */
import { z } from 'zod'
import { ExposureReport, EXPOSURE_VERDICTS } from '../control/golive/exposure/report.ts'
import { FIREWALL_FORMATS } from '../control/golive/firewall/formats.ts'

export { ExposureReport }

/** GET, with `?domain=`, `?addresses=`, `?oldAddresses=` and `?subdomains=` (lists with commas); answers a GoliveAnswer. */
export const GOLIVE_PATH = '/api/v1/services/:service/golive'
export function golivePath(service: string): string {
  return `/api/v1/services/${encodeURIComponent(service)}/golive`
}
/** POST with a CutOverRequest; answers a CutOverAnswer. */
export const CUT_OVER_PATH = '/api/v1/services/:service/cut-over'
export function cutOverPath(service: string): string {
  return `/api/v1/services/${encodeURIComponent(service)}/cut-over`
}
/** GET; answers CutOversAnswer. */
export const CUT_OVERS_PATH = '/api/v1/cut-overs'
/** POST with an UpstreamProbeRequest; answers an UpstreamProbeAnswer. */
export const PROBE_UPSTREAM_PATH = '/api/v1/probes/upstream'
/** POST with a DnsProbeRequest; answers a DnsProbeAnswer. */
export const PROBE_DNS_PATH = '/api/v1/probes/dns'
/** GET; answers a FirewallScriptAnswer. */
export const FIREWALL_PATH = '/api/v1/firewall'
/** GET, with the same query; answers the script alone, as a file. */
export const FIREWALL_SCRIPT_PATH = '/api/v1/firewall/script'
/** POST with an ExposureReport answers an ExposureTakenAnswer; GET answers an ExposuresAnswer. */
export const EXPOSURE_PATH = '/api/v1/exposure'
/** POST with a BackupRequest; answers a BackupAnswer. */
export const BACKUP_PATH = '/api/v1/backup'

/** What a checklist, or a probe, may take. */
export const LOOK_TIMEOUT_MS = 120_000
export const BACKUP_TIMEOUT_MS = 11 * 60_000
export const NAMES_MAX = 32
export const EXPOSURES_LISTED_MAX = 1_000
export { FIREWALL_FORMATS }

const Host = z.string().trim().min(1).max(253)
const Hosts = z.array(Host).max(NAMES_MAX)

/** What is to be known beside the configuration. */
export const GoliveAsked = z.strictObject({
  /** What clients look up. */
  domain: Host.optional(),
  /** Where clients reach the service, if its listeners do not tell. */
  addresses: Hosts.optional(),
  /** Addresses of upstreams from before that attackers may know; an empty list: there are none. */
  oldAddresses: Hosts.optional(),
  /** More names that might give an upstream away. */
  subdomains: Hosts.optional(),
})
export type GoliveAsked = z.infer<typeof GoliveAsked>

export const CHECKLIST_STATES = ['ok', 'warn', 'fail', 'unknown'] as const
export const ChecklistState = z.enum(CHECKLIST_STATES)
export type ChecklistState = z.infer<typeof ChecklistState>

export const ChecklistItem = z.object({
  /** One of docs/going-live.md; a newer daemon may know more. */
  id: z.string(),
  title: z.string(),
  state: ChecklistState,
  saw: z.string(),
  next: z.string().optional(),
})
export type ChecklistItem = z.infer<typeof ChecklistItem>

export const GoliveAnswer = z.object({
  service: z.string(),
  at: z.iso.datetime(),
  /** The worst of all items. */
  state: ChecklistState,
  items: z.array(ChecklistItem),
})
export type GoliveAnswer = z.infer<typeof GoliveAnswer>

export const CutOverView = z.object({
  service: z.string(),
  /** Whether its listeners are open. */
  enabled: z.boolean(),
  /** `enabled` in the configuration. */
  fileSays: z.boolean(),
  plan: z
    .object({
      at: z.iso.datetime(),
      by: z.string(),
      /** Why it is not done although the time has come. */
      problem: z.string().nullable(),
    })
    .nullable(),
  /** The last switch by an operator; null where there was none. */
  last: z
    .object({
      enabled: z.boolean(),
      at: z.iso.datetime(),
      by: z.string(),
      planned: z.boolean(),
      /** As it was right then; null while it is looked at, and for one that was closed. */
      checklist: z.object({ at: z.iso.datetime(), items: z.array(ChecklistItem) }).nullable(),
    })
    .nullable(),
})
export type CutOverView = z.infer<typeof CutOverView>
export const CutOversAnswer = z.object({ services: z.array(CutOverView) })
export type CutOversAnswer = z.infer<typeof CutOversAnswer>

export const CUT_OVER_ACTIONS = ['enable', 'disable', 'plan', 'cancel'] as const
export const CutOverRequest = z
  .strictObject({
    action: z.enum(CUT_OVER_ACTIONS, 'expected enable, disable, plan or cancel'),
    /** With `plan`: when, with a time zone. */
    at: z.iso.datetime({ offset: true, error: 'expected a time such as 2026-11-22T03:00:00Z' }).optional(),
    /** For the checklist that is recorded when the service opens. */
    asked: GoliveAsked.optional(),
  })
  .refine(({ action, at }) => (action === 'plan') === (at !== undefined), '`at` goes with `plan`, and only with it')
export type CutOverRequest = z.infer<typeof CutOverRequest>
/** A year. */
export const PLAN_AHEAD_MS_MAX = 366 * 86_400_000

/** `stored`: false when it holds until the next start only. */
export const CutOverAnswer = z.object({ stored: z.boolean(), cutOver: CutOverView })
export type CutOverAnswer = z.infer<typeof CutOverAnswer>

export const UpstreamProbeRequest = z.strictObject({
  /** `HOST:PORT`, as in `upstreams` of a service. */
  target: z.string().trim().min(1).max(300),
  /** What TLS and HTTP are asked for; the host without it. */
  name: Host.optional(),
  /** How long an answer may take. */
  waitMs: z.int().min(100).max(10_000).optional(),
})
export type UpstreamProbeRequest = z.infer<typeof UpstreamProbeRequest>

const Takes = z.enum(['yes', 'no', 'unknown'])
export const UpstreamProbeAnswer = z.object({
  target: z.string(),
  address: z.string().nullable(),
  /** What the service needs; null where the answers do not say. */
  mode: z.string().nullable(),
  takes: z.object({ none: Takes, v1: Takes, v2: Takes }),
  speaksFirst: z.boolean().nullable(),
  speaksTls: z.boolean().nullable(),
  sentence: z.string(),
  remedy: z.string().nullable(),
  connectMs: z.number().nullable(),
  attempts: z.array(
    z.object({
      header: z.string(),
      said: z.string(),
      saw: z.object({
        kind: z.string(),
        as: z.string().optional(),
        httpStatus: z.number().optional(),
        /** The upstream's own words: show it as text. */
        text: z.string().optional(),
        code: z.string().optional(),
      }),
      connectMs: z.number().optional(),
      answerMs: z.number().optional(),
    }),
  ),
})
export type UpstreamProbeAnswer = z.infer<typeof UpstreamProbeAnswer>

export const DnsProbeRequest = z.strictObject({
  domain: Host,
  /** Its listeners and upstreams are what the records are compared with. */
  service: z.string().max(300).optional(),
  /** Instead of those of the service. */
  addresses: Hosts.optional(),
  /** Beside those of the service. */
  upstreams: Hosts.optional(),
  subdomains: Hosts.optional(),
  /** Name servers, `IP` or `IP:PORT`, instead of this machine's; for admins. */
  servers: z.array(Host).max(8).optional(),
})
export type DnsProbeRequest = z.infer<typeof DnsProbeRequest>

const DnsRecord = z.object({ address: z.string(), ttlS: z.number() })
export const DnsProbeAnswer = z.object({
  domain: z.string(),
  expected: z.array(z.string()),
  chain: z.array(z.string()),
  sights: z.array(
    z.object({
      server: z.string(),
      isAuthority: z.boolean(),
      records: z.array(DnsRecord),
      problem: z.string().nullable(),
    }),
  ),
  pointsTo: z.enum(['service', 'partly', 'elsewhere', 'nowhere', 'unknown']),
  strangers: z.array(z.string()),
  upstreamsShown: z.array(z.string()),
  ttlS: z.number().nullable(),
  oldGoneInS: z.number().nullable(),
  isRunningOut: z.boolean(),
  leaks: z.array(
    z.object({
      name: z.string(),
      type: z.string(),
      found: z.string(),
      upstream: z.string(),
      closeness: z.enum(['address', 'network']),
    }),
  ),
  namedUpstreams: z.array(z.string()),
  looked: z.array(z.string()),
  problems: z.array(z.string()),
})
export type DnsProbeAnswer = z.infer<typeof DnsProbeAnswer>

const Sources = z.object({ ipv4: z.array(z.string()), ipv6: z.array(z.string()) })
const Ports = z.array(z.object({ first: z.number(), last: z.number() }))
export const FirewallScriptAnswer = z.object({
  format: z.enum(FIREWALL_FORMATS),
  fileName: z.string(),
  /** What a person should know before running it. */
  warnings: z.array(z.string()),
  ports: Ports,
  adminPorts: Ports,
  allowed: Sources,
  admins: Sources,
  rollbackAfterS: z.number(),
  script: z.string(),
})
export type FirewallScriptAnswer = z.infer<typeof FirewallScriptAnswer>

const ExposureVerdict = z.enum(EXPOSURE_VERDICTS)
export const ExposureTakenAnswer = z.object({
  services: z.array(z.string()),
  verdict: ExposureVerdict,
  /** False for one that was made behind an address of ours: kept, and without weight. */
  counts: z.boolean(),
  why: z.string().nullable(),
})
export type ExposureTakenAnswer = z.infer<typeof ExposureTakenAnswer>

export const ExposureEntry = z.object({
  id: z.number(),
  /** When it came in. */
  at: z.iso.datetime(),
  service: z.string(),
  vantage: z.string(),
  verdict: ExposureVerdict,
  /** Where it came from. */
  source: z.string(),
  counts: z.boolean(),
  why: z.string().nullable(),
  report: ExposureReport,
})
export type ExposureEntry = z.infer<typeof ExposureEntry>

export const ExposuresAnswer = z.object({
  /** Each with its last report. */
  vantages: z.array(
    z.object({
      vantage: z.string(),
      service: z.string(),
      last: ExposureEntry,
      /** It reported regularly, and has stopped. */
      silent: z.boolean(),
    }),
  ),
  /** The newest first. */
  results: z.array(ExposureEntry),
})
export type ExposuresAnswer = z.infer<typeof ExposuresAnswer>

/** Without a name the backup gets one from the time. */
export const BackupRequest = z.strictObject({
  name: z
    .string()
    .regex(/^[\w-][\w.-]{0,99}$/, 'expected up to 100 letters, digits, dots, - and _, and no path')
    .optional(),
})
export type BackupRequest = z.infer<typeof BackupRequest>
export const BackupAnswer = z.object({
  /** On the machine of the daemon; only its user can read it. */
  path: z.string(),
  bytes: z.number(),
})
export type BackupAnswer = z.infer<typeof BackupAnswer>

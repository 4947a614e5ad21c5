/** What the admin API, the command line and the dashboard share: paths and the shape of their answers. */
import { z } from 'zod'

export const ADMIN_PATHS = {
  metrics: '/metrics',
  health: '/healthz',
  ready: '/readyz',
  status: '/status.json',
} as const

/** Where the admin API listens when the configuration says nothing. */
export const ADMIN_ADDRESS_DEFAULT = '127.0.0.1:9900'

const Count = z.number().nonnegative()
/** Reasons are those of docs/close-reasons.md; a newer daemon may know more than we do. */
const CountByReason = z.record(z.string(), Count)

export const UpstreamStatus = z.object({
  name: z.string(),
  up: z.boolean(),
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
  upstreams: z.array(UpstreamStatus),
})

export const NodeStatus = z.object({
  version: z.string(),
  state: z.enum(['starting', 'ready', 'draining']),
  startedAt: z.iso.datetime(),
  uptimeMs: Count,
  engine: z.string(),
  workers: z.array(z.object({ busyRatio: z.number() })),
  connectionsOpen: Count,
  connectionsMax: Count,
  logDropped: Count,
  tablesVersion: z.number(),
  services: z.array(ServiceStatus),
})

export type NodeStatus = z.infer<typeof NodeStatus>
export type ServiceStatus = z.infer<typeof ServiceStatus>
export type UpstreamStatus = z.infer<typeof UpstreamStatus>

/** An error of the API [RFC 9457]. */
export const Problem = z.object({ type: z.string(), title: z.string(), status: z.number(), detail: z.string() })
export type Problem = z.infer<typeof Problem>

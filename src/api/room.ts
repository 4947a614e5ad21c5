/** What every route is given: the node, what can be done to it, and who may. */
import type { FastifyBaseLogger, FastifyInstance, FastifyRequest, RawServerDefault } from 'fastify'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { Access } from '../control/access/access.ts'
import type { AccessStore } from '../control/access/access-store.ts'
import type { AuditEntry } from '../control/access/audit-entry.ts'
import type { Identity, Role } from '../control/access/identity.ts'
import type { NodeView } from '../control/node-view.ts'
import type { MetricsPage } from '../metrics/metrics-page.ts'
import type { OnDefect } from './defects.ts'
import type { MakeBackup } from './routes/backup.ts'
import type { OpenConnections } from '../control/operator/open-connections.ts'
import type { BanActions } from './routes/bans.ts'
import type { ExamineAction } from './routes/doctor.ts'
import type { KeptListActions } from './routes/kept-lists.ts'
import type { GoliveActions } from './routes/golive.ts'
import type { ConfigActions } from './routes/config.ts'
import type { ReloadActions } from './routes/reload.ts'
import type { UpgradeAction } from './routes/upgrade.ts'
import type { SetUpstreamState } from './routes/upstream-state.ts'

/** What can be done to the node from here. */
export interface AdminActions {
  readonly setUpstreamState: SetUpstreamState
  readonly reload: ReloadActions
  readonly upgrade: UpgradeAction
  readonly bans: BanActions
  readonly keptLists: KeptListActions
  readonly examine: ExamineAction
  readonly connections: Pick<OpenConnections, 'list' | 'close' | 'closeOne' | 'clientOf'>
  readonly goingLive: GoliveActions
  readonly backup: MakeBackup
  /** Undefined for a daemon that was not started from a file. */
  readonly config: ConfigActions | undefined
  /** Names by which it may be asked, beside those of this machine (guard.ts). */
  readonly hosts?: () => readonly string[]
}

export interface Room {
  readonly node: NodeView
  readonly actions: AdminActions
  readonly metrics: MetricsPage
  readonly access: Access
  /** What changed something, or was refused to. */
  readonly audit: (entry: AuditEntry) => void
  /** What was done, a page at a time. */
  readonly auditLog: Pick<AccessStore['audit'], 'list'>
  /** Is told of errors that nobody expected. */
  readonly onDefect?: OnDefect
  /** Host names that our certificate is for. */
  readonly ownNames: () => readonly string[]
}

export type App = FastifyInstance<RawServerDefault, IncomingMessage, ServerResponse, FastifyBaseLogger, ZodTypeProvider>

/** A group of routes. */
export type Routes = (app: App, room: Room) => void

/** `open`: for everybody who reaches us. `open-on-loopback`: only where the connection came in on a loopback address. */
export type RouteRole = Role | 'open' | 'open-on-loopback'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who may; each route says it. */
    readonly role?: RouteRole
    /** Its name in the audit log; each route that changes something has one. `false` for a POST that only looks. */
    readonly audit?: string | false
    /** It is about the service in `params.service` alone, so that a token for that service will do. */
    readonly isForService?: boolean
    /** The route itself looks which services a token is for. */
    readonly isForAnyService?: boolean
  }
  interface FastifyRequest {
    /** Undefined on open routes, perhaps. */
    identity: Identity | undefined
    /** For the audit log. */
    auditDetails: string
  }
}

/** Who asks, on a route that is not open. */
export function askedBy({ identity }: Pick<FastifyRequest, 'identity'>): Identity {
  if (identity === undefined) throw new Error('an open route asked who it is')
  return identity
}

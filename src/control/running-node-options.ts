/** What a RunningNode is made of, and what is left of it at its end. */
import type { BanFile } from './bans/ban-file.ts'
import type { Ban } from './bans/ban.ts'
import type { Config } from './config/config.ts'
import type { ResolvedAddresses } from './config/upstream-ips.ts'
import type { NetworkDatabases } from './databases/network-databases.ts'
import type { AttackFiles, StoredAttacks } from './detect/attack-files.ts'
import type { Lists } from './lists/lists.ts'
import type { Log } from './log/log.ts'
import type { CertificateEnd } from './notify/alarms.ts'
import type { OperatorStates } from './operator/operator-states.ts'
import type { ExposureFinding } from './golive/exposure/exposure-findings.ts'
import type { KnownClientsFile } from './overload/known-clients-file.ts'
import type { Store } from './store/store.ts'
import type { Inheritance } from './upgrade/handover.ts'

export interface RunningNodeOptions {
  readonly config: Config
  readonly addresses: ResolvedAddresses
  readonly log: Log
  readonly version: string
  /** What the version before has given us. */
  readonly inheritance?: Inheritance | undefined
  /** What an operator wants of upstreams. */
  readonly operatorStates?: OperatorStates
  /** Bans of before, and where those of now are kept. */
  readonly bans?: { readonly file: BanFile; readonly stored: readonly Ban[] }
  /** Where known clients of before are, and those of now are kept. */
  readonly knownClients?: KnownClientsFile
  /** Attacks of before and what was calm, and where those of now are kept. */
  readonly attacks?: { readonly files: AttackFiles; readonly stored: StoredAttacks }
  /** Without one nothing is kept. The node does not close it. */
  readonly store?: Store
  /** Of those that the admin API serves, for rules about their end. */
  readonly certificates?: () => readonly CertificateEnd[]
  /** What vantages say of upstreams, for rules about that. */
  readonly exposures?: () => readonly ExposureFinding[]
  /** Without them nobody is on any. */
  readonly lists?: Lists
  /** Without them nobody's country or AS is known. */
  readonly databases?: NetworkDatabases
  /** Services that are not enabled: their listeners stay closed. */
  readonly closed?: ReadonlySet<string>
  /** Another worker than our own, for tests. */
  readonly workerEntry?: URL
  readonly onLostWorker: (error: Error | undefined) => void
}

export interface NodeEnd {
  readonly connectionsReset: number
  /** A thread is left that an ordinary exit would wait for, without end. */
  readonly isStuck: boolean
}

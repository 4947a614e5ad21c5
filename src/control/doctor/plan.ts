/** What Tidegate would do on this machine with this configuration, as far as findings ask for it. */
import type { EngineName } from '../../traffic/events.ts'
import type { Config, ServiceConfig } from '../config/config.ts'
import type { FirewallConfig } from '../shield/firewall-config.ts'
import { nodeLimits } from '../limits/node-limits.ts'
import type { NodeLimits } from '../limits/node-limits.ts'
import { chooseEngine, chooseWorkerCount } from '../workers/choose-engine.ts'
import type { Facts } from './facts.ts'

export interface Plan {
  readonly askedEngine: 'auto' | EngineName
  readonly engine: EngineName
  readonly askedIoUring: 'auto' | 'off'
  readonly workers: number
  /** The soft limit on open files after start: `run` raises it to the hard one. */
  readonly filesMax: number
  readonly limits: NodeLimits
  /** Empty without a configuration. */
  readonly services: readonly ServiceConfig[]
  /** Undefined without a configuration. */
  readonly firewall: FirewallConfig | undefined
}

/** Where the system does not tell its file limit. */
const FILES_MAX_UNKNOWN = 1024

export function makePlan(facts: Facts, config: Config | undefined): Plan {
  const askedEngine = config?.traffic.engine ?? 'auto'
  // Where linux is asked for and can't be had the daemon does not start; the finding `engine` says so.
  const { engine } = chooseEngine(askedEngine === 'linux' ? 'auto' : askedEngine, () => facts.trials.nativeCalls)
  const { workers } = chooseWorkerCount(config?.traffic.workers ?? 'auto', engine, facts.platform, facts.processors)
  const services = config?.services ?? []
  const filesMax = facts.fileLimit?.hard ?? FILES_MAX_UNKNOWN
  const limits = nodeLimits({
    engine,
    workers,
    listeners: services.flatMap(({ listen }) => listen).length || 1,
    fileLimit: filesMax,
    memoryBytes: facts.memoryBytes,
    configuredMax: config?.traffic.maxConnections ?? 'auto',
  })
  const askedIoUring = config?.traffic.ioUring ?? 'auto'
  const firewall = config?.protect.firewall
  return { askedEngine, engine, askedIoUring, workers, filesMax, limits, services, firewall }
}

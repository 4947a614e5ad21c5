/** What this machine has for traffic: the engine, how many workers, and how much they may hold. */
import { raiseFileLimit } from '../../kernel/limits.ts'
import type { EngineName } from '../../traffic/events.ts'
import type { Tables } from '../../traffic/tables.ts'
import type { TrafficConfig } from '../config/config.ts'
import { memoryBytes } from '../limits/memory-bytes.ts'
import { type NodeLimits, nodeLimits } from '../limits/node-limits.ts'
import type { Log } from '../log/log.ts'
import { chooseEngine, chooseWorkerCount } from './choose-engine.ts'
import { StartError } from './start-error.ts'

/** What is assumed where the system does not say: the smallest limit in common use. */
const FILE_LIMIT_UNKNOWN = 1024

export interface Power {
  readonly engine: EngineName
  readonly workers: number
  readonly limits: NodeLimits
}

/** Raises the file limit as far as it may. Throws StartError where there is no room for a single connection. */
export function findPower(traffic: TrafficConfig, tables: Tables, log: Log): Power {
  const { engine, warning: engineWarning } = chooseEngine(traffic.engine)
  const { workers, warning: workersWarning } = chooseWorkerCount(traffic.workers, engine)
  const fileLimit = raiseFileLimit()?.soft ?? FILE_LIMIT_UNKNOWN
  const limits = nodeLimits({
    engine,
    workers,
    listeners: tables.services.reduce((sum, service) => sum + service.listeners.length, 0),
    fileLimit,
    memoryBytes: memoryBytes(),
    configuredMax: traffic.maxConnections,
  })
  for (const warning of [engineWarning, workersWarning, ...limits.warnings]) {
    if (warning !== undefined) log.say('start-warning', {}, warning)
  }
  if (limits.connectionsMax < 1) {
    const message = `The file limit of ${fileLimit} leaves no room for connections beside ${workers} workers. Raise LimitNOFILE= in the systemd unit or ulimit -n in the shell, or lower traffic.workers.`
    throw new StartError('E_FILE_LIMIT', message)
  }
  return { engine, workers, limits }
}

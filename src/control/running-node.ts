/**
 * This node while it carries traffic: engine, limits, shared memory, workers, tables and the connection log.
 * `start` opens the listeners, `drain` and `end` close them; main.ts says when.
 */
import { randomBytes } from 'node:crypto'
import { totalmem } from 'node:os'
import { raiseFileLimit } from '../kernel/limits.ts'
import type { EngineName } from '../traffic/events.ts'
import type { Tables } from '../traffic/tables.ts'
import type { Config } from './config/config.ts'
import { addressCapacityFor, makeTables } from './config/make-tables.ts'
import { StableSlots } from './config/stable-slots.ts'
import type { ResolvedAddresses } from './config/upstream-ips.ts'
import { type NodeLimits, nodeLimits } from './limits/node-limits.ts'
import { listenerText } from './listener-text.ts'
import { ConnectionLog } from './log/connection-log.ts'
import { sayListening } from './log/daemon-lines.ts'
import { KnownNames } from './log/known-names.ts'
import type { Log } from './log/log.ts'
import type { RefusedCount } from './log/refused-sums.ts'
import { type CountByReason, type NodeState, type NodeView, refusedByReason } from './node-view.ts'
import { UpstreamWatch } from './upstream-watch.ts'
import { Queues } from './queues.ts'
import { BusyRatios } from './workers/busy-ratios.ts'
import { chooseEngine, chooseWorkerCount } from './workers/choose-engine.ts'
import { checkPortsAreFree } from './workers/free-ports.ts'
import { SharedMemory } from './workers/shared-memory.ts'
import { StartError } from './workers/start-error.ts'
import { WorkerReportLog } from './workers/worker-report-log.ts'
import { Workers } from './workers/workers.ts'

/** What is assumed where the system does not say: the smallest limit in common use. */
const FILE_LIMIT_UNKNOWN = 1024
/** What makes connection ids differ from start to start: the 12 hex digits of WorkerStart.bootId. */
const BOOT_ID_BYTES = 6

export interface RunningNodeOptions {
  readonly config: Config
  readonly addresses: ResolvedAddresses
  readonly log: Log
  readonly version: string
  /** Another worker than our own, for tests. */
  readonly workerEntry?: URL
  readonly onLostWorker: (error: Error | undefined) => void
}

export interface NodeEnd {
  readonly connectionsReset: number
  /** A thread is left that an ordinary exit would wait for, without end. */
  readonly isStuck: boolean
}

export class RunningNode implements NodeView {
  readonly version: string
  readonly startedAtMs = Date.now()
  readonly engine: EngineName
  readonly limits: NodeLimits
  readonly memory: SharedMemory
  readonly busy: BusyRatios
  readonly #config: Config
  readonly #log: Log
  readonly #slots: StableSlots
  readonly #names = new KnownNames()
  readonly #workers: Workers
  readonly #connectionLog: ConnectionLog
  readonly #upstreamWatch: UpstreamWatch
  readonly #queues = new Queues()
  #state: NodeState = 'starting'

  /** Throws StartError where this machine can't run what is asked for. */
  constructor(options: RunningNodeOptions) {
    const { config, log } = options
    this.version = options.version
    this.#config = config
    this.#log = log
    this.#slots = new StableSlots(addressCapacityFor(config))
    const tables = this.#makeTables(options.addresses, 1)
    const { engine, workers, limits } = this.#findPower(tables)
    this.engine = engine
    this.limits = limits
    const counterShape = { services: this.#slots.services.size, upstreams: this.#slots.upstreams.size }
    this.memory = new SharedMemory(workers, counterShape, this.#slots.addresses.capacity)
    this.busy = new BusyRatios(this.memory.workers)
    this.#queues.start(this.memory.workerWakesMemory)
    const bootId = randomBytes(BOOT_ID_BYTES).toString('hex')
    const reportLog = new WorkerReportLog(log)
    this.#workers = new Workers({
      engine,
      ioUring: config.traffic.ioUring === 'auto',
      tables,
      limits,
      bootId,
      memory: this.memory,
      ...(options.workerEntry === undefined ? {} : { entry: options.workerEntry }),
      onReport: (report, workerIndex) => reportLog.write(report, workerIndex),
      onLost: (workerIndex, error) => {
        reportLog.writeLost(workerIndex, error)
        options.onLostWorker(error)
      },
    })
    this.#upstreamWatch = new UpstreamWatch(this, log)
    this.#connectionLog = new ConnectionLog({
      log,
      connections: config.log.connections,
      bootId,
      rings: this.memory.workers.map(({ logRingMemory }) => logRingMemory),
      names: this.#names,
      refusedCounts: () => this.#refusedCounts(),
    })
  }

  #makeTables(addresses: ResolvedAddresses, version: number): Tables {
    const withoutQueues = makeTables(this.#config, addresses, this.#slots, version, (message) => {
      this.#log.say('addresses-left-out', {}, message)
    })
    const tables = this.#queues.bringInto(withoutQueues)
    this.#names.learn(tables)
    return tables
  }

  #findPower(tables: Tables): { engine: EngineName; workers: number; limits: NodeLimits } {
    const { traffic } = this.#config
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
      if (warning !== undefined) this.#log.say('start-warning', {}, warning)
    }
    if (limits.connectionsMax < 1) {
      const message = `The file limit of ${fileLimit} leaves no room for connections beside ${workers} workers. Raise LimitNOFILE= in the systemd unit or ulimit -n in the shell, or lower traffic.workers.`
      throw new StartError('E_FILE_LIMIT', message)
    }
    return { engine, workers, limits }
  }

  #refusedCounts(): RefusedCount[] {
    return this.tables().services.flatMap((service) =>
      Object.entries(refusedByReason(this.memory, service)).map(([reason, clients]) => ({
        service: service.name,
        reason: reason as keyof CountByReason,
        clients,
      })),
    )
  }

  state(): NodeState {
    return this.#state
  }

  tables(): Tables {
    return this.#workers.tables
  }

  logLinesDropped(): number {
    return this.#log.output.linesDropped
  }

  /** Opens all listeners; throws StartError with everything closed again. */
  async start(): Promise<void> {
    await checkPortsAreFree(this.tables())
    await this.#workers.start()
    this.#names.learn(this.tables())
    this.#state = 'ready'
    for (const service of this.tables().services) {
      for (const listener of service.listeners) sayListening(this.#log, service.name, listenerText(listener))
    }
  }

  /** Swaps the tables for ones with new upstream addresses; open connections keep theirs. */
  useAddresses(addresses: ResolvedAddresses): void {
    this.#workers.swapTables(this.#makeTables(addresses, this.tables().version + 1))
    // Once more, with the ports that listeners got.
    this.#names.learn(this.tables())
  }

  /** Stops listening; resolves when the last connection is gone. */
  async drain(): Promise<void> {
    this.#state = 'draining'
    await this.#workers.drain()
  }

  /** Resets what is left, ends the workers and writes the last lines. */
  async end(): Promise<NodeEnd> {
    const connectionsReset = this.memory.nodeWide.openConnections
    const workers = await this.#workers.end()
    if (workers !== 'in order') {
      this.#log.say('worker-stuck', { workers }, 'A worker did not end in time and was cut off.')
    }
    this.#connectionLog.close()
    this.#upstreamWatch.close()
    this.#queues.close()
    this.busy.close()
    return { connectionsReset, isStuck: workers === 'stuck' }
  }
}

/** What this process may use: its container's limit where there is one. */
function memoryBytes(): number {
  const constrained = process.constrainedMemory()
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem()
}

/**
 * This node while it carries traffic: engine, limits, shared memory, workers, tables and the connection log.
 * `start` opens the listeners, `drain` and `end` close them; main.ts says when.
 */
import { randomBytes } from 'node:crypto'
import type { EngineName } from '../traffic/events.ts'
import type { Service, Tables, Upstream } from '../traffic/tables.ts'
import { Bans } from './bans/bans.ts'
import type { AsnOf } from './detect/attack.ts'
import { Attacks } from './detect/attacks.ts'
import { ActiveChecks } from './check/active-checks.ts'
import type { Config } from './config/config.ts'
import { type Capacity, capacityFor, makeTables } from './config/make-tables.ts'
import { StableSlots } from './config/stable-slots.ts'
import type { ResolvedAddresses } from './config/upstream-ips.ts'
import { closeServices } from './cut-over/close-services.ts'
import { memoriesOf } from './memories-of.ts'
import { requireRoom } from './workers/require-room.ts'
import type { NodeLimits } from './limits/node-limits.ts'
import { ConnectionLog } from './log/connection-log.ts'
import { sayHedgingInVain, sayNewListeners } from './log/daemon-lines.ts'
import { KnownNames } from './log/known-names.ts'
import type { NetworkDatabases } from './databases/network-databases.ts'
import type { Lists } from './lists/lists.ts'
import type { Log } from './log/log.ts'
import { SeriesSampler } from './series/series-sampler.ts'
import { Mirrors } from './store/mirrors.ts'
import { Store } from './store/store.ts'
import type { RefusedCount } from './log/refused-sums.ts'
import { type CountByReason, type NodeState, type NodeView, refusedByReason } from './node-view.ts'
import { Notify } from './notify/notify.ts'
import { Overload } from './overload/overload.ts'
import { Firewall } from './shield/firewall.ts'
import type { Inheritance, ListeningSockets } from './upgrade/handover.ts'
import { Legacy } from './upgrade/legacy.ts'
import type { NodeEnd, RunningNodeOptions } from './running-node-options.ts'
import { UpstreamWatch } from './upstream-watch.ts'
import { Queues } from './queues.ts'
import { BusyRatios } from './workers/busy-ratios.ts'
import { findPower } from './workers/find-power.ts'
import { checkPortsAreFree } from './workers/free-ports.ts'
import { SharedMemory } from './workers/shared-memory.ts'
import { OpenConnections } from './operator/open-connections.ts'
import type { OperatorStates } from './operator/operator-states.ts'
import { WorkerReportLog } from './workers/worker-report-log.ts'
import { Workers } from './workers/workers.ts'

/** What makes connection ids differ from start to start: the 12 hex digits of WorkerStart.bootId. */
const BOOT_ID_BYTES = 6

export class RunningNode implements NodeView {
  readonly version: string
  readonly startedAtMs = Date.now()
  readonly engine: EngineName
  readonly limits: NodeLimits
  readonly memory: SharedMemory
  readonly busy: BusyRatios
  readonly checks: ActiveChecks
  readonly firewall: Firewall
  readonly bans: Bans
  readonly attacks: Attacks
  readonly overload: Overload
  readonly connections: OpenConnections
  readonly legacy: Legacy
  readonly store: Store
  readonly series: SeriesSampler
  readonly notify: Notify
  readonly #mirrors: Mirrors
  #config: Config
  readonly #log: Log
  readonly #capacity: Capacity
  #slots: StableSlots
  /** While tables with other listeners are on their way: names that resolved to others meanwhile wait. */
  #isChanging = false
  #addressesWaiting: ResolvedAddresses | undefined
  readonly #names = new KnownNames()
  readonly #workers: Workers
  readonly #connectionLog: ConnectionLog
  readonly #inheritance: Inheritance | undefined
  readonly #operatorStates: OperatorStates | undefined
  readonly #upstreamWatch: UpstreamWatch
  readonly #queues = new Queues()
  #lists: Lists | undefined
  #databases: NetworkDatabases | undefined
  /** Those that the tables were made with. */
  #addresses: ResolvedAddresses
  /** Services that are not enabled. */
  #closed: ReadonlySet<string>
  #state: NodeState = 'starting'

  /** Throws StartError where this machine can't run what is asked for. */
  constructor(options: RunningNodeOptions) {
    const { config, log, inheritance, closed = new Set() } = options
    this.#closed = closed
    this.version = options.version
    this.#config = config
    this.#lists = options.lists
    this.#databases = options.databases
    this.#addresses = options.addresses
    this.#inheritance = inheritance
    this.#log = log
    this.firewall = new Firewall({ config: config.protect.firewall, log, hasPredecessor: inheritance !== undefined })
    this.#capacity = capacityFor(config)
    this.#slots = new StableSlots(this.#capacity.addresses)
    const tables = closeServices(this.#makeTables(config, options.addresses, this.#slots, 1), closed)
    this.#names.learn(tables)
    sayHedgingInVain(log, config)
    const { engine, workers, limits } = findPower(config.traffic, tables, log)
    this.engine = engine
    this.limits = limits
    this.memory = this.#makeMemory(workers)
    this.overload = this.#makeOverload(options)
    this.#operatorStates = options.operatorStates
    this.#operatorStates?.applyTo(tables, this.memory.states)
    this.busy = new BusyRatios(this.memory.workers)
    const { states, nodeWide } = this.memory
    const onDown = (service: Service, upstream: Upstream): void => this.upstreamWentDown(service, upstream)
    this.checks = new ActiveChecks({ states, nodeWide, tables: () => this.tables(), log, onDown })
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
      ...(inheritance === undefined ? {} : { inheritance }),
      ...(options.workerEntry === undefined ? {} : { entry: options.workerEntry }),
      onReport: (report, workerIndex) => reportLog.write(report, workerIndex),
      onLost: (workerIndex, error) => {
        reportLog.writeLost(workerIndex, error)
        options.onLostWorker(error)
      },
    })
    this.connections = new OpenConnections({ workers: this.#workers, bootId, names: this.#names })
    this.bans = this.#makeBans(options)
    this.attacks = this.#makeAttacks(options)
    this.legacy = this.#makeLegacy(options)
    this.store = options.store ?? Store.none()
    const { memory, bans, store } = this
    this.series = new SeriesSampler({ memory, tables: () => this.tables(), bans, store })
    this.#mirrors = new Mirrors(this)
    this.notify = this.#makeNotify(options)
    this.#upstreamWatch = new UpstreamWatch(this, log)
    this.#connectionLog = this.#makeConnectionLog(options, bootId)
  }

  #makeNotify({ config, log, certificates = () => [], exposures = () => [] }: RunningNodeOptions): Notify {
    const { memory, checks, attacks, overload, store, series } = this
    const asked = { certificates, exposures, tables: () => this.tables() }
    const node = { memory, checks, attacks, overload, store, series, ...asked }
    return new Notify({ config: config.notify, node, store, log })
  }

  #makeAttacks({ log, attacks }: RunningNodeOptions): Attacks {
    const asnOf: AsnOf = (address) => this.#databases?.lookUp('asn', address)
    return new Attacks({ memory: this.memory, log, bans: this.bans, asnOf, ...attacks })
  }

  #makeLegacy({ log, bans, knownClients: knownFile, operatorStates, inheritance }: RunningNodeOptions): Legacy {
    const news = inheritance?.openNews()
    return new Legacy({ node: this, banFile: bans?.file, knownFile, operatorStates, log, news })
  }

  #makeConnectionLog({ config, log }: RunningNodeOptions, bootId: string): ConnectionLog {
    return new ConnectionLog({
      log,
      connections: config.log.connections,
      bootId,
      rings: this.memory.workers.map(({ logRingMemory }) => logRingMemory),
      names: this.#names,
      refusedCounts: () => this.#refusedCounts(),
    })
  }

  #makeBans({ config, log, bans, inheritance }: RunningNodeOptions): Bans {
    return new Bans({
      rules: config.protect.bans,
      table: this.memory.bans,
      rings: this.memory.workers.map(({ strikesMemory }) => strikesMemory),
      log,
      ...bans,
      hasPredecessor: inheritance !== undefined,
      serviceName: (index) => this.tables().services.find((service) => service.index === index)?.name,
      closeBanned: () => this.#workers.closeBanned(),
    })
  }

  #makeMemory(workers: number): SharedMemory {
    const { services, upstreams, addresses } = this.#capacity
    const { memoryBytes: sourceBytes, bans, knownClients } = this.#config.protect
    const sizes = { sourceBytes, bansMax: bans.max, knownClientsMax: knownClients.max }
    return new SharedMemory(workers, { services, upstreams }, addresses, sizes)
  }

  #makeOverload({ config, log }: RunningNodeOptions): Overload {
    const { memory, limits } = this
    const onShorterDeadlines = () => this.#workers.lookAtDeadlines()
    return new Overload({ rules: config.protect.overload, memory, limits, log, onShorterDeadlines })
  }

  #makeTables(config: Config, addresses: ResolvedAddresses, slots: StableSlots, version: number): Tables {
    const withoutQueues = makeTables(config, addresses, slots, version, (message) => {
      this.#log.say('addresses-left-out', {}, message)
    })
    return { ...this.#queues.bringInto(withoutQueues), ...memoriesOf(this.#lists, this.#databases) }
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
    await checkPortsAreFree(this.tables(), this.#inheritance)
    this.bans.start(this.tables())
    await this.legacy.start()
    this.attacks.start(this.#config, this.tables())
    this.series.start()
    this.#mirrors.start()
    await this.#workers.start()
    this.#names.learn(this.tables())
    this.firewall.useTables(this.tables())
    // Before the first ban: nobody may be dropped whom an allow list names.
    if (this.#lists !== undefined) await this.firewall.useLists(this.#lists)
    this.bans.follow((change) => this.firewall.change(change))
    await this.firewall.start()
    this.#state = 'ready'
    this.checks.start(this.#config)
    this.overload.start()
    sayNewListeners(this.#log, undefined, this.tables())
  }

  /** What this node goes by now. */
  get config(): Config {
    return this.#config
  }

  /** Swaps the tables for ones with new upstream addresses; open connections keep theirs. */
  useAddresses(addresses: ResolvedAddresses): void {
    if (this.#isChanging) {
      this.#addressesWaiting = addresses
      return
    }
    this.#addresses = addresses
    const all = this.#makeTables(this.#config, addresses, this.#slots, this.tables().version + 1)
    const tables = closeServices(all, this.#closed)
    this.#operatorStates?.applyTo(tables, this.memory.states)
    this.bans.useTables(tables)
    this.attacks.use(this.#config, tables)
    this.#workers.swapTables(tables)
    // With the ports that listeners got.
    this.#names.learn(this.tables())
  }

  lists(): Lists | undefined {
    return this.#lists
  }

  /** Goes by other lists of the same configuration. Not while another configuration is on its way (Reload sees to it). */
  useLists(lists: Lists): void {
    this.#lists = lists
    this.useAddresses(this.#addresses)
    void this.firewall.useLists(lists)
  }

  databases(): NetworkDatabases | undefined {
    return this.#databases
  }

  /** Goes by other databases of the same configuration; as `useLists`. */
  useDatabases(databases: NetworkDatabases): void {
    this.#databases = databases
    this.useAddresses(this.#addresses)
  }

  /**
   * Goes over to another configuration: all of it, or StartError and nothing has changed. One at a time (Reload sees to
   * it). Connections keep the tables they began with; those of services, listeners and upstreams that are gone go on
   * until they end.
   */
  async reload(
    config: Config,
    addresses: ResolvedAddresses,
    lists = this.#lists,
    databases = this.#databases,
    closed = this.#closed,
  ): Promise<void> {
    const before = this.tables()
    const slots = this.#slots.copy()
    const tables = {
      ...closeServices(this.#makeTables(config, addresses, slots, before.version + 1), closed),
      ...memoriesOf(lists, databases),
    }
    requireRoom(this.#capacity, slots)
    this.#isChanging = true
    try {
      await this.#workers.changeTables(tables, (withPorts) => {
        this.#slots = slots
        this.#config = config
        this.#closed = closed
        this.#lists = lists
        this.#databases = databases
        this.#addresses = addresses
        this.#addressesWaiting = undefined
        this.#useTables(config, before, withPorts)
      })
    } finally {
      this.#isChanging = false
      if (this.#addressesWaiting !== undefined) this.useAddresses(this.#addressesWaiting)
      this.#addressesWaiting = undefined
    }
  }

  /** Everything in control that goes by the configuration or the tables hears of new ones here, right before the workers do. */
  #useTables(config: Config, before: Tables, tables: Tables): void {
    this.#names.learn(tables)
    this.#operatorStates?.applyTo(tables, this.memory.states)
    this.bans.useRules(config.protect.bans)
    this.bans.useTables(tables)
    this.attacks.use(config, tables)
    this.overload.useRules(config.protect.overload)
    this.notify.use(config.notify)
    this.checks.update(config)
    this.firewall.useTables(tables)
    if (this.#lists !== undefined) void this.firewall.useLists(this.#lists)
    this.#log.change(config.log)
    this.#connectionLog.change(config.log.connections)
    sayHedgingInVain(this.#log, config)
    sayNewListeners(this.#log, before, tables)
  }

  /** The next version serves: what the store keeps is its own to write. */
  leaveStore(): void {
    this.#mirrors.leave()
    this.series.leave()
    this.notify.leave()
  }

  listeningSockets(): ListeningSockets[] {
    return this.#workers.listeningSockets()
  }

  /** To be called after its verdict is in `memory.states`; ends its connections where the service wants that. */
  upstreamWentDown(service: Service, upstream: Upstream): void {
    if (service.onDown === 'close') this.#workers.closeUpstream(upstream.index)
  }

  /** Stops listening; resolves when the last connection is gone. */
  async drain(): Promise<void> {
    this.#state = 'draining'
    this.checks.stop()
    await this.#workers.drain()
  }

  /** Resets what is left, ends the workers and writes the last lines. */
  async end(): Promise<NodeEnd> {
    const connectionsReset = this.memory.nodeWide.openConnections
    const workers = await this.#workers.end()
    if (workers !== 'in order') {
      this.#log.say('worker-stuck', { workers }, 'A worker did not end in time and was cut off.')
    }
    await this.firewall.close()
    this.#connectionLog.close()
    await this.series.close()
    await this.bans.close()
    await this.legacy.close()
    await this.attacks.close()
    await this.#mirrors.close()
    this.checks.stop()
    this.notify.close()
    this.#upstreamWatch.close()
    this.#queues.close()
    this.busy.close()
    this.overload.close()
    return { connectionsReset, isStuck: workers === 'stuck' }
  }
}

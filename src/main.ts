/**
 * The daemon on one screen: load config, start control, start workers, wait, drain.
 * The command line starts the daemon and reads configurations through this file (its other doors: .oxlintrc.json).
 */
import { setTimeout as delay } from 'node:timers/promises'
import { type AdminActions, AdminServer } from './api/server.ts'
import { ServedCertificate } from './control/access/served-certificate.ts'
import { offerSetUp, startAccess } from './control/access/start-access.ts'
import { ConfigChanges } from './control/config-change/config-changes.ts'
import type { Config } from './control/config/config.ts'
import { CutOvers } from './control/cut-over/cut-overs.ts'
import { sayApiDefect } from './control/log/access-lines.ts'
import {
  sayAdminExposed,
  sayAdminListening,
  sayDraining,
  sayHostnameEvent,
  sayReady,
  sayStopped,
  sayUncaught,
} from './control/log/daemon-lines.ts'
import { sayDatabases } from './control/databases/database-lines.ts'
import { NetworkDatabases } from './control/databases/network-databases.ts'
import { sayLists } from './control/lists/list-lines.ts'
import { KeptLists } from './control/lists/kept-lists.ts'
import { Lists } from './control/lists/lists.ts'
import { GoingLive } from './control/golive/going-live.ts'
import { type Log, openLog } from './control/log/log.ts'
import { openStdout } from './control/log/stdout-stream.ts'
import { BanFile } from './control/bans/ban-file.ts'
import { AttackFiles } from './control/detect/attack-files.ts'
import { examineMachine } from './control/doctor/examine.ts'
import { OperatorStates } from './control/operator/operator-states.ts'
import { KnownClientsFile } from './control/overload/known-clients-file.ts'
import { type ConfigFile, ConfigWatch } from './control/reload/config-watch.ts'
import { FileWatches } from './control/reload/file-watches.ts'
import { Hangup } from './control/reload/hangup.ts'
import { Reload, type ReloadOptions } from './control/reload/reload.ts'
import { UpstreamAddresses } from './control/resolve/upstream-addresses.ts'
import { RunningNode } from './control/running-node.ts'
import { backUpInto } from './control/store/backups.ts'
import { bansInStore } from './control/store/ban-mirror.ts'
import { Store } from './control/store/store.ts'
import { type StopRequest, StopSignals } from './control/stop-signals.ts'
import type { Inheritance } from './control/upgrade/handover.ts'
import { sayToServiceManager } from './control/upgrade/service-manager.ts'
import { Upgrades } from './control/upgrade/upgrades.ts'
import { formatSocketAddress, isLoopback } from './lib/ip.ts'

export { checkConfigFile } from './control/config-summary.ts'
export { ConfigError, loadConfig } from './control/config/load.ts'
export { Inheritance } from './control/upgrade/handover.ts'
export { Hangup } from './control/reload/hangup.ts'
export { noteConfigFile } from './control/reload/config-watch.ts'
export { StartError } from './control/workers/start-error.ts'

/** The dead worker's sockets stay open in the kernel and take clients that nobody serves: short exchanges may finish, no more. */
const LOST_WORKER_DRAIN_MS = 1_000
/** A stalled reader of the log can't keep us from stopping. */
const LOG_FLUSH_TIMEOUT_MS = 1_000

export interface DaemonOptions {
  readonly config: Config
  /** The file that `config` came from, to read it again; without one there are no reloads. */
  readonly configFile?: ConfigFile
  readonly version: string
  /** What the version before has given us; `Inheritance.take`. */
  readonly inheritance?: Inheritance | undefined
  /** Where SIGHUP has been heard since before the configuration was read. */
  readonly hangup?: Hangup
  /** Another worker than our own, for tests. */
  readonly workerEntry?: URL
}

/** Serves until it is told to stop; returns the exit code. Throws ConfigError or StartError before it serves. */
export async function runDaemon(options: DaemonOptions): Promise<0 | 1> {
  const { config, inheritance } = options
  // Names and long lists take their time: who asks meanwhile may not end us.
  const { hangup = new Hangup() } = options
  const log = openLog({ ...config.log, stream: openStdout() })
  const upgrades = new Upgrades(log, () => stop.request({ by: 'upgrade' }))
  const upstreams = await UpstreamAddresses.resolve(config)
  const { fileLists, databases } = await readListed(config, log)
  const stop = new StopSignals((error) => sayUncaught(log, error))
  await inheritance?.keepFromChildren()
  const stored = await readStored(config, log)
  const { keptLists, cutOvers } = stored
  const lists = await fileLists.with(keptLists.all)
  const certificate = new ServedCertificate(log)
  const node = new RunningNode({
    ...options,
    ...stored,
    lists,
    databases,
    addresses: upstreams.current,
    log,
    certificates: () => certificate.ends(),
    exposures: () => goingLive.exposures.findings(),
    onLostWorker: () => stop.request({ by: 'lost-worker' }),
  })
  const watch = new ConfigWatch(options.configFile, () => void reload.run('watchConfig'))
  const follow = (names: UpstreamAddresses): void => followConfig(names, node, watch, log)
  const listWatch = new FileWatches(() => void reload.readLists())
  const databaseWatch = new FileWatches(() => void reload.readDatabases())
  const followed = { watch, listWatch, databaseWatch, keptLists }
  const upgradeDecided = (): Promise<void> => upgrades.decided()
  const parts = { node, log, upstreams, ...followed, follow, cutOvers, certificate, upgradeDecided }
  const changing = reloadWithHistory(options.configFile?.path, parts)
  const { reload } = changing
  const goingLive = new GoingLive({ config: () => node.config, store: node.store, log, cutOvers })
  const adminParts = { ...stored, ...changing, upgrades, inheritance, goingLive, certificate }
  const admin = await startAdmin(config, node, log, adminParts)
  await node.start().catch(async (error: unknown) => {
    await admin?.close()
    throw error
  })
  follow(upstreams)
  listWatch.follow(lists.files)
  databaseWatch.follow(databases.files)
  upgrades.allow(node, admin?.listeningSocket())
  hangup.use(() => void reload.run('SIGHUP'))
  tellReady(log, node, options)
  await takeOver(node, admin, stop)
  keptLists.start(() => reload.readLists(), inheritance !== undefined)
  await goingLive.start({ reload, isUpgrading: () => upgrades.isUnderWay })

  const request = await stop.first
  goingLive.stop()
  upgrades.stop()
  stopFollowing(reload, followed)
  return await stopServing({ node, admin, log, stop, request })
}

/** Who is on lists of files, and which networks are whose. */
async function readListed({ protect }: Config, log: Log) {
  const fileLists = await Lists.read(protect)
  sayLists(log, fileLists)
  const databases = await NetworkDatabases.read(protect)
  sayDatabases(log, databases)
  return { fileLists, databases }
}

/** Whoever waits for it: the log, the version before, the service manager. */
function tellReady(log: Log, node: RunningNode, { inheritance, version }: DaemonOptions): void {
  sayReady(log, node)
  inheritance?.closeUntaken()
  inheritance?.sayReady(version)
  void sayToServiceManager(log, ['READY=1', `MAINPID=${process.pid}`])
}

/** The version before answers operators until it has told everything; where there is none, nothing happens here. */
async function takeOver(node: RunningNode, admin: AdminServer | undefined, stop: StopSignals): Promise<void> {
  await Promise.race([node.legacy.takeOver(), stop.first])
  node.legacy.own()
  void node.notify.start()
  await admin?.open()
}

type Followed = Pick<ReloadOptions, 'watch' | 'listWatch' | 'databaseWatch'> & { readonly keptLists: KeptLists }

function stopFollowing(reload: Reload, { watch, listWatch, databaseWatch, keptLists }: Followed): void {
  watch.set(false)
  listWatch.stop()
  databaseWatch.stop()
  keptLists.leave()
  reload.upstreams.stop()
}

/** What outlives the daemon; a damaged file is told of and begun anew. */
async function readStored(config: Config, log: Log) {
  const { stateDir } = config.admin
  const opening = Store.open(stateDir, log)
  const operatorStates = await OperatorStates.read(stateDir, log)
  const cutOvers = await CutOvers.read(stateDir, log)
  const banFile = new BanFile(stateDir)
  const attackFiles = new AttackFiles(stateDir)
  const store = await opening
  return {
    operatorStates,
    cutOvers,
    closed: cutOvers.closedIn(config),
    store,
    keptLists: await KeptLists.load(store, log),
    bans: { file: banFile, stored: (await banFile.read(log)) ?? (await bansInStore(store, log)) },
    knownClients: new KnownClientsFile(stateDir),
    attacks: { files: attackFiles, stored: await attackFiles.read(log) },
  }
}

/** What a configuration asks to be followed, from when it is in force. */
function followConfig(names: UpstreamAddresses, node: RunningNode, watch: ConfigWatch, log: Log): void {
  names.start(
    (addresses) => node.useAddresses(addresses),
    (event) => sayHostnameEvent(log, event),
  )
  watch.set(node.config.admin.watchConfig)
}

/** Without a file there is nothing to change. */
function reloadWithHistory(path: string | undefined, parts: Omit<ReloadOptions, 'path' | 'env' | 'onDone'>) {
  const { env } = process
  const reload: Reload = new Reload({ path, env, ...parts, onDone: (by) => void changes?.note(by) })
  const history = parts.node.store.configHistory
  const changes = path === undefined ? undefined : new ConfigChanges({ path, env, watch: parts.watch, reload, history })
  return { reload, changes }
}

interface Serving {
  readonly node: RunningNode
  readonly admin: AdminServer | undefined
  readonly log: Log
  readonly stop: StopSignals
  readonly request: StopRequest
}

async function stopServing({ node, admin, log, stop, request }: Serving): Promise<0 | 1> {
  if (request.by !== 'upgrade') void sayToServiceManager(log, ['STOPPING=1'])
  const last = request.by === 'upgrade' ? await linger(node, admin, log, stop) : request
  // Nobody asked to stop while it lingered: the last connection is gone, or their time is over.
  if (last.by !== 'upgrade') {
    const timeoutMs = drainMs(last, node.config)
    sayDraining(log, last.by, node.memory.nodeWide.openConnections, timeoutMs)
    await withinDrain(node.drain(), timeoutMs, stop.second)
  }
  const { connectionsReset, isStuck } = await node.end()
  await admin?.close()
  const isStoreStuck = (await node.store.close()) === 'stuck'
  const exitCode = stop.hasFailed ? 1 : 0
  sayStopped(log, connectionsReset, exitCode)
  await log.output.close(LOG_FLUSH_TIMEOUT_MS)
  // A daemon that never ends is never started again.
  if (isStuck || isStoreStuck) process.kill(process.pid, 'SIGKILL')
  return exitCode
}

/** The next version serves. This one takes no new clients and stays for those it has: until they end, or it is told to stop. */
async function linger(
  node: RunningNode,
  admin: AdminServer | undefined,
  log: Log,
  stop: StopSignals,
): Promise<StopRequest> {
  stop.startOver()
  node.leaveStore()
  admin?.closeGently()
  const { upgradeDrainTimeoutMs } = node.config.traffic
  sayDraining(log, 'upgrade', node.memory.nodeWide.openConnections, upgradeDrainTimeoutMs)
  // Clients are the next version's from now on, and so is the rest as soon as it is told.
  const drained = node.drain()
  await node.legacy.handOver()
  // Another program may hold nft up for a minute: neither our last clients nor whoever stops us wait for that.
  void node.firewall.handOver()
  const asked = stop.first
  const isAsked = asked.then(() => {})
  await (upgradeDrainTimeoutMs === 0
    ? Promise.race([drained, isAsked])
    : withinDrain(drained, upgradeDrainTimeoutMs, isAsked))
  return await Promise.race([asked, Promise.resolve<StopRequest>({ by: 'upgrade' })])
}

/** What the admin endpoint can set going. */
interface AdminParts {
  readonly operatorStates: OperatorStates
  readonly reload: Reload
  readonly changes: ConfigChanges | undefined
  readonly upgrades: Upgrades
  readonly inheritance: Inheritance | undefined
  readonly keptLists: KeptLists
  readonly goingLive: GoingLive
  readonly certificate: ServedCertificate
}

async function startAdmin(
  config: Config,
  node: RunningNode,
  log: Log,
  parts: AdminParts,
): Promise<AdminServer | undefined> {
  if (config.admin.listen === 'off') return undefined
  void parts.changes?.start()
  const { operatorStates, reload, changes, upgrades, inheritance, keptLists, goingLive, certificate } = parts
  const { listen } = config.admin
  const actions: AdminActions = {
    setUpstreamState: (...change) => operatorStates.set(node, ...change),
    reload: { run: () => reload.run('admin'), check: () => reload.check() },
    upgrade: () => upgrades.upgrade(),
    bans: node.bans,
    keptLists,
    examine: () => examineMachine(node.config),
    goingLive,
    backup: (name) => backUpInto(node.store, name),
    connections: node.connections,
    config: changes,
    hosts: () => node.config.admin.hosts,
  }
  const { access, auditBook, tls } = await startAccess(config.admin, log, node.store)
  const admin = await AdminServer.listen({
    address: listen,
    inherited: inheritance?.adminSocket(listen),
    node,
    actions,
    access,
    audit: (entry) => auditBook.add(entry),
    auditLog: auditBook,
    tls,
    onDefect: (error, route) => sayApiDefect(log, error, route),
    onClosed: () => auditBook.close(),
  })
  if (tls !== undefined) certificate.begin(tls, (renewed) => admin.useCertificate(renewed))
  sayAdminListening(log, formatSocketAddress(admin.address), tls !== undefined)
  if (!isLoopback(admin.address) && tls === undefined) sayAdminExposed(log, formatSocketAddress(admin.address))
  await offerSetUp(access, log, admin.address, tls !== undefined)
  return admin
}

function drainMs({ by }: StopRequest, config: Config): number {
  const { drainTimeoutMs } = config.traffic
  if (by === 'uncaught-exception') return 0
  return by === 'lost-worker' ? Math.min(LOST_WORKER_DRAIN_MS, drainTimeoutMs) : drainTimeoutMs
}

/** Returns when the last connection is gone, the time is over, or we are asked again. */
async function withinDrain(drained: Promise<void>, timeoutMs: number, askedAgain: Promise<void>): Promise<void> {
  const timer = new AbortController()
  const timeout = delay(timeoutMs, undefined, { signal: timer.signal }).catch(() => {})
  await Promise.race([drained, timeout, askedAgain])
  timer.abort()
}

/**
 * The daemon on one screen: load config, start control, start workers, wait, drain.
 * The command line (cli/run.ts, cli/check.ts) may import this file and nothing else of the daemon.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { type AdminActions, AdminServer } from './api/server.ts'
import type { Config } from './control/config/config.ts'
import {
  sayAdminExposed,
  sayAdminListening,
  sayDraining,
  sayHostnameEvent,
  sayReady,
  sayStopped,
  sayUncaught,
} from './control/log/daemon-lines.ts'
import { type Log, openLog } from './control/log/log.ts'
import { openStdout } from './control/log/stdout-stream.ts'
import { OperatorStates } from './control/operator/operator-states.ts'
import { UpstreamAddresses } from './control/resolve/upstream-addresses.ts'
import { RunningNode } from './control/running-node.ts'
import { type StopRequest, StopSignals } from './control/stop-signals.ts'
import type { Inheritance } from './control/upgrade/handover.ts'
import { tellServiceManager } from './control/upgrade/service-manager.ts'
import { Upgrades } from './control/upgrade/upgrades.ts'
import { formatSocketAddress, isLoopback } from './lib/ip.ts'

export { checkConfigFile } from './control/config-summary.ts'
export { ConfigError, loadConfig } from './control/config/load.ts'
export { Inheritance } from './control/upgrade/handover.ts'
export { StartError } from './control/workers/start-error.ts'

/** The dead worker's sockets stay open in the kernel and take clients that nobody serves: short exchanges may finish, no more. */
const LOST_WORKER_DRAIN_MS = 1_000
/** A stalled reader of the log can't keep us from stopping. */
const LOG_FLUSH_TIMEOUT_MS = 1_000

export interface DaemonOptions {
  readonly config: Config
  readonly version: string
  /** What the version before has given us; `Inheritance.take`. */
  readonly inheritance?: Inheritance | undefined
  /** Another worker than our own, for tests. */
  readonly workerEntry?: URL
}

/** Serves until it is told to stop; returns the exit code. Throws ConfigError or StartError before it serves. */
export async function runDaemon(options: DaemonOptions): Promise<0 | 1> {
  const { config } = options
  const log = openLog({ ...config.log, stream: openStdout() })
  const upstreams = await UpstreamAddresses.resolve(config)
  const stop = new StopSignals((error) => sayUncaught(log, error))
  const upgrades = new Upgrades(log, () => stop.request({ by: 'upgrade' }))
  const { inheritance } = options
  if (inheritance !== undefined) await keepFromChildren(inheritance)
  const operatorStates = await OperatorStates.read(config.admin.stateDir, log)
  const node = new RunningNode({
    ...options,
    operatorStates,
    addresses: upstreams.current,
    log,
    onLostWorker: () => stop.request({ by: 'lost-worker' }),
  })
  const admin = await startAdmin(config, node, log, operatorStates, inheritance)
  await node.start().catch(async (error: unknown) => {
    await admin?.close()
    throw error
  })
  upstreams.start(
    (addresses) => node.useAddresses(addresses),
    (event) => sayHostnameEvent(log, event),
  )
  upgrades.allow(node, admin?.listeningSocket())
  sayReady(log, node)
  inheritance?.closeUntaken()
  inheritance?.sayReady(options.version)
  void sayToServiceManager(log, ['READY=1', `MAINPID=${process.pid}`])
  let request = await stop.first
  upgrades.stop()
  upstreams.stop()
  if (request.by === 'upgrade') request = await linger(node, admin, config, log, stop)
  else void sayToServiceManager(log, ['STOPPING=1'])
  const timeoutMs = drainMs(request, config)
  sayDraining(log, request.by, node.memory.nodeWide.openConnections, timeoutMs)
  await drain(node, timeoutMs, stop.second)
  const { connectionsReset, isStuck } = await node.end()
  await admin?.close()
  const exitCode = stop.hasFailed ? 1 : 0
  sayStopped(log, connectionsReset, exitCode)
  await log.output.close(LOG_FLUSH_TIMEOUT_MS)
  // A daemon that never ends is never started again.
  if (isStuck) process.kill(process.pid, 'SIGKILL')
  return exitCode
}

/** The next version serves. This one takes no new clients and stays for those it has: until they end, or it is told to stop. */
async function linger(
  node: RunningNode,
  admin: AdminServer | undefined,
  config: Config,
  log: Log,
  stop: StopSignals,
): Promise<StopRequest> {
  stop.startOver()
  await admin?.close()
  const { upgradeDrainTimeoutMs } = config.traffic
  sayDraining(log, 'upgrade', node.memory.nodeWide.openConnections, upgradeDrainTimeoutMs)
  const asked = stop.first
  const isAsked = asked.then(() => {})
  await (upgradeDrainTimeoutMs === 0
    ? Promise.race([node.drain(), isAsked])
    : drain(node, upgradeDrainTimeoutMs, isAsked))
  return await Promise.race([asked, Promise.resolve<StopRequest>({ by: 'upgrade' })])
}

/** Before any worker starts: a child of ours that inherits a listening socket would hold clients that nobody serves. */
async function keepFromChildren(inheritance: Inheritance): Promise<void> {
  const { closeOnExec } = await import('./kernel/close-on-exec.ts')
  closeOnExec(inheritance.fds)
}

async function sayToServiceManager(log: Log, assignments: readonly string[]): Promise<void> {
  const problem = await tellServiceManager(assignments)
  if (problem !== undefined) log.say('service-manager', { problem }, 'The service manager could not be told.')
}

async function startAdmin(
  config: Config,
  node: RunningNode,
  log: Log,
  operatorStates: OperatorStates,
  inheritance: Inheritance | undefined,
): Promise<AdminServer | undefined> {
  if (config.admin.listen === 'off') return undefined
  const { listen } = config.admin
  const actions = {
    setUpstreamState: (...change: Parameters<AdminActions['setUpstreamState']>) => operatorStates.set(node, ...change),
  }
  const admin = await AdminServer.listen(listen, node, actions, inheritance?.adminFd(listen))
  sayAdminListening(log, formatSocketAddress(admin.address))
  if (!isLoopback(admin.address)) sayAdminExposed(log, formatSocketAddress(admin.address))
  return admin
}

function drainMs({ by }: StopRequest, config: Config): number {
  const { drainTimeoutMs } = config.traffic
  if (by === 'uncaught-exception' || by === 'upgrade') return 0
  return by === 'lost-worker' ? Math.min(LOST_WORKER_DRAIN_MS, drainTimeoutMs) : drainTimeoutMs
}

/** Returns when the last connection is gone, the time is over, or we are asked again. */
async function drain(node: RunningNode, timeoutMs: number, askedAgain: Promise<void>): Promise<void> {
  const timer = new AbortController()
  const timeout = delay(timeoutMs, undefined, { signal: timer.signal }).catch(() => {})
  await Promise.race([node.drain(), timeout, askedAgain])
  timer.abort()
}

/**
 * The daemon on one screen: load config, start control, start workers, wait, drain.
 * The command line (cli/run.ts, cli/check.ts) may import this file and nothing else of the daemon.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { AdminServer } from './api/server.ts'
import type { Config } from './control/config/config.ts'
import {
  sayAdminListening,
  sayDraining,
  sayHostnameEvent,
  sayReady,
  sayStopped,
  sayUncaught,
} from './control/log/daemon-lines.ts'
import { type Log, openLog } from './control/log/log.ts'
import { openStdout } from './control/log/stdout-stream.ts'
import { type ConfigFile, ConfigWatch } from './control/reload/config-watch.ts'
import { Hangup } from './control/reload/hangup.ts'
import { Reload } from './control/reload/reload.ts'
import { UpstreamAddresses } from './control/resolve/upstream-addresses.ts'
import { RunningNode } from './control/running-node.ts'
import { type StopRequest, StopSignals } from './control/stop-signals.ts'
import { formatSocketAddress } from './lib/ip.ts'

export { checkConfigFile } from './control/config-summary.ts'
export { ConfigError, loadConfig } from './control/config/load.ts'
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
  /** Another worker than our own, for tests. */
  readonly workerEntry?: URL
}

/** Serves until it is told to stop; returns the exit code. Throws ConfigError or StartError before it serves. */
export async function runDaemon(options: DaemonOptions): Promise<0 | 1> {
  const { config } = options
  const log = openLog({ ...config.log, stream: openStdout() })
  const upstreams = await UpstreamAddresses.resolve(config)
  const stop = new StopSignals((error) => sayUncaught(log, error))
  const hangup = new Hangup()
  const node = new RunningNode({
    ...options,
    addresses: upstreams.current,
    log,
    onLostWorker: () => stop.request({ by: 'lost-worker' }),
  })
  const watch = new ConfigWatch(options.configFile, () => void reload.run('watchConfig'))
  const follow = (names: UpstreamAddresses): void => {
    names.start(
      (addresses) => node.useAddresses(addresses),
      (event) => sayHostnameEvent(log, event),
    )
    watch.set(node.config.admin.watchConfig)
  }
  const reload = new Reload({
    path: options.configFile?.path,
    env: process.env,
    node,
    log,
    upstreams,
    watch,
    follow,
  })
  const admin = await startAdmin(config, node, log, reload)
  await node.start().catch(async (error: unknown) => {
    await admin?.close()
    throw error
  })
  follow(upstreams)
  sayReady(log, node)
  hangup.use(() => void reload.run('SIGHUP'))

  const request = await stop.first
  watch.set(false)
  reload.upstreams.stop()
  const timeoutMs = drainMs(request, node.config)
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

async function startAdmin(
  config: Config,
  node: RunningNode,
  log: Log,
  reload: Reload,
): Promise<AdminServer | undefined> {
  if (config.admin.listen === 'off') return undefined
  const admin = await AdminServer.listen(config.admin.listen, node, {
    reload: { run: () => reload.run('admin'), check: () => reload.check() },
  })
  sayAdminListening(log, formatSocketAddress(admin.address))
  return admin
}

function drainMs({ by }: StopRequest, config: Config): number {
  const { drainTimeoutMs } = config.traffic
  if (by === 'uncaught-exception') return 0
  return by === 'lost-worker' ? Math.min(LOST_WORKER_DRAIN_MS, drainTimeoutMs) : drainTimeoutMs
}

/** Returns when the last connection is gone, the time is over, or we are asked again. */
async function drain(node: RunningNode, timeoutMs: number, askedAgain: Promise<void>): Promise<void> {
  const timer = new AbortController()
  const timeout = delay(timeoutMs, undefined, { signal: timer.signal }).catch(() => {})
  await Promise.race([node.drain(), timeout, askedAgain])
  timer.abort()
}

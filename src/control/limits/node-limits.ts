/**
 * How much this node may take: connections from the file limit and the memory, pipes and buffers for each worker.
 * Above these limits new clients are refused; admin, logs and checks keep working from the reserve.
 */
import type { EngineName, WorkerLimits } from '../../traffic/events.ts'

/** 64 for checks; Node itself, stdout, the store, name lookups. The admin API's connections come on top. */
export const CONTROL_FD_RESERVE = 96
/** Of the file limit, for connections to the admin API: each open dashboard keeps one. */
export const ADMIN_SHARE_OF_FDS = 1 / 32
export const ADMIN_CONNECTIONS_LEAST = 64
export const ADMIN_CONNECTIONS_MOST = 512
/** A worker's event loops, its eventfd and io_uring, and the fd that a refused client has for a moment. */
export const WORKER_FD_RESERVE = 32
/** One for the client, one for the upstream. */
export const FDS_PER_CONNECTION = 2
export const FDS_PER_PIPE = 2
/** Pipes are held only while bytes are in flight; where none is left, bytes are copied instead. */
export const PIPES_PER_WORKER_MAX = 256
/** Under a small file limit connections matter more than bulk speed: pipes get an eighth. */
export const PIPE_SHARE_OF_FDS = 1 / 8
export const SPILL_BYTES_PER_WORKER = 64 * 1024 * 1024
/** What an idle connection may cost the kernel: two sockets with their files and smallest buffers, about 12 KiB, rounded up. */
export const MEMORY_BYTES_PER_CONNECTION = 16 * 1024
/** The other half is for bytes in flight, for the upstreams' neighbours on this machine, and for Tidegate itself. */
export const MEMORY_SHARE_FOR_CONNECTIONS = 1 / 2
/** `auto` goes no further: containers often say a file limit of 2^30, which nobody chose. */
export const CONNECTIONS_AUTO_MAX = 1_000_000

/** Fewer than these because of the file limit are worth a warning: the limit was left at a shell's default. */
export const CONNECTIONS_FEW = 1_000

export interface LimitQuestion {
  readonly engine: EngineName
  readonly workers: number
  /** Listening addresses over all services. */
  readonly listeners: number
  /** The soft limit on open files. */
  readonly fileLimit: number
  /** What this process may use: the machine's, or its container's. */
  readonly memoryBytes: number
  readonly configuredMax: number | 'auto'
}

export interface NodeLimits extends WorkerLimits {
  /** What set connectionsMax. */
  readonly boundBy: 'maxConnections' | 'file limit' | 'memory' | 'auto ceiling'
  /** To the admin API at once; more are dropped. */
  readonly adminConnectionsMax: number
  /** Sentences for the log at start. */
  readonly warnings: readonly string[]
}

/**
 * With F = file limit - CONTROL_FD_RESERVE - adminConnectionsMax - workers x (WORKER_FD_RESERVE + listeners):
 *
 *   adminConnectionsMax = file limit / 32, within 64 and 512
 *   pipesMax        = min(PIPES_PER_WORKER_MAX, F / 8 / FDS_PER_PIPE / workers)      0 for the node engine
 *   byFiles         = (F - workers x pipesMax x FDS_PER_PIPE) / FDS_PER_CONNECTION
 *   byMemory        = memory / 2 / MEMORY_BYTES_PER_CONNECTION
 *   connectionsMax  = auto: min(byFiles, byMemory, CONNECTIONS_AUTO_MAX); configured: min(configured, byFiles)
 *
 * `connectionsMax` below 1 means that Tidegate can't start under this file limit.
 */
export function nodeLimits(question: LimitQuestion): NodeLimits {
  const { workers, configuredMax } = question
  const adminConnectionsMax = adminConnections(question.fileLimit)
  const fdsForTraffic = Math.max(
    0,
    question.fileLimit - CONTROL_FD_RESERVE - adminConnectionsMax - workers * (WORKER_FD_RESERVE + question.listeners),
  )
  const pipesMax = question.engine === 'linux' ? pipesPerWorker(fdsForTraffic, workers) : 0
  const byFiles = Math.floor((fdsForTraffic - workers * pipesMax * FDS_PER_PIPE) / FDS_PER_CONNECTION)
  const byMemory = Math.floor((question.memoryBytes * MEMORY_SHARE_FOR_CONNECTIONS) / MEMORY_BYTES_PER_CONNECTION)
  const perWorker = { pipesMax, spillBytesMax: SPILL_BYTES_PER_WORKER, adminConnectionsMax }
  if (configuredMax === 'auto') return { ...perWorker, ...automaticMax(byFiles, byMemory, question.fileLimit) }
  return { ...perWorker, ...checkedMax(configuredMax, byFiles, byMemory, question.fileLimit) }
}

function adminConnections(fileLimit: number): number {
  const share = Math.floor(fileLimit * ADMIN_SHARE_OF_FDS)
  return Math.min(ADMIN_CONNECTIONS_MOST, Math.max(ADMIN_CONNECTIONS_LEAST, share))
}

function pipesPerWorker(fdsForTraffic: number, workers: number): number {
  const affordable = Math.floor((fdsForTraffic * PIPE_SHARE_OF_FDS) / FDS_PER_PIPE / workers)
  return Math.min(PIPES_PER_WORKER_MAX, affordable)
}

type ChosenMax = Pick<NodeLimits, 'connectionsMax' | 'boundBy' | 'warnings'>

const RAISE_FILE_LIMIT = 'Raise the limit (LimitNOFILE= in a systemd unit, ulimit -n in a shell)'

function automaticMax(byFiles: number, byMemory: number, fileLimit: number): ChosenMax {
  const connectionsMax = Math.min(byFiles, byMemory, CONNECTIONS_AUTO_MAX)
  if (connectionsMax !== byFiles) {
    return { connectionsMax, boundBy: connectionsMax === byMemory ? 'memory' : 'auto ceiling', warnings: [] }
  }
  const warning = `The file limit of ${fileLimit} allows ${byFiles} connections only. ${RAISE_FILE_LIMIT}.`
  return { connectionsMax, boundBy: 'file limit', warnings: byFiles < CONNECTIONS_FEW ? [warning] : [] }
}

function checkedMax(configured: number, byFiles: number, byMemory: number, fileLimit: number): ChosenMax {
  if (configured > byFiles) {
    const warning = `maxConnections is ${configured}, but the file limit of ${fileLimit} allows ${byFiles}; ${byFiles} it is. ${RAISE_FILE_LIMIT} or lower maxConnections.`
    return { connectionsMax: byFiles, boundBy: 'file limit', warnings: [warning] }
  }
  const warnings =
    configured > byMemory
      ? [
          `maxConnections is ${configured}; half of this machine's memory holds about ${byMemory} idle connections. A flood may run it out of memory.`,
        ]
      : []
  return { connectionsMax: configured, boundBy: 'maxConnections', warnings }
}

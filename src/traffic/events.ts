/**
 * The messages between control and one worker. Tables go down, events go up; everything that happens
 * per connection goes through shared memory instead (counters.ts, log-ring.ts).
 */
import type { MessagePort } from 'node:worker_threads'
import type { SocketAddress } from '../lib/ip.ts'
import type { ConnectionLook, LookAnswer } from './connection-look.ts'
import type { CounterShape } from './counters.ts'
import type { Tables } from './tables.ts'

export type EngineName = 'linux' | 'node'

/** What a worker is started with (workerData). */
export interface WorkerStart {
  readonly workerIndex: number
  readonly workers: number
  readonly engine: EngineName
  /** Whether the linux engine may use io_uring, where it can be had. */
  readonly ioUring: boolean
  readonly tables: Tables
  /** Listening sockets that came from the version before, by `Listener.index`; those that are not here are opened. */
  readonly inheritedFds: Readonly<Record<number, readonly number[]>>
  readonly limits: WorkerLimits
  /** 12 hex digits that differ from start to start; the first half of every connection id. */
  readonly bootId: string
  /** Messages go both ways on this port. */
  readonly port: MessagePort
  readonly counterShape: CounterShape
  readonly counterMemory: SharedArrayBuffer
  readonly nodeWideMemory: SharedArrayBuffer
  readonly sourceMemory: SharedArrayBuffer
  readonly overloadMemory: SharedArrayBuffer
  readonly knownClientsMemory: SharedArrayBuffer
  readonly upstreamStatesMemory: SharedArrayBuffer
  readonly workerWakesMemory: SharedArrayBuffer
  readonly bansMemory: SharedArrayBuffer
  readonly logRingMemory: SharedArrayBuffer
  readonly strikesMemory: SharedArrayBuffer
  readonly newcomersMemory: SharedArrayBuffer
}

export interface WorkerLimits {
  /** Over all workers of the node. */
  readonly connectionsMax: number
  /** Pipes this worker may hold open for splice. */
  readonly pipesMax: number
  /** User-space bytes this worker may hold for streams whose receiver is slow. */
  readonly spillBytesMax: number
}

/**
 * Control to worker. New tables with the same listeners come as `tables`. Tables with other listeners take two steps, so
 * that nothing is half done when one worker can't open what another could:
 *
 *   control                          each worker
 *   prepare(tables)   ──▶   opens what is new, accepts nobody there yet
 *                     ◀──   prepared, or listen-failed (and has closed again what it opened)
 *   commit | cancel   ──▶   goes by the tables and closes what is gone  |  closes what it opened
 *                     ◀──   settled
 *
 * Control has one change under way at a time, and bounds each wait (CHANGE_TIMEOUT_MS).
 */
export type WorkerCommand =
  | { readonly kind: 'tables'; readonly tables: Tables }
  /** End every connection to this upstream with the reason `upstream-down`; those that are still dialling it try the next. */
  | { readonly kind: 'close-upstream'; readonly upstreamIndex: number }
  /** End every connection whose client is banned by now, with the reason `banned`. */
  | { readonly kind: 'close-banned' }
  /** Deadlines have become shorter: look at every connection now. */
  | { readonly kind: 'look-at-deadlines' }
  /** Look at the open connections; `looked` answers. */
  | { readonly kind: 'look'; readonly id: number; readonly look: ConnectionLook }
  | { readonly kind: 'prepare'; readonly tables: Tables }
  | { readonly kind: 'commit' }
  | { readonly kind: 'cancel' }
  /** Stop listening; say `drained` when the last connection is gone. */
  | { readonly kind: 'drain' }
  /** Reset every connection that is left, with the reason `drained`, then end. */
  | { readonly kind: 'end' }

/** Worker to control. */
export type WorkerEvent =
  /** All listeners are open. `wakeFd`: write 8 bytes to it after posting a command; -1 where the worker reads its port by itself. */
  | { readonly kind: 'listening'; readonly wakeFd: number; readonly addresses: readonly ListeningAddress[] }
  | { readonly kind: 'listen-failed'; readonly address: SocketAddress; readonly code: string; readonly message: string }
  /** Everything that `prepare` asked for is open; `addresses` are those of the new listeners. */
  | { readonly kind: 'prepared'; readonly addresses: readonly ListeningAddress[] }
  /** `commit` or `cancel` is done, and every listener that is gone is closed. */
  | { readonly kind: 'settled' }
  | { readonly kind: 'looked'; readonly id: number; readonly answer: LookAnswer }
  | { readonly kind: 'accept-paused'; readonly code: string; readonly ms: number }
  | { readonly kind: 'warning'; readonly message: string }
  | { readonly kind: 'internal-error'; readonly message: string; readonly stack: string }
  | { readonly kind: 'drained' }

/** The address a listener got; it differs from the asked one where port 0 was asked. */
export interface ListeningAddress {
  readonly listenerIndex: number
  /** Open in the whole process as long as the worker listens. */
  readonly fd: number
  readonly address: SocketAddress
}

/** The id of a connection in logs and in the UNIQUE_ID TLV: 24 hex digits. */
export function connectionId(bootId: string, workerIndex: number, sequence: number): string {
  return bootId + workerIndex.toString(16).padStart(2, '0') + sequence.toString(16).padStart(10, '0')
}

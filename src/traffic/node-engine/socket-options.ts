/** The socket options of node:net, and a word about those it does not have. */
import type { Socket } from 'node:net'
import type { Service, SocketOptions, Tables } from '../tables.ts'
import type { TrafficWorker } from './traffic-worker.ts'

/**
 * For both sides. A high-water mark of 1: what is read goes out at once, so a stream never has to collect,
 * and a paused socket holds one read (64 KiB, libuv's) instead of that and a mark full.
 */
export const STREAM_OPTIONS = { allowHalfOpen: true, noDelay: true, highWaterMark: 1 } as const

/** libuv counts in seconds and takes no 0. */
const KEEP_ALIVE_MS_MIN = 1000

export function setKeepAlive(socket: Socket, { keepAliveMs }: SocketOptions): void {
  if (keepAliveMs === undefined || keepAliveMs === 0) return
  socket.setKeepAlive(true, Math.max(keepAliveMs, KEEP_ALIVE_MS_MIN))
}

/** What node:net can't set, as the configuration calls it. */
const IGNORED_OPTIONS: Readonly<Partial<Record<keyof SocketOptions, string>>> = {
  receiveBufferBytes: 'receiveBuffer',
  sendBufferBytes: 'sendBuffer',
  windowClampBytes: 'windowClamp',
  maxSegmentBytes: 'maxSegment',
  notSentLowWaterBytes: 'notSentLowWater',
  congestionControl: 'congestionControl',
  userTimeoutMs: 'userTimeout',
}

/** One warning for each service that asks for more than node:net has; from one worker, not from each. `said`: those said before. */
export function warnOfIgnoredOptions(worker: TrafficWorker, said: ReadonlySet<string>): void {
  if (worker.start.workerIndex !== 0) return
  for (const message of ignoredOptionsOf(worker.tables)) {
    if (!said.has(message)) worker.report({ kind: 'warning', message })
  }
}

export function ignoredOptionsOf(tables: Tables): ReadonlySet<string> {
  const asking = tables.services.filter((service) => ignoredOptions(service).length > 0)
  return new Set(
    asking.map((service) => {
      const names = ignoredOptions(service).join(', ')
      return `Service ${service.name}: the node engine can't set ${names}; the kernel's defaults hold.`
    }),
  )
}

function ignoredOptions(service: Service): string[] {
  const isSet = (option: string): boolean =>
    [service.clientSocket, service.upstreamSocket].some((side) => Boolean(side[option as keyof SocketOptions]))
  return Object.entries(IGNORED_OPTIONS)
    .filter(([option]) => isSet(option))
    .map(([, name]) => `socket.${name}`)
}

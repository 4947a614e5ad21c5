/** Step 1 of 6, before admit: opens the listeners of all services and hands over the clients they accept. */
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { socketAddress, type SocketAddress } from '../../lib/ip.ts'
import type { ListeningAddress, WorkerStart } from '../events.ts'
import type { Listener } from '../tables.ts'
import { fdOf } from '../../lib/server-fd.ts'
import { resetSocket } from './reset.ts'
import { STREAM_OPTIONS } from './socket-options.ts'

/** More than any somaxconn: the kernel cuts it to its own limit. */
const BACKLOG = 65535

export interface OpenListener extends ListeningAddress {
  readonly server: Server
}

/** Where a client came in. */
export interface ListenerPlace {
  readonly serviceIndex: number
  readonly listenerIndex: number
}

export interface ListenFailure {
  readonly address: SocketAddress
  /** An errno's name. */
  readonly code: string
  readonly message: string
}

export interface ListenOutcome {
  readonly open: readonly OpenListener[]
  readonly failures: readonly ListenFailure[]
}

export type TakeClient = (client: Socket, place: ListenerPlace) => void

/** Tries all listeners, so that every address that can't be had is told at once. */
export async function openListeners(start: WorkerStart, takeClient: TakeClient): Promise<ListenOutcome> {
  const attempts = start.tables.services.flatMap((service) =>
    service.listeners.flatMap((listener) => {
      const place = { serviceIndex: service.index, listenerIndex: listener.index }
      const take = (client: Socket): void => takeClient(client, place)
      const inherited = start.inheritedFds[listener.index] ?? []
      if (inherited.length === 0) return [openListener(start, listener, take)]
      return inherited.map((fd) => adoptListener(listener, fd, take))
    }),
  )
  const outcomes = await Promise.all(attempts)
  return {
    open: outcomes.filter((outcome) => 'server' in outcome),
    failures: outcomes.filter((outcome) => 'code' in outcome),
  }
}

async function openListener(
  start: WorkerStart,
  listener: Listener,
  takeClient: (client: Socket) => void,
): Promise<OpenListener | ListenFailure> {
  const isShared = start.workers > 1
  try {
    if (isShared && start.workerIndex === 0 && listener.address.port !== 0) await requireFree(listener)
    const server = createServer({ ...STREAM_OPTIONS, pauseOnConnect: true }, takeClient)
    await listen(server, listener, isShared)
    return asOpen(server, listener)
  } catch (error) {
    return failureOf(listener, error as NodeJS.ErrnoException)
  }
}

/** Goes on listening on a socket that came from the version before. */
async function adoptListener(
  listener: Listener,
  fd: number,
  takeClient: (client: Socket) => void,
): Promise<OpenListener | ListenFailure> {
  try {
    const server = createServer({ ...STREAM_OPTIONS, pauseOnConnect: true }, takeClient)
    server.listen({ fd, backlog: BACKLOG })
    await once(server, 'listening')
    return asOpen(server, listener)
  } catch (error) {
    return failureOf(listener, error as NodeJS.ErrnoException)
  }
}

function asOpen(server: Server, listener: Listener): OpenListener {
  return { listenerIndex: listener.index, address: listeningAddress(server, listener), fd: fdOf(server), server }
}

function failureOf({ address }: Listener, { code = 'UNKNOWN', message }: NodeJS.ErrnoException): ListenFailure {
  return { address, code, message }
}

/** SO_REUSEPORT would share the port with another process of the same user without a word, and with it half of the clients. */
async function requireFree(listener: Listener): Promise<void> {
  const server = createServer(resetSocket)
  await listen(server, listener, false)
  server.close()
  await once(server, 'close')
}

async function listen(server: Server, { address, dualStack }: Listener, reusePort: boolean): Promise<void> {
  const ipv6Only = address.family === 6 && !dualStack
  server.listen({ host: address.address, port: address.port, backlog: BACKLOG, ipv6Only, reusePort, exclusive: true })
  await once(server, 'listening')
}

/** The asked address with the port the kernel chose where 0 was asked. */
function listeningAddress(server: Server, listener: Listener): SocketAddress {
  const bound = server.address()
  if (bound === null || typeof bound === 'string') return listener.address
  return socketAddress(bound.address, bound.port) ?? { ...listener.address, port: bound.port }
}

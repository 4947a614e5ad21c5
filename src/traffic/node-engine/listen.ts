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
  readonly place: ListenerPlace
}

/** Where a client came in. */
export interface ListenerPlace {
  /** Changes when new tables give the listener to another service. */
  serviceIndex: number
  readonly listenerIndex: number
  /** False until its tables are in force. */
  serves: boolean
  /** Clients so far. */
  accepted: number
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

/** A listener of the tables to open. */
export interface WantedListener {
  readonly listener: Listener
  readonly serviceIndex: number
  /** Another socket of ours may have the port; else whoever has it is a stranger. */
  readonly mayBeOurs: boolean
  /** Sockets of it that came from the version before; none means that it is to be opened. */
  readonly inheritedFds: readonly number[]
}

/** Tries all of them, so that every address that can't be had is told at once. */
export async function openListeners(
  start: WorkerStart,
  wanted: readonly WantedListener[],
  takeClient: TakeClient,
): Promise<ListenOutcome> {
  const outcomes = await Promise.all(wanted.flatMap((one) => opened(start, one, takeClient)))
  return {
    open: outcomes.filter((outcome) => 'server' in outcome),
    failures: outcomes.filter((outcome) => 'code' in outcome),
  }
}

function opened(
  start: WorkerStart,
  wanted: WantedListener,
  takeClient: TakeClient,
): Promise<OpenListener | ListenFailure>[] {
  if (wanted.inheritedFds.length === 0) return [openListener(start, wanted, takeClient)]
  return wanted.inheritedFds.map((fd) => adoptListener(wanted, fd, takeClient))
}

/** Always, where the system has it: `0.0.0.0:443` can then take the place of `*:443` without a moment in between. */
function canSharePorts(start: WorkerStart): boolean {
  return start.workers > 1 || process.platform === 'linux'
}

async function openListener(
  start: WorkerStart,
  { listener, serviceIndex, mayBeOurs }: WantedListener,
  takeClient: TakeClient,
): Promise<OpenListener | ListenFailure> {
  const isShared = canSharePorts(start)
  const place = placeOf(listener, serviceIndex)
  try {
    if (isShared && !mayBeOurs && listener.address.port !== 0) await requireFree(listener)
    const server = createServer({ ...STREAM_OPTIONS, pauseOnConnect: true }, (client) => takeClient(client, place))
    await listen(server, listener, isShared)
    return asOpen(server, listener, place)
  } catch (error) {
    return failureOf(listener, error as NodeJS.ErrnoException)
  }
}

/** Goes on listening on a socket that came from the version before. */
async function adoptListener(
  { listener, serviceIndex }: WantedListener,
  fd: number,
  takeClient: TakeClient,
): Promise<OpenListener | ListenFailure> {
  const place = placeOf(listener, serviceIndex)
  try {
    const server = createServer({ ...STREAM_OPTIONS, pauseOnConnect: true }, (client) => takeClient(client, place))
    server.listen({ fd, backlog: BACKLOG })
    await once(server, 'listening')
    return asOpen(server, listener, place)
  } catch (error) {
    return failureOf(listener, error as NodeJS.ErrnoException)
  }
}

function placeOf(listener: Listener, serviceIndex: number): ListenerPlace {
  return { serviceIndex, listenerIndex: listener.index, serves: false, accepted: 0 }
}

function asOpen(server: Server, listener: Listener, place: ListenerPlace): OpenListener {
  const address = listeningAddress(server, listener)
  return { listenerIndex: listener.index, address, fd: fdOf(server), server, place }
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

/** Step 1 of 6, before admit: opens the listeners of all services and hands over the clients they accept. */
import { createServer, type Server, type Socket } from 'node:net'
import { socketAddress, type SocketAddress } from '../../lib/ip.ts'
import type { ListeningAddress, WorkerStart } from '../events.ts'
import type { Listener } from '../tables.ts'
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
    service.listeners.map((listener) => {
      const place = { serviceIndex: service.index, listenerIndex: listener.index }
      return openListener(listener, start.workers > 1, (client) => takeClient(client, place))
    }),
  )
  const outcomes = await Promise.all(attempts)
  return {
    open: outcomes.filter((outcome) => 'server' in outcome),
    failures: outcomes.filter((outcome) => 'code' in outcome),
  }
}

function openListener(
  listener: Listener,
  isShared: boolean,
  takeClient: (client: Socket) => void,
): Promise<OpenListener | ListenFailure> {
  const { promise, resolve } = Promise.withResolvers<OpenListener | ListenFailure>()
  const server = createServer({ ...STREAM_OPTIONS, pauseOnConnect: true }, takeClient)
  server.once('error', (error: NodeJS.ErrnoException) => {
    resolve({ address: listener.address, code: error.code ?? 'UNKNOWN', message: error.message })
  })
  server.once('listening', () => {
    server.removeAllListeners('error')
    resolve({ listenerIndex: listener.index, address: listeningAddress(server, listener), server })
  })
  server.listen({
    host: listener.address.address,
    port: listener.address.port,
    backlog: BACKLOG,
    ipv6Only: listener.address.family === 6 && !listener.dualStack,
    reusePort: isShared,
    exclusive: true,
  })
  return promise
}

/** The asked address with the port the kernel chose where 0 was asked. */
function listeningAddress(server: Server, listener: Listener): SocketAddress {
  const bound = server.address()
  if (bound === null || typeof bound === 'string') return listener.address
  return socketAddress(bound.address, bound.port) ?? { ...listener.address, port: bound.port }
}

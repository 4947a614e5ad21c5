/**
 * The admin API on `admin.listen`. It expects that an attacker may reach it: few connections, short deadlines, small
 * headers and bodies, and nothing for web pages of others (guard.ts). Who asks, and what they may, is identify.ts.
 */
import { createServer, type RequestListener, type Server, type ServerOptions } from 'node:http'
import { createServer as createTlsServer, Server as TlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { SecureContextOptions } from 'node:tls'
import { type AdminSocket, listenerKey, type ListeningSockets } from '../control/upgrade/handover.ts'
import { listenError } from '../control/workers/start-error.ts'
import { fdOf } from '../lib/server-fd.ts'
import { socketAddress, type SocketAddress } from '../lib/ip.ts'
import { makeMetricsPage } from '../metrics/metrics-page.ts'
import type { AdminCertificate } from '../control/access/admin-certificate.ts'
import { makeApp } from './app.ts'
import { cameInOnLoopback } from './identify.ts'
import type { App, Room } from './room.ts'

export type { AdminActions } from './room.ts'

const HEADER_BYTES_MAX = 8 * 1024
const HEADERS_MAX = 64
/** For the headers and for the whole request. */
const REQUEST_TIMEOUT_MS = 5_000
const KEEP_ALIVE_TIMEOUT_MS = 5_000
/** A client that does not read its answer is cut off; not one whose answer waits for a store that hangs. */
export const SOCKET_TIMEOUT_MS = 15_000
const REQUESTS_PER_CONNECTION_MAX = 1_000
const LAST_ANSWERS_MS = 1_000
/** Connections that only this machine gets: who takes all others does not keep the command line out. */
export const LOCAL_RESERVE = 8

export interface AdminServerOptions extends Omit<Room, 'metrics' | 'ownNames'> {
  readonly address: SocketAddress
  /** A socket that listens already, of the version before; who connects waits there until `open`. */
  readonly inherited?: AdminSocket | undefined
  /** Undefined is plain HTTP. */
  readonly tls?: AdminCertificate | undefined
  /** The last request is answered. */
  readonly onClosed?: () => Promise<void>
}

interface MoreOfServer {
  readonly own: OwnNames
  readonly inheritedFd?: number
  readonly onClosed: () => Promise<void>
}

/** Host names that our certificate is for. */
interface OwnNames {
  names: readonly string[]
}

export class AdminServer {
  readonly #app: App
  readonly #own: OwnNames
  readonly #asked: SocketAddress
  readonly address: SocketAddress
  readonly #inheritedFd: number | undefined
  readonly #onClosed: () => Promise<void>
  /** Those that have not begun to speak TLS too, which the server itself knows nothing of. */
  readonly #sockets = new Set<Socket>()

  private constructor(app: App, asked: SocketAddress, address: SocketAddress, more: MoreOfServer) {
    this.#app = app
    this.#own = more.own
    this.#inheritedFd = more.inheritedFd
    this.#onClosed = more.onClosed
    app.server.on('connection', (socket: Socket) => {
      if (!hasRoom(this.#sockets.size, app.server.maxConnections, socket.localAddress ?? '')) {
        socket.destroy()
        return
      }
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
    this.#asked = asked
    this.address = address
  }

  /** Throws StartError when the address can't be had. */
  static async listen(options: AdminServerOptions): Promise<AdminServer> {
    const { address, inherited, tls, onClosed = async () => {}, ...others } = options
    const own: OwnNames = { names: tls?.names ?? [] }
    const room = { ...others, ownNames: () => own.names, metrics: makeMetricsPage(others.node) }
    const app = await makeApp(room, (handler) => makeServer(handler, tls))
    const { server } = app
    server.maxConnections = room.node.limits.adminConnectionsMax
    if (inherited !== undefined) {
      return new AdminServer(app, address, inherited.address, { own, inheritedFd: inherited.fd, onClosed })
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(listenError(address, error.code ?? 'error', error.message, 'admin.listen'))
    })
    const { address: host, port: asked, family } = address
    server.listen({ host, port: asked, ipv6Only: family === 6 }, resolve)
    await promise
    const { port } = server.address() as AddressInfo
    return new AdminServer(app, address, socketAddress(address.address, port) ?? address, { own, onClosed })
  }

  /** Answers from now on: the version before does no more. */
  async open(): Promise<void> {
    const { server } = this.#app
    if (this.#inheritedFd === undefined || server.listening) return
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    server.once('error', reject)
    server.listen({ fd: this.#inheritedFd }, resolve)
    await promise
  }

  /** Who connects from now on gets this one. Throws for what TLS does not take; then nothing has changed. */
  useCertificate(tls: AdminCertificate): void {
    const { server } = this.#app
    if (!(server instanceof TlsServer)) return
    server.setSecureContext(secureContextOf(tls))
    this.#own.names = tls.names
  }

  /** For the version that follows. */
  listeningSocket(): ListeningSockets {
    const [asked, got] = [this.#asked, this.address].map((address) => listenerKey({ address, dualStack: false }))
    return { asked, got, fds: [this.#inheritedFd ?? fdOf(this.#app.server)] }
  }

  /** Takes no new requests; answers that are under way get a moment, among them the one to who asked for the upgrade. */
  closeGently(): void {
    const { server } = this.#app
    server.close()
    server.closeIdleConnections()
    setTimeout(() => server.closeAllConnections(), LAST_ANSWERS_MS).unref()
  }

  /** Answers that are under way are cut off: whoever stops a node wants it to stop. */
  async close(): Promise<void> {
    const { server } = this.#app
    const { promise, resolve } = Promise.withResolvers<void>()
    server.close(() => resolve())
    server.closeAllConnections()
    for (const socket of this.#sockets) socket.destroy()
    await promise
    await this.#onClosed()
  }
}

/** For one more beside so many; what goes beyond `connectionsMax` the server turns away by itself. */
export function hasRoom(connections: number, connectionsMax: number, localAddress: string): boolean {
  return connections < connectionsMax - LOCAL_RESERVE || cameInOnLoopback(localAddress)
}

function makeServer(handler: RequestListener, tls: AdminCertificate | undefined): Server {
  const limits = {
    maxHeaderSize: HEADER_BYTES_MAX,
    headersTimeout: REQUEST_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    connectionsCheckingInterval: 1_000,
  }
  const server = tls === undefined ? createServer(limits, handler) : makeTlsServer(limits, handler, tls)
  server.maxHeadersCount = HEADERS_MAX
  server.maxRequestsPerSocket = REQUESTS_PER_CONNECTION_MAX
  server.timeout = SOCKET_TIMEOUT_MS
  return server
}

/** It has all of the other one's, and HTTP/1.1 alone. */
function makeTlsServer(limits: ServerOptions, handler: RequestListener, tls: AdminCertificate): Server {
  return createTlsServer({ ...limits, ...secureContextOf(tls), handshakeTimeout: REQUEST_TIMEOUT_MS }, handler)
}

function secureContextOf({ certificate: cert, key }: AdminCertificate): SecureContextOptions {
  return { cert, key, minVersion: 'TLSv1.2' }
}

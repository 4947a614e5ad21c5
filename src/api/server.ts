/**
 * The admin API on `admin.listen`. It expects that an attacker may reach it: few connections, short deadlines, small
 * headers and bodies, and nothing for web pages of others (guard.ts). Who asks, and what they may, is identify.ts.
 */
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type AdminSocket, listenerKey, type ListeningSockets } from '../control/upgrade/handover.ts'
import { listenError } from '../control/workers/start-error.ts'
import { fdOf } from '../lib/server-fd.ts'
import { socketAddress, type SocketAddress } from '../lib/ip.ts'
import { makeMetricsPage } from '../metrics/metrics-page.ts'
import { makeApp } from './app.ts'
import type { App, Room } from './room.ts'

export type { AdminActions } from './room.ts'

const HEADER_BYTES_MAX = 8 * 1024
const HEADERS_MAX = 64
/** For the headers and for the whole request. */
const REQUEST_TIMEOUT_MS = 5_000
const KEEP_ALIVE_TIMEOUT_MS = 5_000
/** A client that does not read its answer is cut off. */
const SOCKET_TIMEOUT_MS = 10_000
const REQUESTS_PER_CONNECTION_MAX = 1_000
const LAST_ANSWERS_MS = 1_000

export interface AdminServerOptions extends Omit<Room, 'metrics'> {
  readonly address: SocketAddress
  /** A socket that listens already, of the version before; who connects waits there until `open`. */
  readonly inherited?: AdminSocket | undefined
}

export class AdminServer {
  readonly #app: App
  readonly #asked: SocketAddress
  readonly address: SocketAddress
  readonly #inheritedFd: number | undefined

  private constructor(app: App, asked: SocketAddress, address: SocketAddress, inheritedFd?: number) {
    this.#app = app
    this.#inheritedFd = inheritedFd
    this.#asked = asked
    this.address = address
  }

  /** Throws StartError when the address can't be had. */
  static async listen({ address, inherited, ...room }: AdminServerOptions): Promise<AdminServer> {
    const app = await makeApp({ ...room, metrics: makeMetricsPage(room.node) }, makeServer)
    const { server } = app
    server.maxConnections = room.node.limits.adminConnectionsMax
    if (inherited !== undefined) return new AdminServer(app, address, inherited.address, inherited.fd)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(listenError(address, error.code ?? 'error', error.message, 'admin.listen'))
    })
    const { address: host, port: asked, family } = address
    server.listen({ host, port: asked, ipv6Only: family === 6 }, resolve)
    await promise
    const { port } = server.address() as AddressInfo
    return new AdminServer(app, address, socketAddress(address.address, port) ?? address)
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
    await promise
  }
}

function makeServer(handler: RequestListener): Server {
  const server = createServer(
    {
      maxHeaderSize: HEADER_BYTES_MAX,
      headersTimeout: REQUEST_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      connectionsCheckingInterval: 1_000,
    },
    handler,
  )
  server.maxHeadersCount = HEADERS_MAX
  server.maxRequestsPerSocket = REQUESTS_PER_CONNECTION_MAX
  server.timeout = SOCKET_TIMEOUT_MS
  return server
}

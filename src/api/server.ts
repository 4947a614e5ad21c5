/**
 * The admin API on `admin.listen`. It expects that an attacker may reach it: few connections, short deadlines, small
 * headers and bodies, and nothing for web pages (guard.ts). There is no password: who reaches it is an operator.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { NodeView } from '../control/node-view.ts'
import { type AdminSocket, listenerKey, type ListeningSockets } from '../control/upgrade/handover.ts'
import { listenError } from '../control/workers/start-error.ts'
import { fdOf } from '../lib/server-fd.ts'
import { socketAddress, type SocketAddress } from '../lib/ip.ts'
import { makeMetricsPage, type MetricsPage } from '../metrics/metrics-page.ts'
import { json, methodNotAllowed, problem, text, type Answer } from './answer.ts'
import { answerBans, type BanActions } from './bans.ts'
import { attacks, top } from './attacks.ts'
import { checkIp } from './check-ip.ts'
import { ADMIN_PATHS, ATTACKS_PATH, BANS_PATH, RELOAD_PATH, TOP_PATH, UPGRADE_PATH } from './contract.ts'
import { refuseWebPage } from './guard.ts'
import { lists } from './lists.ts'
import { reload, type ReloadActions } from './reload.ts'
import { setUpstreamState, upstreamPath, type SetUpstreamState } from './set-upstream-state.ts'
import { shieldStatus } from './shield.ts'
import { nodeStatus } from './status.ts'
import { upgrade, type UpgradeAction } from './upgrade.ts'

/** Well below the fds that control keeps for itself (CONTROL_FD_RESERVE). */
export const ADMIN_CONNECTIONS_MAX = 64
const HEADER_BYTES_MAX = 8 * 1024
const HEADERS_MAX = 64
/** For the headers and for the whole request. */
const REQUEST_TIMEOUT_MS = 5_000
const KEEP_ALIVE_TIMEOUT_MS = 5_000
/** A client that does not read its answer is cut off. */
const SOCKET_TIMEOUT_MS = 10_000
const REQUESTS_PER_CONNECTION_MAX = 1_000
const LAST_ANSWERS_MS = 1_000

/** What can be done to the node from here. */
export interface AdminActions {
  readonly setUpstreamState: SetUpstreamState
  readonly reload: ReloadActions
  readonly upgrade: UpgradeAction
  readonly bans: BanActions
  /** Names by which it may be asked, beside those of this machine (guard.ts). */
  readonly hosts?: () => readonly string[]
}

type Route = (node: NodeView, metrics: MetricsPage, query: URLSearchParams) => Answer | Promise<Answer>

const ROUTES: Readonly<Record<string, Route>> = {
  [ADMIN_PATHS.metrics]: async (_, metrics) => ({
    status: 200,
    contentType: metrics.contentType,
    body: await metrics.text(),
  }),
  /** Alive: this thread answers. Whether clients are served is the next one's question. */
  [ADMIN_PATHS.health]: () => text(200, 'ok'),
  [ADMIN_PATHS.ready]: (node) => {
    const state = node.state()
    if (state === 'ready') return text(200, 'ready')
    return problem(503, 'Not ready', state === 'starting' ? 'Not all listeners are open yet.' : 'The node is draining.')
  },
  [ADMIN_PATHS.status]: (node) => json(200, nodeStatus(node)),
  [ADMIN_PATHS.shield]: (node) => json(200, shieldStatus(node)),
  [ADMIN_PATHS.lists]: (node) => lists(node),
  [ADMIN_PATHS.checkIp]: (node, _, query) => checkIp(node, query),
  [TOP_PATH]: (node, _, query) => top(node, query),
}

export class AdminServer {
  readonly #server: Server
  readonly #asked: SocketAddress
  readonly address: SocketAddress
  readonly #inheritedFd: number | undefined

  private constructor(server: Server, asked: SocketAddress, address: SocketAddress, inheritedFd?: number) {
    this.#server = server
    this.#inheritedFd = inheritedFd
    this.#asked = asked
    this.address = address
  }

  /**
   * Throws StartError when the address can't be had. `inherited`: a socket that listens already, of the version before;
   * who connects waits there until `open`.
   */
  static async listen(
    address: SocketAddress,
    node: NodeView,
    actions: AdminActions,
    inherited?: AdminSocket,
  ): Promise<AdminServer> {
    const server = makeServer(node, makeMetricsPage(node), actions)
    if (inherited !== undefined) return new AdminServer(server, address, inherited.address, inherited.fd)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(listenError(address, error.code ?? 'error', error.message, 'admin.listen'))
    })
    const { address: host, port: asked, family } = address
    server.listen({ host, port: asked, ipv6Only: family === 6 }, resolve)
    await promise
    const { port } = server.address() as AddressInfo
    return new AdminServer(server, address, socketAddress(address.address, port) ?? address)
  }

  /** Answers from now on: the version before does no more. */
  async open(): Promise<void> {
    if (this.#inheritedFd === undefined || this.#server.listening) return
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#server.once('error', reject)
    this.#server.listen({ fd: this.#inheritedFd }, resolve)
    await promise
  }

  /** For the version that follows. */
  listeningSocket(): ListeningSockets {
    const [asked, got] = [this.#asked, this.address].map((address) => listenerKey({ address, dualStack: false }))
    return { asked, got, fds: [this.#inheritedFd ?? fdOf(this.#server)] }
  }

  /** Takes no new requests; answers that are under way get a moment, among them the one to who asked for the upgrade. */
  closeGently(): void {
    this.#server.close()
    this.#server.closeIdleConnections()
    setTimeout(() => this.#server.closeAllConnections(), LAST_ANSWERS_MS).unref()
  }

  /** Answers that are under way are cut off: whoever stops a node wants it to stop. */
  async close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#server.close(() => resolve())
    this.#server.closeAllConnections()
    await promise
  }
}

function makeServer(node: NodeView, metrics: MetricsPage, actions: AdminActions): Server {
  const server = createServer(
    {
      maxHeaderSize: HEADER_BYTES_MAX,
      headersTimeout: REQUEST_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      connectionsCheckingInterval: 1_000,
    },
    (request, response) => {
      answer(request, node, metrics, actions)
        .then((result) => send(response, request, result))
        // Nobody's request may reach the daemon as an error that nobody caught.
        .catch(() => response.destroy())
    },
  )
  server.maxConnections = ADMIN_CONNECTIONS_MAX
  server.maxHeadersCount = HEADERS_MAX
  server.maxRequestsPerSocket = REQUESTS_PER_CONNECTION_MAX
  server.timeout = SOCKET_TIMEOUT_MS
  return server
}

async function answer(
  request: IncomingMessage,
  node: NodeView,
  metrics: MetricsPage,
  actions: AdminActions,
): Promise<Answer> {
  try {
    const refusal = refuseWebPage(request, actions.hosts?.() ?? [])
    if (refusal !== undefined) return refusal
    // Whoever could take a ban back is not banned.
    actions.bans.noteAdminClient(request.socket.remoteAddress ?? '')
    return (await act(request, node, actions)) ?? (await look(request, node, metrics))
  } catch (error) {
    return problem(500, 'Internal error', (error as Error).message)
  }
}

/** The paths that change something; undefined for all others. */
async function act(request: IncomingMessage, node: NodeView, actions: AdminActions): Promise<Answer | undefined> {
  const path = pathOf(request)
  if (path === BANS_PATH) return await answerBans(request, actions.bans)
  const upstream = upstreamPath(path)
  if (path !== RELOAD_PATH && path !== UPGRADE_PATH && upstream === undefined) return undefined
  if (request.method !== 'POST') return methodNotAllowed(path, ['POST'])
  if (path === RELOAD_PATH) return reload(request, actions.reload)
  if (upstream === undefined) return upgrade(request, actions.upgrade)
  return setUpstreamState(node, actions.setUpstreamState, upstream, request)
}

async function look(request: IncomingMessage, node: NodeView, metrics: MetricsPage): Promise<Answer> {
  const path = pathOf(request)
  const isLook = request.method === 'GET' || request.method === 'HEAD'
  const attack = attacks(node, path)
  if (attack !== undefined) return isLook ? attack : methodNotAllowed(path, ['GET', 'HEAD'])
  if (!Object.hasOwn(ROUTES, path)) {
    const paths = [
      ...Object.values(ADMIN_PATHS),
      RELOAD_PATH,
      UPGRADE_PATH,
      BANS_PATH,
      ATTACKS_PATH,
      TOP_PATH,
      '/api/v1/services/SERVICE/upstreams/UPSTREAM',
    ]
    return problem(404, 'Not found', `There is ${paths.join(', ')}.`)
  }
  if (!isLook) return methodNotAllowed(path, ['GET', 'HEAD'])
  return ROUTES[path](node, metrics, new URLSearchParams(request.url?.split('?', 2)[1]))
}

function pathOf({ url = '/' }: IncomingMessage): string {
  return url.split('?', 1)[0]
}

function send(response: ServerResponse, request: IncomingMessage, answer: Answer): void {
  const { status, contentType, body, allow } = answer
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(allow === undefined ? {} : { allow }),
    // A body that nobody has read ends with the connection.
    ...(request.complete ? {} : { connection: 'close' }),
  })
  response.end(request.method === 'HEAD' ? '' : body)
}

/** For unit tests of routes: the real admin server over a real socket, in front of a node that carries no traffic. */
import assert from 'node:assert/strict'
import { request, type IncomingHttpHeaders } from 'node:http'
import { type AdminActions, AdminServer, type AdminServerOptions } from '../../src/api/server.ts'
import { Access } from '../../src/control/access/access.ts'
import type { AuditEntry } from '../../src/control/access/audit-entry.ts'
import { type AccessStore } from '../../src/control/access/access-store.ts'
import { MemoryAccessStore } from '../../src/control/access/memory-access-store.ts'
import { LocalToken } from '../../src/control/access/local-token.ts'
import { NO_BANS } from './no-bans.ts'
import { NO_GOING_LIVE } from './no-going-live.ts'
import { nodeForTest } from './node-for-test.ts'

const TOKEN = 'tdg_local_of-a-test'
const not = (): never => assert.fail('not asked for')

export const NO_ACTIONS: AdminActions = {
  setUpstreamState: not,
  upgrade: not,
  reload: { run: not, check: not },
  bans: NO_BANS,
  goingLive: NO_GOING_LIVE,
  backup: not,
  keptLists: { of: not, put: not, replace: not, remove: not },
  examine: not,
  connections: { list: not, close: not, closeOne: not, clientOf: not },
  config: undefined,
}

export interface AdminAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** Throws when the text is no JSON. */
  readonly body: unknown
}

export interface Asking {
  /** Is sent as it is when it is text, else as JSON. */
  readonly body?: unknown
  readonly headers?: Record<string, string>
  /** Undefined is the local one; `none` sends no credentials. */
  readonly token?: string
}

export class AdminForTest {
  static readonly token = TOKEN
  readonly server: AdminServer
  readonly audited: AuditEntry[]
  readonly access: Access

  private constructor(server: AdminServer, audited: AuditEntry[], access: Access) {
    this.server = server
    this.audited = audited
    this.access = access
  }

  static async start(options: Partial<AdminServerOptions> = {}): Promise<AdminForTest> {
    const audited: AuditEntry[] = []
    const store: AccessStore = new MemoryAccessStore()
    const access = options.access ?? new Access(new LocalToken('/nowhere/admin-token', TOKEN), { store })
    const server = await AdminServer.listen({
      address: { family: 4, address: '127.0.0.1', port: 0 },
      node: nodeForTest(),
      actions: NO_ACTIONS,
      access,
      auditLog: store.audit,
      audit: (entry) => audited.push(entry),
      ...options,
    })
    return new AdminForTest(server, audited, access)
  }

  get port(): number {
    return this.server.address.port
  }

  ask(method: string, path: string, { body, headers = {}, token = TOKEN }: Asking = {}): Promise<AdminAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<AdminAnswer>()
    const call = request({ host: '127.0.0.1', port: this.port, path, method, agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (piece: string) => (text += piece))
      const { statusCode: status = 0, headers } = response
      response.on('end', () => {
        resolve({
          status,
          headers,
          text,
          get body(): unknown {
            return JSON.parse(text)
          },
        })
      })
    })
    call.on('error', reject)
    if (token !== 'none') call.setHeader('authorization', `Bearer ${token}`)
    if (body !== undefined) call.setHeader('content-type', 'application/json')
    for (const [name, value] of Object.entries(headers)) call.setHeader(name, value)
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    // Node frames no body of DELETE by itself.
    if (text !== undefined && headers['transfer-encoding'] === undefined) {
      call.setHeader('content-length', Buffer.byteLength(text))
    }
    call.end(text)
    return promise
  }

  get(path: string, asking: Asking = {}): Promise<AdminAnswer> {
    return this.ask('GET', path, asking)
  }

  async close(): Promise<void> {
    await this.server.close()
  }
}

/** Every route there is, as the OpenAPI document lists them, with everybody who may ask and with wrong input. */
import assert from 'node:assert/strict'
import { request } from 'node:http'
import { after, before, describe, test } from 'node:test'
import { AdminForTest } from '../../test/harness/admin-for-test.ts'
import { type Role, ROLES } from '../control/access/identity.ts'
import { OPENAPI_PATH, Problem } from './contract.ts'

interface Route {
  readonly method: string
  /** With names of nothing in the places of parameters. */
  readonly path: string
  readonly role: Role | 'open' | 'open-on-loopback'
  readonly isForService: boolean
  readonly takesBody: boolean
}

interface Answer {
  readonly status: number
  readonly type: string
  readonly text: string
}

const PASSWORD = 'correct horse battery'
/** Larger than any route takes. */
const TOO_LARGE = `{"x":"${'x'.repeat(20 * 1024 * 1024)}"}`

describe('every route of the admin API', () => {
  let admin: AdminForTest
  let routes: Route[]
  const credentials = new Map<string, Record<string, string>>()

  before(async () => {
    admin = await AdminForTest.start()
    const document = (await admin.get(OPENAPI_PATH, { token: 'none' })).body as OpenApi
    routes = routesOf(document)
    for (const role of ROLES) {
      const by = 'test'
      const made = await admin.access.tokens.add({ name: role, role, services: null, ttlMs: null, by })
      credentials.set(`a token of role ${role}`, { authorization: `Bearer ${made.secret}` })
      await admin.access.users.add(`user-${role}`, PASSWORD, role)
    }
    // Sessions of those who may log in end when a route that logs out is tried: each try begins one of its own.
    const scoped = { name: 'scoped', role: 'admin', services: ['web'], ttlMs: null, by: 'test' } as const
    const { secret } = await admin.access.tokens.add(scoped)
    credentials.set('scoped', { authorization: `Bearer ${secret}` })
  })
  after(() => admin.close())

  async function cookieOf(role: Role): Promise<Record<string, string>> {
    const { id } = await admin.access.sessions.begin(`user-${role}`, '127.0.0.1')
    const page = { origin: `http://127.0.0.1:${admin.port}`, 'x-tidegate': '1' }
    return { cookie: `tidegate=${id}`, ...page }
  }

  function ask({ method, path }: Route, headers: Record<string, string>, body?: string): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>()
    const call = request({ host: '127.0.0.1', port: admin.port, path, method, headers, agent: false })
    call.on('error', reject)
    call.on('response', (response) => {
      const { statusCode: status = 0, headers: answered } = response
      const type = answered['content-type'] ?? ''
      let text = ''
      response.setEncoding('utf8').on('data', (piece: string) => (text += piece))
      const end = (): void => {
        resolve({ status, type, text })
        call.destroy()
      }
      // A stream has no end.
      if (type.startsWith('text/event-stream')) end()
      response.on('end', end)
    })
    if (body !== undefined) call.setHeader('content-length', Buffer.byteLength(body))
    call.end(body)
    return promise
  }

  test('there are as many as we think, and each says who may', () => {
    assert.ok(routes.length > 30)
    const roles = new Set<string>(['open', 'open-on-loopback', ...ROLES])
    for (const { role, method, path } of routes) assert.ok(roles.has(role), `${method} ${path}`)
    const open = routes.filter(({ role }) => role === 'open').map(({ method, path }) => `${method} ${path}`)
    const expected = [
      'GET /healthz',
      'GET /readyz',
      'GET /api/v1/session',
      'POST /api/v1/session',
      'POST /api/v1/setup',
    ]
    assert.deepEqual(open.toSorted(), [...expected, `GET ${OPENAPI_PATH}`].toSorted())
  })

  test('nobody is let in without credentials, with wrong ones, or with those of a session that is over', async () => {
    const over = await cookieOf('admin')
    await admin.access.sessions.endAll('user-admin')
    const wrong = { authorization: `Bearer tdg_${'x'.repeat(43)}` }
    for (const route of routes.filter(({ role }) => ROLES.includes(role as Role))) {
      for (const headers of [{}, over, { cookie: 'tidegate=nonsense' }, wrong, { authorization: 'Basic YTpi' }]) {
        const answer = await ask(route, headers)
        assert.equal(answer.status, 401, `${route.method} ${route.path} ${JSON.stringify(headers)}`)
        assertProblem(answer, 'E_UNAUTHENTICATED')
      }
    }
  })

  test('each role gets as far as the route says, with a token and with a session', async () => {
    for (const route of routes.filter(({ role }) => ROLES.includes(role as Role))) {
      for (const role of ROLES) {
        const isEnough = ROLES.indexOf(role) >= ROLES.indexOf(route.role as Role)
        for (const headers of [credentials.get(`a token of role ${role}`)!, await cookieOf(role)]) {
          const what = `${route.method} ${route.path} as ${role}`
          // What is sent would be refused in any case: nothing is changed by this.
          const { status, text } = await ask(route, { ...headers, 'content-type': 'application/json' }, '[0]')
          if (isEnough) assert.ok(status !== 401 && !isForRole(text), `${what}: ${status} ${text}`)
          else assert.deepEqual([status, isForRole(text)], [403, true], what)
        }
      }
    }
  })

  test('a token for one service gets no further than the routes of that service', async () => {
    for (const route of routes.filter(({ role }) => ROLES.includes(role as Role))) {
      const scoped = credentials.get('scoped')!
      const ofOther = await ask(route, scoped)
      // Of what is for services but has none in its path, the route itself says whose it is.
      const isJudgedInside = route.isForService && !route.path.includes('/services/')
      if (!isJudgedInside) {
        assert.equal(ofOther.status, 403, `${route.method} ${route.path}`)
        assert.match(ofOther.text, /is only for web/)
      }
      if (!route.isForService) continue
      const ofIts = await ask({ ...route, path: route.path.replace('/services/no-such/', '/services/web/') }, scoped)
      assert.ok(![401, 403].includes(ofIts.status), `${route.method} ${route.path}`)
    }
  })

  test('a change with a cookie needs to come from our own page', async () => {
    const { cookie, origin } = await cookieOf('admin')
    const from = [
      {},
      { origin },
      { 'x-tidegate': '1' },
      { origin: 'https://evil.example', 'x-tidegate': '1' },
      { origin: 'null', 'x-tidegate': '1' },
      { origin: `http://127.0.0.1:${admin.port + 1}`, 'x-tidegate': '1' },
      { origin: origin.replace('http', 'https'), 'x-tidegate': '1' },
      { origin: 'http://localhost', 'x-tidegate': '1' },
    ]
    for (const route of routes.filter(({ method }) => method !== 'GET')) {
      for (const headers of from) {
        const isOpenToPrograms = route.role === 'open' && !('origin' in headers)
        // A program without a cookie is nobody; with one it is a page.
        const answer = await ask(route, { cookie, ...headers })
        if (!isOpenToPrograms) assertProblem(answer, 'E_ORIGIN')
      }
    }
  })

  test('a token sent by a page changes nothing, its own origin included', async () => {
    const token = credentials.get('a token of role admin')!
    for (const route of routes.filter(({ method }) => method !== 'GET')) {
      const origin = `http://127.0.0.1:${admin.port}`
      assertProblem(await ask(route, { ...token, origin, 'x-tidegate': '1' }), 'E_ORIGIN')
    }
  })

  test('wrong bodies are refused as what they are, before anything is done', { timeout: 120_000 }, async () => {
    const token = credentials.get('a token of role admin')!
    const json = { ...token, 'content-type': 'application/json' }
    for (const route of routes.filter(({ takesBody }) => takesBody)) {
      const what = `${route.method} ${route.path}`
      for (const body of ['{', '[]', '"text"', '7', '{"no-such-key":1}', '{"__proto__":{"role":"admin"}}', '\u0000']) {
        const answer = await ask(route, json, body)
        assert.equal(answer.status, 400, `${what} ${body}: ${answer.text}`)
        assertProblem(answer, 'E_REQUEST')
      }
      for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x']) {
        assertProblem(await ask(route, { ...token, 'content-type': type }, '{}'), 'E_MEDIA_TYPE')
      }
      const large = await ask(route, json, TOO_LARGE).catch(
        // The connection may end while the body is still on its way.
        (error: NodeJS.ErrnoException) => error.code,
      )
      if (typeof large === 'object') assertProblem(large, 'E_BODY_TOO_LARGE')
      else assert.match(large ?? '', /ECONNRESET|EPIPE/)
    }
  })

  test('paths that leave, or are no paths, are refused', async () => {
    const token = credentials.get('a token of role admin')!
    const paths = [
      '/../../etc/passwd',
      '/assets/../../package.json',
      '/assets/..%2f..%2fpackage.json',
      '/assets/%2e%2e/%2e%2e/etc/passwd',
      '/assets/....//etc/passwd',
      '/assets/%00',
      '/api/v1/users/..%2ftokens',
      '//etc/passwd',
      '/api/v1/users/%zz',
      `/api/v1/users/${'a'.repeat(5_000)}`,
    ]
    for (const path of paths) {
      const route = { method: 'GET', path, role: 'open', isForService: false, takesBody: false } as const
      const { status, text } = await ask(route, token)
      assert.ok(status >= 400 && status < 500, `${path}: ${status} ${text}`)
      assert.ok(!text.includes('root:'), path)
    }
  })

  test('what somebody changed, or was refused to, is in the audit log', () => {
    const actions = new Set(admin.audited.map(({ action }) => action))
    const changes = routes.filter(({ method, role }) => method !== 'GET' && role !== 'open')
    assert.ok(actions.size >= new Set(changes.map(({ path }) => path)).size / 2)
    assert.ok(admin.audited.every(({ details }) => !details.includes(PASSWORD)))
  })
})

interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}

interface Operation {
  readonly 'x-role': Route['role']
  readonly 'x-for-service': boolean
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: object }>> }
}

function routesOf({ paths }: OpenApi): Route[] {
  return Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => ({
      method: method.toUpperCase(),
      path: path.replaceAll(/\{\w+\}/g, 'no-such'),
      role: operation['x-role'],
      isForService: operation['x-for-service'],
      takesBody: operation.requestBody !== undefined,
    })),
  )
}

function isForRole(text: string): boolean {
  return /this needs (viewer|operator|admin)/.test(text)
}

function assertProblem({ status, type, text }: Answer, code: string): void {
  assert.equal(type, 'application/problem+json', text)
  const problem = Problem.parse(JSON.parse(text))
  assert.deepEqual([problem.status, problem.code], [status, code], text)
}

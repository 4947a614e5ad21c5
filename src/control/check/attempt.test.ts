import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { afterEach, describe, it } from 'node:test'
import { waitFor } from '../../../test/harness/deadline.ts'
import { type SocketAddress, socketAddress } from '../../lib/ip.ts'
import { parseConfig } from '../config/load.ts'
import type { Resolver } from '../resolve/host-lookup.ts'
import { attemptCheck, type AttemptResult } from './attempt.ts'
import { CHECK_SOCKETS_MAX, makeCheckNetwork } from './check-network.ts'
import { checkPlan, type CheckPlan } from './check-target.ts'
import { SharedLookup } from './shared-lookup.ts'

function planFor(check: string): CheckPlan {
  const text = `services: [ { name: web, listen: [ "127.0.0.1:0" ], upstreams: [ "192.0.2.1:443" ], check: ${check} } ]`
  const [service] = parseConfig(text, 'tidegate.yaml', {}).services
  return checkPlan(service, service.upstreams[0])!
}

const NEVER = new AbortController().signal

describe('one attempt', () => {
  const servers: { server: Server; sockets: Socket[] }[] = []

  afterEach(() => {
    for (const { server, sockets } of servers.splice(0)) {
      server.close()
      for (const socket of sockets) socket.destroy()
    }
  })

  /** A server that sends each connection the same, whatever it is asked, and never ends. */
  async function serve(text: string): Promise<{ at: SocketAddress; sockets: Socket[]; received: Buffer[] }> {
    const host = '127.0.0.1'
    const sockets: Socket[] = []
    const received: Buffer[] = []
    const server = createServer((socket) => {
      sockets.push(socket)
      socket.on('error', () => {})
      socket.on('data', (chunk) => received.push(chunk))
      socket.write(text)
    }).listen(0, host)
    await once(server, 'listening')
    servers.push({ server, sockets })
    return { at: socketAddress(host, (server.address() as AddressInfo).port)!, sockets, received }
  }

  async function saidOf(check: string, ...addresses: SocketAddress[]): Promise<string> {
    return shown(await attemptCheck(planFor(check), addresses, makeCheckNetwork(), NEVER))
  }

  function shown(result: AttemptResult): string {
    return `${result.isGood ? 'up' : 'down'}: ${result.said.replace(/^.*?\/: /, '')}`
  }

  for (const [name, check, answer, said] of [
    ['nothing comes', '{ timeout: 1h }', '', 'down: no answer within 1h'],
    ['half a head comes', '{ timeout: 1h }', 'HTTP/1.1 200 OK\r\nA', 'down: no answer within 1h'],
    ['the head is enough', '{}', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n', 'up: HTTP 200'],
    ['an interim answer is none', '{ timeout: 1h }', 'HTTP/1.1 103 Early Hints\r\n\r\n', 'down: no answer within 1h'],
    [
      'an interim answer before the answer',
      '{}',
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No\r\n\r\n',
      'up: HTTP 204',
    ],
    [
      'switching protocols is an answer',
      '{}',
      'HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n',
      'up: HTTP 101',
    ],
    [
      'the body stays away',
      '{ timeout: 1s, expectBody: ok }',
      'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok',
      'down: no end of the body within 1s',
    ],
    ['no TLS', '{ timeout: 1h, url: "https://{address}" }', '', 'down: no TLS handshake within 1h'],
    ['it is no HTTP', '{}', 'SSH-2.0-OpenSSH\r\n', 'down: its answer is not HTTP (HPE_INVALID_CONSTANT)'],
    [
      'an endless head',
      '{}',
      `HTTP/1.1 200 OK\r\n${'A: b\r\n'.repeat(20_000)}`,
      'down: the head of its answer is too large (16 KiB are taken)',
    ],
  ] as const) {
    it(`${name}: ${said}`, async () => {
      const { at, sockets, received } = await serve(answer)
      const stop = new AbortController()
      const attempt = attemptCheck(planFor(check), [at], makeCheckNetwork(), stop.signal)
      if (said.endsWith(' 1h')) {
        // Its hour is over as soon as the request is there.
        await waitFor('the request', () => received.length > 0)
        stop.abort()
      }
      assert.equal(shown(await attempt), said)
      await waitFor('the end of its connection', () => sockets.every((socket) => socket.destroyed))
    })
  }

  it('one good address of several is enough, and nobody waits for the others', async () => {
    const good = await serve('HTTP/1.1 200 OK\r\n\r\n')
    const silent = await serve('')
    assert.equal(await saidOf('{ timeout: 1h }', silent.at, good.at), 'up: HTTP 200')
    await waitFor('the other connection to end', () => silent.sockets.every((socket) => socket.destroyed))
  })

  it('when all addresses fail, each says why', async () => {
    const [one, two] = [await serve('HTTP/1.1 500 No\r\n\r\n'), await serve('nonsense')]
    const said = await saidOf('{}', one.at, two.at)
    assert.match(said, /HTTP 500, expected 100-499/)
    assert.match(said, /not HTTP/)
    assert.equal(await saidOf('{}'), 'down: it has no address now')
  })

  it('a connect check says connected, and closes in order', async () => {
    const { at, sockets, received } = await serve('hello')
    assert.match(await saidOf('{ type: tcp, sendProxy: v2 }', at), /^up: connect to 127\.0\.0\.1:\d+: connected$/)
    await waitFor('its end', () => sockets[0]?.destroyed)
    assert.equal(Buffer.concat(received).toString('hex'), '0d0a0d0a000d0a515549540a20000000')
  })

  it('sockets of all checks together are bounded, those that wait too', async () => {
    const { at, sockets } = await serve('')
    const network = makeCheckNetwork()
    const stop = new AbortController()
    const attempts = Array.from({ length: CHECK_SOCKETS_MAX * 3 }, () =>
      attemptCheck(planFor('{ timeout: 1h }'), [at], network, stop.signal),
    )
    await waitFor('as many connections as may be', () => sockets.length === CHECK_SOCKETS_MAX)
    stop.abort()
    const results: AttemptResult[] = await Promise.all(attempts)
    assert.ok(results.every(({ isGood }) => !isGood))
    assert.equal(sockets.length, CHECK_SOCKETS_MAX, 'who still waited opened nothing')
  })

  it('a name that does not resolve is said, and looked up once however many ask', async () => {
    let lookups = 0
    const refused = (): Promise<never> => Promise.reject(Object.assign(new Error('no'), { code: 'ENOTFOUND' }))
    const resolver: Resolver = {
      hostsFile: async () => [],
      resolve4: async () => {
        lookups++
        return refused()
      },
      resolve6: refused,
      lookup: refused,
    }
    const network = { ...makeCheckNetwork(), lookup: new SharedLookup(resolver).lookup }
    const plan = planFor('{ url: "http://status.example/" }')
    const results = await Promise.all([1, 2, 3].map(() => attemptCheck(plan, [], network, NEVER)))
    for (const { isGood, said } of results) {
      assert.equal(isGood, false)
      assert.equal(said, 'GET http://status.example:80/: its name does not resolve (DNS: ENOTFOUND; system: ENOTFOUND)')
    }
    assert.equal(lookups, 1)
  })
})

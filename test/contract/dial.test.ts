/** Which upstream is tried, in which order, for how long, and what the client and the log are told. */
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import { address } from '../harness/address.ts'
import type { TestService } from '../harness/config.ts'
import { Daemon, type ConnectionLine } from '../harness/daemon.ts'
import { waitFor } from '../harness/deadline.ts'
import { forEachEngine } from '../harness/engines.ts'
import { flood } from '../harness/load.ts'
import {
  addUnreachableRoute,
  blackhole,
  clearFirewall,
  countSyns,
  prepareFirewall,
  readSynCount,
  unreachableHost,
} from '../harness/own-network.ts'
import { Peer } from '../harness/peer.ts'
import { checkStream, sendStream } from '../harness/transfer.ts'
import { closedAddress, echo, Upstream } from '../harness/upstream.ts'

const skip = prepareFirewall() ?? false
if (skip === false) addUnreachableRoute('192.0.2.0/24')

/** In the own network the kernel answers EHOSTUNREACH at once: no packet is sent. */
const UNREACHABLE = address('192.0.2.1', 80)
/** No route at all: ENETUNREACH. */
const NO_ROUTE = address('198.51.100.1', 80)

interface AttemptError {
  readonly upstream: string
  readonly address: string
  readonly error: string
  readonly ms: number
}

forEachEngine((engine) => {
  describe('dial', { skip }, () => {
    const upstreams: Upstream[] = []
    let daemon: Daemon
    let idleSockets: number
    let silentAddresses = 0

    before(async () => {
      daemon = await Daemon.start({ engine, services: [{ upstreams: [(await closedAddress()).text] }] })
      idleSockets = daemon.socketCount()
    })
    afterEach(() => {
      for (const upstream of upstreams.splice(0)) upstream.close()
      clearFirewall()
    })
    after(() => daemon.stop())

    /** Nothing is left of the test before, nor of the asking. */
    async function serve(service: TestService): Promise<void> {
      await daemon.serve(service)
      await daemon.waitForSocketCount(idleSockets)
    }

    async function echoUpstream(at: { host?: string; port?: number } = {}): Promise<Upstream> {
      const upstream = await Upstream.listen({ ...at, onConnection: echo })
      upstreams.push(upstream)
      return upstream
    }

    /** Packets to it vanish. Another one for each test: the daemon remembers who did not answer. */
    function silent(): string {
      const at = address(`127.0.7.${100 + silentAddresses++}`, 7001)
      blackhole(at.host, at.port)
      return at.text
    }

    /** One connection that is echoed through and closed; its log line. */
    async function visit(): Promise<ConnectionLine> {
      const client = await Peer.connect(daemon.addressOf())
      await client.write('hello')
      await client.receiveText('hello')
      client.finish()
      assert.equal((await client.receiveAll()).ending, 'fin')
      return daemon.lineOf(client)
    }

    function errorsOf(line: ConnectionLine): AttemptError[] {
      return (line.attemptErrors ?? []) as AttemptError[]
    }

    it('ordered: the first upstream that answers takes every connection', async () => {
      const [first, second] = [await echoUpstream(), await echoUpstream()]
      await serve({ upstreams: [first.address.text, second.address.text] })
      for (let i = 0; i < 20; i++) {
        const line = await visit()
        assert.equal(line.upstream, first.address.text)
        assert.equal(line.attempts, 1)
        assert.equal(line.attemptErrors, undefined)
      }
      assert.equal(second.connections.length, 0)
    })

    it('the next upstream takes over when a connect is refused, and the log says what was tried', async () => {
      const refused = await closedAddress()
      const second = await echoUpstream()
      await serve({ upstreams: [refused.text, { address: second.address.text, name: 'spare' }] })
      const line = await visit()
      assert.equal(line.upstream, 'spare')
      assert.equal(line.attempts, 2)
      const [error, ...more] = errorsOf(line)
      assert.equal(error.address, refused.text)
      assert.equal(error.error, 'ECONNREFUSED')
      assert.deepEqual(more, [])
      assert.equal(line.reason, 'client-closed')
    })

    it('the next upstream takes over when a connect is not made within connectTimeout', async () => {
      const second = await echoUpstream()
      const first = silent()
      await serve({ upstreams: [first, second.address.text], connectTimeout: '300ms' })
      const line = await visit()
      assert.equal(line.upstream, second.address.text)
      assert.equal(line.attempts, 2)
      const [error] = errorsOf(line)
      assert.equal(error.address, first)
      assert.match(error.error, /timeout after 300 ms/)
      assert.ok(error.ms >= 290, `gave up after ${error.ms} ms of 300`)
      assert.ok(line.durationMs >= 290)
    })

    it('each attempt has its own connectTimeout, in configured order', async () => {
      const [first, second, third] = [silent(), silent(), await echoUpstream()]
      await serve({
        upstreams: [first, second, third.address.text],
        connectTimeout: '250ms',
      })
      const line = await visit()
      assert.deepEqual(
        errorsOf(line).map((error) => error.address),
        [first, second],
      )
      for (const error of errorsOf(line)) assert.ok(error.ms >= 240, `gave up after ${error.ms} ms of 250`)
      assert.equal(line.attempts, 3)
    })

    for (const [name, at, code] of [
      ['the host is unreachable', UNREACHABLE, 'EHOSTUNREACH'],
      ['there is no route', NO_ROUTE, 'ENETUNREACH'],
    ] as const) {
      it(`the next upstream takes over when ${name}`, async () => {
        const second = await echoUpstream()
        await serve({ upstreams: [at.text, second.address.text] })
        const line = await visit()
        assert.equal(line.upstream, second.address.text)
        assert.deepEqual(
          errorsOf(line).map((error) => error.error),
          [code],
        )
      })
    }

    it('the next upstream takes over when a router says unreachable', async () => {
      unreachableHost('127.0.7.3')
      const second = await echoUpstream()
      await serve({ upstreams: ['127.0.7.3:80', second.address.text] })
      const line = await visit()
      assert.deepEqual(
        errorsOf(line).map((error) => error.error),
        ['EHOSTUNREACH'],
      )
    })

    for (const [onFailure, ending] of [
      ['reset', 'reset'],
      ['close', 'fin'],
    ] as const) {
      it(`all fail, onFailure ${onFailure}: the client sees ${ending}`, async () => {
        const [one, two, three] = [await closedAddress(), await closedAddress(), silent()]
        await serve({
          upstreams: [one.text, two.text, three],
          connectTimeout: '200ms',
          onFailure,
        })
        const client = await Peer.connect(daemon.addressOf())
        const seen = await client.receiveAll()
        assert.equal(seen.ending, ending)
        assert.equal(seen.bytes.length, 0)
        const line = await daemon.lineOf(client)
        assert.equal(line.reason, 'upstream-unreachable')
        assert.equal(line.upstream, null)
        assert.equal(line.attempts, 3)
        assert.deepEqual(
          errorsOf(line).map((error) => error.address),
          [one.text, two.text, three],
        )
        client.destroy()
      })

      it(`all fail, onFailure ${onFailure}, with bytes of the client unread: the client sees ${ending}`, async () => {
        await serve({ upstreams: [silent()], connectTimeout: '200ms', onFailure })
        const client = await Peer.connect(daemon.addressOf())
        await client.write('a request nobody will read')
        assert.equal((await client.receiveAll()).ending, ending)
        client.destroy()
      })
    }

    it('resets are what a client gets by default when all fail', async () => {
      await serve({ upstreams: [(await closedAddress()).text] })
      const client = await Peer.connect(daemon.addressOf())
      assert.equal((await client.receiveAll()).ending, 'reset')
    })

    it('a failure is remembered: the next clients go to the next upstream without trying the failed one', async () => {
      const second = await echoUpstream()
      // Two workers: what one has learned the other knows.
      await serve({
        upstreams: [silent(), second.address.text],
        connectTimeout: '200ms',
        retryFailedAfter: '1h',
      })
      assert.equal((await visit()).attempts, 2)
      for (let i = 0; i < 10; i++) {
        const line = await visit()
        assert.equal(line.attempts, 1)
        assert.equal(line.upstream, second.address.text)
      }
    })

    it('a remembered failure means last, not never', async () => {
      const refused = await closedAddress()
      const second = await echoUpstream()
      await serve({ upstreams: [refused.text, second.address.text], retryFailedAfter: '1h' })
      assert.equal((await visit()).upstream, second.address.text)
      await second.stopListening()
      const revived = await echoUpstream({ host: refused.host, port: refused.port })
      const line = await visit()
      assert.equal(line.upstream, revived.address.text)
      assert.deepEqual(
        errorsOf(line).map((error) => error.address),
        [second.address.text],
      )
    })

    it('retryFailedAfter 0s: every client pays for the dead upstream, as in the seeds', async () => {
      const [first, second] = [silent(), await echoUpstream()]
      await serve({
        upstreams: [first, second.address.text],
        connectTimeout: '150ms',
        retryFailedAfter: '0s',
      })
      for (let i = 0; i < 4; i++) {
        const line = await visit()
        assert.deepEqual(
          errorsOf(line).map((error) => error.address),
          [first],
        )
        assert.equal(line.attempts, 2)
      }
    })

    it('an upstream that has come back is first again once retryFailedAfter is over', async () => {
      const refused = await closedAddress()
      const second = await echoUpstream()
      await serve({ upstreams: [refused.text, second.address.text], retryFailedAfter: '500ms' })
      assert.equal((await visit()).upstream, second.address.text)
      await echoUpstream({ host: refused.host, port: refused.port })
      await waitFor('the first upstream to be used again', async () => (await visit()).upstream === refused.text)
    })

    it('no address is tried twice for one client, even if two names lead to it', async () => {
      const refused = await closedAddress()
      countSyns(`dialled_by_${engine}`, refused.host, refused.port)
      await serve({ upstreams: [refused.text, `localhost:${refused.port}`] })
      const client = await Peer.connect(daemon.addressOf())
      assert.equal((await client.receiveAll()).ending, 'reset')
      const tried = errorsOf(await daemon.lineOf(client)).map((error) => error.address)
      assert.equal(new Set(tried).size, tried.length, `tried ${tried.join(', ')}`)
      assert.equal(readSynCount(`dialled_by_${engine}`), 1)
    })

    it('a client that resets while we dial cancels the dial', async () => {
      await serve({ upstreams: [silent()], connectTimeout: '1h' })
      const client = await Peer.connect(daemon.addressOf())
      await client.write('I will not wait')
      await daemon.waitForSocketCount(idleSockets + 2)
      client.reset()
      const line = await daemon.lineOf(client)
      assert.equal(line.reason, 'client-left')
      assert.equal(line.upstream, null)
      await daemon.waitForSocketCount(idleSockets)
    })

    it('retryFailedAfter 0s is the strict way: every client asks the first upstream first, however often it failed', async () => {
      const second = await echoUpstream()
      const upstreams = [(await closedAddress()).text, second.address.text]
      await serve({ upstreams, retryFailedAfter: '0s' })
      for (let i = 0; i < 8; i++) assert.equal((await visit()).attempts, 2)
    })

    it('a client that closes without a word while we dial cancels the dial', async () => {
      await serve({ upstreams: [silent()], connectTimeout: '1h' })
      const client = await Peer.connect(daemon.addressOf())
      await daemon.waitForSocketCount(idleSockets + 2)
      client.finish()
      assert.equal((await daemon.lineOf(client)).reason, 'client-left')
      client.destroy()
      await daemon.waitForSocketCount(idleSockets)
    })

    it('a client that was gone before it was accepted leaves nothing behind', async () => {
      const upstream = await echoUpstream()
      await serve({ upstreams: [upstream.address.text] })
      await daemon.frozen(async () => {
        const clients = await Promise.all(Array.from({ length: 20 }, () => Peer.connect(daemon.addressOf())))
        for (const client of clients) client.reset()
      })
      assert.equal((await visit()).reason, 'client-closed')
      await daemon.waitForSocketCount(idleSockets)
    })

    it('a client that has said all it wants while we dial still gets its answer', async () => {
      const second = await echoUpstream()
      await serve({ upstreams: [silent(), second.address.text], connectTimeout: '400ms' })
      const client = await Peer.connect(daemon.addressOf())
      client.socket.end('request')
      const seen = await client.receiveAll()
      assert.equal(seen.bytes.toString(), 'request')
      assert.equal(seen.ending, 'fin')
      assert.equal((await daemon.lineOf(client)).attempts, 2)
    })

    it('what a client sends while we dial is bounded and arrives whole', async () => {
      const bytes = 8 * 1024 * 1024
      const second = await Upstream.listen({ paused: true })
      upstreams.push(second)
      await serve({ upstreams: [silent(), second.address.text], connectTimeout: '500ms' })
      const client = await Peer.connect(daemon.addressOf())
      const pattern = { seed: 4, bytes, pieceBytesMax: 1_000_000, stall: 0 }
      const sending = sendStream(client, pattern)
      const server = await second.next()
      const check = checkStream(server, pattern)
      server.resume()
      await sending
      assert.equal((await server.receiveAll()).ending, 'fin')
      check.assertComplete(bytes, 'to upstream')
      client.destroy()
      server.destroy()
    })

    it('a hostname is dialled at each of its addresses', async () => {
      const upstream = await echoUpstream()
      await serve({ upstreams: [{ address: `localhost:${upstream.address.port}`, name: 'by-name' }] })
      const line = await visit()
      assert.equal(line.upstream, 'by-name')
    })

    it('5000 clients that find no upstream leave no socket behind', async () => {
      await serve({ upstreams: [(await closedAddress()).text, NO_ROUTE.text], retryFailedAfter: '0s' })
      const { endings } = await flood(daemon.addressOf(), 5000)
      assert.deepEqual(endings, { reset: 5000 })
      await daemon.waitForSocketCount(idleSockets)
      await daemon.waitForMetric('tidegate_connections_closed_total', { reason: 'upstream-unreachable' }, 5000)
    })

    it('many clients wait for a dead upstream at once, and all are served', async () => {
      const second = await echoUpstream()
      await serve({
        upstreams: [silent(), second.address.text],
        connectTimeout: '500ms',
        retryFailedAfter: '0s',
      })
      const lines = await Promise.all(Array.from({ length: 300 }, () => visit()))
      for (const line of lines) assert.equal(line.attempts, 2)
      await daemon.waitForSocketCount(idleSockets)
    })
  })
})

/** Timers end what stands still, and nothing else. Lower bounds only: how late a timer is, is no contract. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Daemon } from '../harness/daemon.ts'
import { forBothEnginesAtOnce } from '../harness/engines.ts'
import { clearFirewall, cutOff, prepareFirewall } from '../harness/own-network.ts'
import { Peer } from '../harness/peer.ts'
import { waitFor } from '../harness/deadline.ts'
import { wholeStream } from '../harness/test-stream.ts'
import { Upstream } from '../harness/upstream.ts'
import { differs } from './differences.ts'

const noFirewall = prepareFirewall() ?? false
/** Timers may be kept in buckets, but never fire before their time. */
const EARLY_MS_MAX = 5

/** The firewall is for the lost peers of one engine only. */
forBothEnginesAtOnce((engine) => {
  describe('timeouts', () => {
    let upstream: Upstream
    let pausedUpstream: Upstream
    let daemon: Daemon
    let socketsAtStart: number

    before(async () => {
      upstream = await Upstream.listen()
      pausedUpstream = await Upstream.listen({ paused: true })
      const upstreams = [upstream.address.text]
      daemon = await Daemon.start({
        engine,
        services: [
          { name: 'idle', upstreams, idleTimeout: '400ms' },
          { name: 'busy', upstreams, idleTimeout: '1500ms' },
          { name: 'stuck', upstreams: [pausedUpstream.address.text], idleTimeout: '1s' },
          { name: 'half', upstreams, halfClosedTimeout: '400ms' },
          { name: 'half-busy', upstreams, halfClosedTimeout: '1500ms' },
          { name: 'life', upstreams, maxLifetime: '600ms' },
          { name: 'lost', upstreams, socket: { userTimeout: '700ms' } },
          { name: 'silent', upstreams, socket: { keepAlive: '1s', userTimeout: '1s' } },
        ],
      })
      socketsAtStart = daemon.socketCount()
    })
    beforeEach(() => {
      upstream.forget()
      pausedUpstream.forget()
    })
    after(async () => {
      upstream.close()
      pausedUpstream.close()
      await daemon.stop()
    })

    async function connection(service: string): Promise<{ client: Peer; server: Peer }> {
      const client = await Peer.connect(daemon.addressOf(service))
      return { client, server: await upstream.next() }
    }

    it('idleTimeout ends a connection on which nothing moves, on both sides', async () => {
      const { client, server } = await connection('idle')
      await client.write('hello')
      await server.receive(5)
      await Promise.all([client.receiveAll(), server.receiveAll()])
      const line = await daemon.lineOf(client)
      assert.equal(line.reason, 'idle-timeout')
      assert.ok(line.durationMs >= 400 - EARLY_MS_MAX, `ended after ${line.durationMs} ms`)
      assert.equal(line.bytesToUpstream, 5)
      await daemon.waitForSocketCount(socketsAtStart)
    })

    it('idleTimeout counts from the last byte, not from the start', async () => {
      const { client, server } = await connection('busy')
      const lastByteMs = await keepBusy(2500, 1000, () => client.write('.'))
      await server.receiveAll()
      const line = await daemon.lineOf(client)
      assert.equal(line.reason, 'idle-timeout')
      assert.ok(
        line.durationMs >= lastByteMs + 1500 - 200,
        `ended after ${line.durationMs} ms, last byte at ${lastByteMs} ms`,
      )
    })

    for (const from of ['client', 'upstream'] as const) {
      it(`bytes of the ${from} alone keep a connection open`, async () => {
        const { client, server } = await connection('busy')
        const sender = from === 'client' ? client : server
        await keepBusy(3000, 1000, () => sender.write('.'))
        assert.equal(client.endingNow, undefined)
        assert.equal(server.endingNow, undefined)
        client.destroy()
      })
    }

    it('a connection whose receiver never reads is idle: no byte moves', async () => {
      const client = await Peer.connect(daemon.addressOf('stuck'))
      const bytes = wholeStream(1, 4_000_000)
      const push = (): void => void client.socket.write(bytes, (error) => error ?? push())
      push()
      await client.receiveAll()
      const line = await daemon.lineOf(client)
      assert.equal(line.reason, 'idle-timeout')
    })

    for (const first of ['client', 'upstream'] as const) {
      it(`halfClosedTimeout ends a connection whose ${first} has finished and whose other side is silent`, async () => {
        const { client, server } = await connection('half')
        const [one, other] = first === 'client' ? [client, server] : [server, client]
        one.finish()
        assert.equal((await other.receiveAll()).ending, 'fin')
        const line = await daemon.lineOf(client)
        assert.equal(line.reason, 'half-closed-timeout')
        assert.ok(line.durationMs >= 400 - EARLY_MS_MAX)
        await daemon.waitForSocketCount(socketsAtStart)
        client.destroy()
        server.destroy()
      })
    }

    it('halfClosedTimeout leaves a half-closed connection alone while bytes move', async () => {
      const { client, server } = await connection('half-busy')
      client.finish()
      await keepBusy(3000, 1000, () => server.write('.'))
      assert.equal(client.endingNow, undefined)
      server.finish()
      assert.equal((await client.receiveAll()).ending, 'fin')
      assert.equal((await daemon.lineOf(client)).reason, 'client-closed')
    })

    it('a quiet connection that nobody has finished is not touched by halfClosedTimeout', async () => {
      const { client, server } = await connection('half')
      await sleep(1200)
      await client.write('still here')
      await server.receiveText('still here')
      client.destroy()
    })

    it('maxLifetime ends a connection however busy it is', async () => {
      const { client, server } = await connection('life')
      while (client.endingNow === undefined) {
        server.socket.write('.')
        await sleep(20)
      }
      const line = await daemon.lineOf(client)
      assert.equal(line.reason, 'lifetime')
      assert.ok(line.durationMs >= 600 - EARLY_MS_MAX, `ended after ${line.durationMs} ms`)
      await daemon.waitForSocketCount(socketsAtStart)
    })

    it('thousands of timers do not mix up who is idle', async () => {
      const clients = await Promise.all(Array.from({ length: 100 }, () => Peer.connect(daemon.addressOf('busy'))))
      await waitFor('all to be connected', () => upstream.connections.length === 100)
      const busy = clients.filter((_, i) => i % 2 === 0)
      const idle = clients.filter((_, i) => i % 2 === 1)
      await keepBusy(2500, 1000, () => Promise.all(busy.map((client) => client.write('.'))))
      await Promise.all(idle.map((client) => client.receiveAll()))
      const stillOpen = busy.filter((client) => client.endingNow === undefined).length
      for (const client of clients) client.destroy()
      assert.equal(stillOpen, 50)
    })

    describe('lost peers', { skip: noFirewall || differs('user-timeout', engine) }, () => {
      beforeEach(() => clearFirewall())

      it('a client that vanishes with bytes on the way is lost after userTimeout', async () => {
        const { client, server } = await connection('lost')
        await client.write('hello')
        await server.receive(5)
        cutOff(client.localPort)
        await server.write('are you there?')
        const line = await daemon.lineOf(client)
        assert.equal(line.reason, 'client-lost')
        assert.match((await server.receiveAll()).ending, /reset/)
        clearFirewall()
        client.destroy()
      })

      it('an upstream that vanishes with bytes on the way is lost after userTimeout', async () => {
        const { client, server } = await connection('lost')
        await client.write('hello')
        await server.receive(5)
        cutOff(server.remotePort)
        await client.write('are you there?')
        const line = await daemon.lineOf(client)
        assert.equal(line.reason, 'upstream-lost')
        assert.equal((await client.receiveAll()).ending, 'reset')
        clearFirewall()
        server.destroy()
      })

      it('a silent client that vanishes is found by keepalive', async () => {
        const { client, server } = await connection('silent')
        await client.write('hello')
        await server.receive(5)
        cutOff(client.localPort)
        const line = await daemon.lineOf(client)
        assert.equal(line.reason, 'client-lost')
        clearFirewall()
        client.destroy()
      })
    })
  })

  /**
   * Does `act` every 50 ms for `forMs`. A machine that stands still for longer than `gapMsMax` would make the daemon
   * right to end the connection: then the test knows nothing and says so instead of failing.
   */
  async function keepBusy(forMs: number, gapMsMax: number, act: () => Promise<unknown>): Promise<number> {
    const startMs = performance.now()
    let lastMs = startMs
    while (performance.now() - startMs < forMs) {
      await act()
      const nowMs = performance.now()
      if (nowMs - lastMs > gapMsMax)
        throw new Error(`this machine stood still for ${nowMs - lastMs} ms; nothing can be said`)
      lastMs = nowMs
      await sleep(50)
    }
    return lastMs - startMs
  }
})

/** Who gets which upstream, over several workers, and that nobody gets more than its maximum. */
import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TestService } from '../harness/config.ts'
import { Daemon } from '../harness/daemon.ts'
import { waitFor } from '../harness/deadline.ts'
import { forEachEngine } from '../harness/engines.ts'
import { Peer } from '../harness/peer.ts'
import { Upstream } from '../harness/upstream.ts'

const CLIENTS_AT_ONCE = 30

interface Client {
  readonly peer: Peer
  /** What the upstream said: its name. */
  readonly upstream: string
}

forEachEngine((engine) => {
  describe('balance', () => {
    const open: { stop(): void | Promise<void> }[] = []

    afterEach(async () => {
      for (const one of open.splice(0).reverse()) await one.stop()
    })

    /** Says its name, one letter, to everybody. */
    async function upstreamNamed(name: string, port = 0): Promise<Upstream> {
      const upstream = await Upstream.listen({ port, onConnection: (peer) => void peer.write(name).catch(() => {}) })
      open.push({ stop: () => upstream.close() })
      return upstream
    }

    async function upstreamsNamed(names: string): Promise<Upstream[]> {
      return Promise.all(names.split('').map((name) => upstreamNamed(name)))
    }

    async function start(service: Omit<TestService, 'name'>): Promise<Daemon> {
      const daemon = await Daemon.start({ engine, traffic: { workers: 3 }, services: [service as TestService] })
      open.push(daemon)
      return daemon
    }

    async function client(daemon: Daemon, localAddress?: string): Promise<Client> {
      const peer = await Peer.connect(daemon.addressOf(), { localAddress })
      open.push({ stop: () => peer.destroy() })
      return { peer, upstream: (await peer.receive(1)).toString() }
    }

    /** The upstream of a client whose connection ends at once. */
    async function upstreamFor(daemon: Daemon, localAddress?: string): Promise<string> {
      const { peer, upstream } = await client(daemon, localAddress)
      peer.destroy()
      return upstream
    }

    /** Upstreams of that many short connections, a few at a time, each from an address of its own. */
    async function countShort(daemon: Daemon, connections: number): Promise<Record<string, number>> {
      const counts: Record<string, number> = {}
      for (let done = 0; done < connections; done += CLIENTS_AT_ONCE) {
        const size = Math.min(CLIENTS_AT_ONCE, connections - done)
        const from = Array.from({ length: size }, (_, i) => `127.3.${(done + i + 1) >> 8}.${(done + i + 1) & 255}`)
        for (const name of await Promise.all(from.map((address) => upstreamFor(daemon, address)))) {
          counts[name] = (counts[name] ?? 0) + 1
        }
      }
      return counts
    }

    function named(upstreams: readonly Upstream[], keys: readonly Record<string, unknown>[] = []) {
      return upstreams.map(({ address }, i) => ({ address: address.text, ...keys[i] }))
    }

    it('round-robin is exact over all workers, by weight', async () => {
      const upstreams = named(await upstreamsNamed('abc'), [{ weight: 3 }, { weight: 2 }, { weight: 1 }])
      const daemon = await start({ balance: 'round-robin', upstreams })
      assert.deepEqual(await countShort(daemon, 300), { a: 150, b: 100, c: 50 })
    })

    it('random, power-of-two and source-hash share by weight', async () => {
      const keys = [{ weight: 2 }, { weight: 1 }, { weight: 1 }, { weight: 0 }]
      const upstreams = named(await upstreamsNamed('abcd'), keys)
      for (const balance of ['random', 'power-of-two', 'source-hash']) {
        const daemon = await start({ balance, upstreams })
        const { a, b, c, d } = await countShort(daemon, 400)
        // Six standard deviations of a share of 400.
        assert.ok(a > 140 && a < 260, `${balance}: a got ${a} of 200`)
        for (const got of [b, c]) assert.ok(got > 48 && got < 152, `${balance}: ${got} of 100`)
        assert.equal(d, undefined)
        await daemon.stop()
      }
    })

    it('least-connections counts what is open on every worker, and fills up who has fewer', async () => {
      const daemon = await start({ balance: 'least-connections', upstreams: named(await upstreamsNamed('abc')) })
      const clients: Client[] = []
      for (let i = 0; i < 30; i++) clients.push(await client(daemon))
      const count = (name: string): number => clients.filter(({ upstream }) => upstream === name).length
      assert.deepEqual([count('a'), count('b'), count('c')], [10, 10, 10])
      for (const { peer, upstream } of clients) if (upstream === 'b') peer.reset()
      await daemon.waitForMetric('tidegate_connections_open', { service: 'web' }, 20)
      for (let i = 0; i < 10; i++) assert.equal((await client(daemon)).upstream, 'b')
    })

    it('source-hash keeps clients with their upstream, and moves only those of one that is away', async () => {
      const [a, b, c] = await upstreamsNamed('abc')
      const upstreams = named([a, b, c])
      const daemon = await start({ balance: 'source-hash', retryFailedAfter: '0s', upstreams })
      const addresses = Array.from({ length: 40 }, (_, i) => `127.4.0.${i + 1}`)
      const now = (): Promise<string[]> => Promise.all(addresses.map((address) => upstreamFor(daemon, address)))
      const before = await now()
      assert.deepEqual(new Set(before), new Set(['a', 'b', 'c']))
      for (let i = 0; i < 3; i++) assert.deepEqual(await now(), before)
      await b.stopListening()
      for (const [i, name] of (await now()).entries()) assert.ok(before[i] === 'b' ? name !== 'b' : name === before[i])
      await upstreamNamed('b', b.address.port)
      assert.deepEqual(await now(), before)
    })

    it('a backup serves while no primary does, and gives clients back with the first one that is there again', async () => {
      const [a, b, c] = await upstreamsNamed('abc')
      const keys = [{ backup: true }, {}, {}]
      const daemon = await start({ balance: 'round-robin', retryFailedAfter: '0s', upstreams: named([a, b, c], keys) })
      assert.deepEqual(await countShort(daemon, 20), { b: 10, c: 10 })
      await b.stopListening()
      assert.deepEqual(await countShort(daemon, 20), { c: 20 })
      await c.stopListening()
      assert.deepEqual(await countShort(daemon, 20), { a: 20 })
      await upstreamNamed('c', c.address.port)
      assert.deepEqual(await countShort(daemon, 20), { c: 20 })
    })

    it('a primary that failed is not asked for retryFailedAfter, and then at once', async () => {
      const [a, b] = await upstreamsNamed('ab')
      const upstreams = named([a, b], [{}, { backup: true }])
      const daemon = await start({ retryFailedAfter: '1s', upstreams })
      await a.stopListening()
      const failedMs = performance.now()
      assert.equal(await upstreamFor(daemon), 'b')
      const back = await upstreamNamed('a', a.address.port)
      const second = await upstreamFor(daemon)
      if (performance.now() - failedMs < 1000) assert.equal(second, 'b')
      await waitFor('a client of the primary', async () => (await upstreamFor(daemon)) === 'a')
      for (let i = 0; i < 5; i++) assert.equal(await upstreamFor(daemon), 'a')
      assert.ok(back.connections.length >= 6)
    })

    describe('affinity', () => {
      it('keeps each client where it was first, on every worker', async () => {
        const upstreams = named(await upstreamsNamed('abc'))
        const daemon = await start({ balance: 'round-robin', affinity: { ttl: '10m' }, upstreams })
        const addresses = Array.from({ length: 12 }, (_, i) => `127.5.0.${i + 1}`)
        const now = async (): Promise<string[]> => Promise.all(addresses.map((from) => upstreamFor(daemon, from)))
        const before = await now()
        for (const name of 'abc') assert.equal(before.filter((got) => got === name).length, 4)
        for (let i = 0; i < 5; i++) assert.deepEqual(await now(), before)
      })

      it('a client whose upstream is gone gets another, and keeps that when the first is back', async () => {
        const [a, b, c] = await upstreamsNamed('abc')
        const service = { balance: 'round-robin', affinity: {}, retryFailedAfter: '0s', upstreams: named([a, b, c]) }
        const daemon = await start(service)
        const addresses = Array.from({ length: 12 }, (_, i) => `127.6.0.${i + 1}`)
        const now = async (): Promise<string[]> => Promise.all(addresses.map((from) => upstreamFor(daemon, from)))
        const before = await now()
        await a.stopListening()
        const without = await now()
        for (const [i, name] of without.entries()) {
          if (before[i] === 'a') assert.notEqual(name, 'a')
          else assert.equal(name, before[i])
        }
        await upstreamNamed('a', a.address.port)
        for (let i = 0; i < 3; i++) assert.deepEqual(await now(), without)
      })

      it('forgets a client when its time is over', async () => {
        const upstreams = named(await upstreamsNamed('ab'))
        const daemon = await start({ balance: 'round-robin', affinity: { ttl: '3s' }, upstreams })
        assert.equal(await upstreamFor(daemon), 'a')
        for (let i = 0; i < 5; i++) {
          const askedMs = performance.now()
          const again = await upstreamFor(daemon)
          if (performance.now() - askedMs < 2000) assert.equal(again, 'a')
        }
        await sleep(3100)
        assert.equal(await upstreamFor(daemon), 'b')
      })

      it('with more clients than it holds, some are forgotten and counted, and all are served', async () => {
        const daemon = await start({ affinity: { max: 8 }, upstreams: named(await upstreamsNamed('ab')) })
        // One bucket of 15 places. One by one: who finds its lock held for too long is not remembered, and so never forgotten.
        for (let i = 1; i <= 40; i++) assert.equal(await upstreamFor(daemon, `127.3.0.${i}`), 'a')
        await daemon.waitForMetric('tidegate_affinity_forgotten_total', { service: 'web' }, 25)
      })

      it('goes by the client that a PROXY header names, of IPv6 by its /64', async () => {
        const upstreams = named(await upstreamsNamed('abc'))
        const acceptProxyFrom = ['127.0.0.0/8']
        const daemon = await start({ balance: 'round-robin', affinity: {}, acceptProxyFrom, upstreams })
        const asked = async (header: string): Promise<string> => {
          const peer = await Peer.connect(daemon.addressOf())
          open.push({ stop: () => peer.destroy() })
          await peer.write(`PROXY ${header} 1000 443\r\n`)
          return (await peer.receive(1)).toString()
        }
        assert.equal(await asked('TCP4 192.0.2.1 192.0.2.9'), 'a')
        assert.equal(await asked('TCP4 192.0.2.2 192.0.2.9'), 'b')
        assert.equal(await asked('TCP6 2001:db8::1 2001:db8::9'), 'c')
        assert.equal(await asked('TCP6 2001:db8:0:1::1 2001:db8::9'), 'a')
        for (let i = 2; i < 6; i++) assert.equal(await asked(`TCP6 2001:db8::${i}:${i} 2001:db8::9`), 'c')
        assert.equal(await asked('TCP4 192.0.2.1 192.0.2.9'), 'a')
        assert.equal(await asked('TCP4 192.0.2.2 192.0.2.9'), 'b')
      })
    })

    describe('maxConnections', () => {
      it('of an upstream is never passed in a burst over all workers, and is used up to the last place', async () => {
        const [a, b] = await upstreamsNamed('ab')
        const keys = [{ maxConnections: 7 }, { maxConnections: 4 }]
        for (const balance of ['round-robin', 'least-connections']) {
          const daemon = await start({ balance, upstreams: named([a, b], keys) })
          const peers = await Promise.all(Array.from({ length: 120 }, () => Peer.connect(daemon.addressOf())))
          open.push({ stop: () => peers.forEach((peer) => peer.destroy()) })
          await waitFor('an answer for everybody', () =>
            peers.every((peer) => peer.bytesReceived > 0 || peer.endingNow !== undefined),
          )
          assert.equal(peers.filter((peer) => peer.bytesReceived > 0).length, 11)
          assert.deepEqual([a.connections.length, b.connections.length], [7, 4])
          const reasons = (): string[] => daemon.connectionLines.map(({ reason }) => reason)
          await waitFor('the lines of the others', () => reasons().length === 109)
          assert.deepEqual(new Set(reasons()), new Set(['upstreams-full']))
          await daemon.stop()
          for (const upstream of [a, b]) upstream.forget()
        }
      })

      it('of an upstream holds while places come and go', async () => {
        let now = 0
        let most = 0
        const waiting: Peer[] = []
        // It is the upstream that ends it, so nothing of it can come after the next one has come.
        const answer = (peer: Peer): void => {
          now--
          peer.socket.end('x')
        }
        const upstream = await Upstream.listen({
          onConnection: (peer) => {
            most = Math.max(most, ++now)
            // The first ones wait for each other.
            peer.onData = () => {
              waiting.push(peer)
              if (most >= 3) waiting.splice(0).forEach(answer)
            }
          },
        })
        open.push({ stop: () => upstream.close() })
        const upstreams = [{ address: upstream.address.text, maxConnections: 3 }]
        const daemon = await start({ upstreams })
        let served = 0
        const askOften = async (): Promise<void> => {
          for (let i = 0; i < 25; i++) {
            const peer = await Peer.connect(daemon.addressOf())
            peer.socket.end('hello')
            const { bytes } = await peer.receiveAll()
            served += bytes.length
            peer.destroy()
          }
        }
        await Promise.all(Array.from({ length: 12 }, askOften))
        assert.equal(most, 3)
        assert.ok(served >= 3)
        await daemon.waitForMetric('tidegate_connections_open', { service: 'web' }, 0)
        assert.equal(now, 0)
      })

      it('of a service refuses whoever comes after, with its reason, and takes the next when one has left', async () => {
        const daemon = await start({ maxConnections: 5, upstreams: named(await upstreamsNamed('a')) })
        const clients = await Promise.all(Array.from({ length: 5 }, () => client(daemon)))
        for (let i = 0; i < 10; i++) {
          const { ending, bytes } = await (await Peer.connect(daemon.addressOf())).receiveAll()
          assert.deepEqual([ending, bytes.length], ['reset', 0])
        }
        const labels = { service: 'web', reason: 'refused-service-ceiling' }
        await daemon.waitForMetric('tidegate_refused_total', labels, 10)
        clients[2].peer.reset()
        await daemon.waitForMetric('tidegate_connections_open', { service: 'web' }, 4)
        assert.equal((await client(daemon)).upstream, 'a')
      })

      it('refuses with an ordinary end where protect.refuse is close', async () => {
        const upstreams = named(await upstreamsNamed('a'))
        const daemon = await start({ maxConnections: 1, upstreams, protect: { refuse: 'close' } })
        await client(daemon)
        assert.equal((await (await Peer.connect(daemon.addressOf())).receiveAll()).ending, 'fin')
        await daemon.waitForMetric('tidegate_refused_total', { reason: 'refused-service-ceiling' }, 1)
      })
    })
  })
})

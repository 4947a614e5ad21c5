/** An upstream that came back gets its share little by little (`slowStart`), whoever took it out. */
import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { upstreamStatePath } from '../../src/api/contract.ts'
import type { Address } from '../harness/address.ts'
import { temporaryFolder, type TestService } from '../harness/config.ts'
import { Daemon } from '../harness/daemon.ts'
import { waitFor } from '../harness/deadline.ts'
import { forBothEnginesAtOnce } from '../harness/engines.ts'
import { HealthServer, status } from '../harness/health-server.ts'
import { Peer } from '../harness/peer.ts'
import { closedAddress, Upstream } from '../harness/upstream.ts'

const CLIENTS_AT_ONCE = 4

/** A client of a service with the upstreams a and b, which got its upstream at some time between two. */
interface Visit {
  readonly upstream: string
  readonly fromMs: number
  readonly toMs: number
}

/** Of b beside an a of the same weight, so long after it came back: from a tenth of its weight to all of it. */
function shareAfter(ms: number, slowStartMs: number): number {
  const weight = Math.min(1, 0.1 + 0.9 * Math.max(0, ms / slowStartMs))
  return weight / (1 + weight)
}

forBothEnginesAtOnce((engine) => {
  describe('slow start', () => {
    const open: { stop(): void | Promise<void> }[] = []

    afterEach(async () => {
      for (const one of open.splice(0).reverse()) await one.stop()
    })

    /** Says its name, one letter, and closes. */
    async function upstreamNamed(name: string, port = 0): Promise<Upstream> {
      const upstream = await Upstream.listen({ port, onConnection: (peer) => void peer.socket.end(name) })
      open.push({ stop: () => upstream.close() })
      return upstream
    }

    async function start(...services: Omit<TestService, 'name'>[]): Promise<Daemon> {
      const admin = { stateDir: temporaryFolder() }
      const daemon = await Daemon.start({ engine, admin, services: services as TestService[] })
      open.push(daemon)
      return daemon
    }

    async function set(daemon: Daemon, state: string): Promise<void> {
      const { status } = await daemon.ask('POST', upstreamStatePath('web', 'b'), { body: { state } })
      assert.equal(status, 200)
    }

    async function visit(daemon: Daemon, service?: string): Promise<Visit> {
      const fromMs = performance.now()
      const peer = await Peer.connect(daemon.addressOf(service))
      const { bytes, ending } = await peer.receiveAll()
      peer.destroy()
      assert.deepEqual([bytes.length, ending], [1, 'fin'])
      return { upstream: bytes.toString(), fromMs, toMs: performance.now() }
    }

    /** A few at a time, as long as `isWanted` says. */
    async function visits(daemon: Daemon, isWanted: (begun: number) => boolean, service?: string): Promise<Visit[]> {
      const all: Visit[] = []
      let begun = 0
      const run = async (): Promise<void> => {
        while (isWanted(begun)) {
          begun++
          all.push(await visit(daemon, service))
        }
      }
      await Promise.all(Array.from({ length: CLIENTS_AT_ONCE }, run))
      return all
    }

    async function countOfB(daemon: Daemon, clients: number, service?: string): Promise<number> {
      const all = await visits(daemon, (begun) => begun < clients, service)
      return all.filter(({ upstream }) => upstream === 'b').length
    }

    it('taken back by a person, its share grows in a line, and is whole in the end', async (t) => {
      const slowStartMs = 1_200
      const [a, b] = [await upstreamNamed('a'), await upstreamNamed('b')]
      const upstreams = [named(a.address, 'a'), named(b.address, 'b')]
      const daemon = await start({ balance: 'round-robin', slowStart: `${slowStartMs}ms`, upstreams })
      assert.equal(await countOfB(daemon, 40), 20, 'a start of the daemon is no return')
      await set(daemon, 'down')
      assert.equal(await countOfB(daemon, 20), 0)
      const earliestMs = performance.now()
      await set(daemon, 'up')
      const latestMs = performance.now()
      const growing = await visits(daemon, () => performance.now() < latestMs + slowStartMs)
      for (const third of [0, 1, 2]) {
        const [from, to] = [third, third + 1].map((i) => latestMs + (slowStartMs * i) / 3)
        const some = growing.filter(({ fromMs }) => fromMs >= from && fromMs < to)
        const got = some.filter(({ upstream }) => upstream === 'b').length
        // Each by its own time, so that a slow machine changes what is expected and not the outcome.
        const least = some.map(({ fromMs }) => shareAfter(fromMs - latestMs, slowStartMs))
        const most = some.map(({ toMs }) => shareAfter(toMs - earliestMs, slowStartMs))
        // Six standard deviations if each were drawn alone; turns vary less.
        const chance = 6 * Math.sqrt(sum(most.map((share) => share * (1 - share))))
        const said = `third ${third}: ${got} of ${some.length}, expected ${sum(least).toFixed(1)} to ${sum(most).toFixed(1)}`
        t.diagnostic(said)
        assert.ok(got >= sum(least) - chance && got <= sum(most) + chance, said)
      }
      assert.equal(await countOfB(daemon, 100), 50, 'in turn again')
    })

    it('found well again by a check, or back from an ejection: far below its share at first, and all are served', async () => {
      const health = await HealthServer.listen((response, { path }) => {
        response.statusCode = path === '/b' ? 503 : 200
        response.end()
      })
      open.push({ stop: () => health.close() })
      const [a, b, dead] = [await upstreamNamed('a'), await upstreamNamed('b'), await closedAddress()]
      const own = (name: string) => ({ check: { url: `http://${health.address.text}/${name}` } })
      const check = { interval: '100ms', timeout: '5s' }
      const outlier = { failures: 1, ejectFor: '1s' }
      const slow = { balance: 'random', slowStart: '1h', retryFailedAfter: '0s' }
      const daemon = await start(
        { ...slow, check, upstreams: [named(a.address, 'a', own('a')), named(b.address, 'b', own('b'))] },
        { ...slow, outlier, upstreams: [named(a.address, 'a'), named(dead, 'b')] },
      )
      await waitFor('the ejection', async () => {
        await visit(daemon, 'web-1')
        return (await daemon.metrics()).sum('tidegate_upstream_ejections_total') === 1
      })
      await upstreamNamed('b', dead.port)
      await daemon.waitForLine('b to be down', ({ event }) => event === 'upstream-down')
      assert.equal(await countOfB(daemon, 20), 0)
      health.answer = status(200)
      await daemon.waitForLine('b to be back', ({ event }) => event === 'upstream-up')
      await daemon.waitForLine('the end of the ejection', ({ event }) => event === 'upstream-returned')
      for (const service of ['web', 'web-1']) {
        const got = await countOfB(daemon, 300, service)
        // One in eleven is 27, with a standard deviation of 5; its whole share would be 150.
        assert.ok(got >= 1 && got <= 60, `${service}: ${got} of 300`)
      }
    })
  })
})

function named(address: Address, name: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return { name, address: address.text, ...more }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

/** At the ceiling, without files, without a reader of the log: refuse, say so, do not spin, and recover. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { afterEach, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Daemon, type DaemonOptions } from '../harness/daemon.ts'
import { waitFor } from '../harness/deadline.ts'
import { forEachEngine } from '../harness/engines.ts'
import { flood } from '../harness/load.ts'
import { enterOwnNetwork } from '../harness/own-network.ts'
import { Peer } from '../harness/peer.ts'
import { echo, Upstream } from '../harness/upstream.ts'

enterOwnNetwork()

const MIB = 1024 * 1024
const REFUSED = 100_000
/** The heaps of the workers find their size first. */
const WARM_UP = 60_000
/** What the heap of a runtime may waver by between two looks; a leak of 1 KB a client would be 100 MB. */
const WAVER_BYTES_MAX = 24 * MIB

forEachEngine((engine) => {
  describe('exhaustion', () => {
    const open: { stop(): void | Promise<void> }[] = []

    afterEach(async () => {
      for (const one of open.splice(0).reverse()) await one.stop()
    })

    async function start(options: Partial<DaemonOptions> = {}): Promise<{ daemon: Daemon; upstream: Upstream }> {
      const upstream = await Upstream.listen({ onConnection: echo })
      open.push({ stop: () => upstream.close() })
      const daemon = await Daemon.start({ engine, services: [{ upstreams: [upstream.address.text] }], ...options })
      open.push(daemon)
      return { daemon, upstream }
    }

    async function openClient(daemon: Daemon): Promise<Peer> {
      const client = await Peer.connect(daemon.addressOf())
      await client.write('hello')
      await client.receiveText('hello')
      return client
    }

    it(`${REFUSED} refused connections leave memory where it was, and each is counted`, async () => {
      const { daemon } = await start({ traffic: { maxConnections: 5 } })
      const held = await Promise.all(Array.from({ length: 5 }, () => openClient(daemon)))
      const warm = await flood(daemon.addressOf(), WARM_UP)
      assert.deepEqual(warm.endings, { reset: WARM_UP })
      const before = daemon.residentBytes()
      const { endings } = await flood(daemon.addressOf(), REFUSED)
      assert.deepEqual(endings, { reset: REFUSED })
      await daemon.waitForMetric(
        'tidegate_refused_total',
        { service: 'web', reason: 'refused-ceiling' },
        REFUSED + WARM_UP,
      )
      const grown = await settledGrowth(daemon, before)
      assert.ok(grown < WAVER_BYTES_MAX, `memory grew by ${grown} bytes`)
      assert.ok(daemon.lines.length < 100, `${daemon.lines.length} log lines for clients that were refused`)
      assert.equal(daemon.connectionLines.length, 0)
      for (const client of held) {
        await client.write('still here')
        await client.receiveText('hellostill here')
        client.destroy()
      }
      await waitFor('room again', () =>
        openClient(daemon).then(
          (client) => client.destroy() ?? true,
          () => false,
        ),
      )
    })

    /** Garbage needs its time: the least growth seen over a few looks counts. */
    async function settledGrowth(daemon: Daemon, before: number): Promise<number> {
      let least = Infinity
      for (let look = 0; look < 20 && least >= WAVER_BYTES_MAX; look++) {
        least = Math.min(least, daemon.residentBytes() - before)
        await sleep(100)
      }
      return least
    }

    it('the ceiling is exact over all workers', async () => {
      const { daemon } = await start({ traffic: { maxConnections: 7, workers: 2 } })
      const held = await Promise.all(Array.from({ length: 7 }, () => openClient(daemon)))
      for (let i = 0; i < 40; i++) {
        const refused = await Peer.connect(daemon.addressOf())
        assert.equal((await refused.receiveAll()).ending, 'reset')
      }
      held[0].finish()
      await held[0].receiveAll()
      await daemon.waitForMetric('tidegate_connections_open', {}, 6)
      held[0] = await openClient(daemon)
      const refused = await Peer.connect(daemon.addressOf())
      assert.equal((await refused.receiveAll()).ending, 'reset')
      await daemon.waitForMetric('tidegate_refused_total', { reason: 'refused-ceiling' }, 41)
      await daemon.waitForMetric('tidegate_connections_total', {}, 8)
    })

    it('the ceiling follows the file limit, and admin keeps answering above it', async () => {
      const { daemon } = await start({ prefix: ['prlimit', '--nofile=400:400'] })
      const ceiling = (await daemon.metrics()).sum('tidegate_connections_max')
      assert.ok(ceiling > 0 && ceiling < 200, `a ceiling of ${ceiling} connections with 400 files`)
      const clients = await Promise.all(Array.from({ length: 300 }, () => Peer.connect(daemon.addressOf())))
      const answers = await Promise.all(
        clients.map(async (client) => {
          await client.write('hello').catch(() => undefined)
          return Promise.race([client.ending, client.receive(5).then(() => 'served')]).catch(() => 'reset')
        }),
      )
      assert.equal(answers.filter((answer) => answer === 'served').length, ceiling)
      assert.equal(answers.filter((answer) => answer === 'reset').length, 300 - ceiling)
      assert.equal((await daemon.get('/healthz')).status, 200)
      const metrics = await daemon.metrics()
      assert.equal(metrics.sum('tidegate_refused_total', { reason: 'refused-ceiling' }), 300 - ceiling)
      assert.equal(metrics.sum('tidegate_accept_pauses_total'), 0, 'the ceiling must be met before the files run out')
      assert.ok((await cpuShare(daemon)) < 0.5)
      for (const client of clients) client.destroy()
      await waitFor('room again', () =>
        openClient(daemon).then(
          (client) => client.destroy() ?? true,
          () => false,
        ),
      )
    })

    it('maxConnections above what the file limit allows is lowered and said', async () => {
      const { daemon } = await start({ prefix: ['prlimit', '--nofile=400:400'], traffic: { maxConnections: 100_000 } })
      const ceiling = (await daemon.metrics()).sum('tidegate_connections_max')
      assert.ok(ceiling < 200, `a ceiling of ${ceiling}`)
      await daemon.waitForLine(
        'a warning',
        (line) => line['level'] === 'warn' && /100000|100,000/.test(JSON.stringify(line)),
      )
    })

    it('out of files: accepting pauses, nothing spins, those who are in are served, and it goes on by itself', async () => {
      const { daemon } = await start()
      const inside = await openClient(daemon)
      // Taken away from the running daemon: whatever it has worked out for itself is now wrong.
      setFileLimit(daemon, daemon.openFiles().length + 1)
      const outside = await Promise.all(Array.from({ length: 50 }, () => Peer.connect(daemon.addressOf())))
      await waitFor('a pause to be told', () => daemon.lines.some((line) => /accept.*pause/i.test(`${line.event}`)))
      assert.ok((await cpuShare(daemon)) < 0.5, 'the daemon spins')
      await inside.write(' again')
      await inside.receiveText('hello again')
      setFileLimit(daemon, 20_000)
      await waitFor('clients to be served again', () =>
        openClient(daemon).then(
          (client) => client.destroy() ?? true,
          () => false,
        ),
      )
      assert.ok((await daemon.metrics()).sum('tidegate_accept_pauses_total') > 0)
      for (const client of [inside, ...outside]) client.destroy()
      await daemon.waitForMetric('tidegate_connections_open', {}, 0)
    })

    it('a log that nobody reads holds nobody up', async () => {
      const { daemon } = await start()
      await openClient(daemon)
      daemon.stopReadingLog()
      const before = daemon.residentBytes()
      // Some 400 bytes of log each: far more than the pipe and the backlog hold.
      for (let round = 0; round < 30; round++) {
        const clients = await Promise.all(Array.from({ length: 100 }, () => openClient(daemon)))
        for (const client of clients) client.reset()
      }
      const line = await openClient(daemon)
      line.reset()
      assert.equal((await daemon.get('/healthz')).status, 200)
      assert.ok(daemon.residentBytes() - before < 100 * MIB)
      daemon.readLogAgain()
      await daemon.waitForMetric('tidegate_connections_total', {}, 3002)
      const dropped = (await daemon.metrics()).sum('tidegate_log_dropped_total')
      await waitFor('the log to catch up', () => daemon.connectionLines.length + dropped >= 3001)
    })

    function setFileLimit(daemon: Daemon, files: number): void {
      execFileSync('prlimit', ['--pid', String(daemon.pid), `--nofile=${files}:20000`])
    }

    /** The part of one core that the daemon uses while nothing needs doing. */
    async function cpuShare(daemon: Daemon): Promise<number> {
      const cpuBefore = daemon.cpuMs()
      const startMs = performance.now()
      await sleep(1000)
      return (daemon.cpuMs() - cpuBefore) / (performance.now() - startMs)
    }
  })
})

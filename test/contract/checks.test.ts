/** Active checks: what they ask, what they conclude, and where clients go then. */
import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import type { TestService } from '../harness/config.ts'
import { Daemon, type LogLine } from '../harness/daemon.ts'
import { waitFor } from '../harness/deadline.ts'
import { forEachEngine } from '../harness/engines.ts'
import { FreezableServer, HealthServer, status } from '../harness/health-server.ts'
import { enterOwnNetwork } from '../harness/own-network.ts'
import { Peer } from '../harness/peer.ts'
import { closedAddress, echo, Upstream } from '../harness/upstream.ts'

enterOwnNetwork()

const SOON = { interval: '50ms', jitter: '0%' }

interface UpstreamShown {
  readonly name: string
  readonly up: boolean
  readonly check: { readonly result: string; readonly reason: string; readonly ms: number; readonly at: string } | null
}

forEachEngine((engine) => {
  describe('checks', () => {
    const open: { stop(): void | Promise<void> }[] = []

    afterEach(async () => {
      for (const one of open.splice(0).reverse()) await one.stop()
    })

    async function start(service: Omit<TestService, 'name'>): Promise<Daemon> {
      const daemon = await Daemon.start({ engine, services: [service as TestService] })
      open.push(daemon)
      return daemon
    }

    async function echoUpstream(): Promise<Upstream> {
      const upstream = await Upstream.listen({ onConnection: echo })
      open.push({ stop: () => upstream.close() })
      return upstream
    }

    async function health(...args: Parameters<typeof HealthServer.listen>): Promise<HealthServer> {
      const server = await HealthServer.listen(...args)
      open.push({ stop: () => server.close() })
      return server
    }

    /** The name of the upstream that a client gets, or null where it gets none. */
    async function upstreamOfVisit(daemon: Daemon): Promise<string | null> {
      const client = await Peer.connect(daemon.addressOf())
      await client.write('hello').catch(() => {})
      client.finish()
      await client.receiveAll()
      return (await daemon.lineOf(client)).upstream
    }

    function line(daemon: Daemon, event: string, upstream: string, after = 0): Promise<LogLine> {
      return daemon.waitForLine(
        `${event} of ${upstream}`,
        (one) => one.event === event && one['upstream'] === upstream && daemon.lines.indexOf(one) >= after,
      )
    }

    async function shown(daemon: Daemon, name: string): Promise<UpstreamShown> {
      const { services } = JSON.parse((await daemon.get('/status.json')).body) as {
        services: { upstreams: UpstreamShown[] }[]
      }
      return services[0].upstreams.find((upstream) => upstream.name === name)!
    }

    /** Two echoing upstreams, the first with a health service of its own elsewhere. */
    async function startWithHealth(
      check: Record<string, unknown> = {},
      answer = status(200),
    ): Promise<{ daemon: Daemon; first: HealthServer }> {
      const first = await health(answer)
      const spare = await health(answer)
      const urlOf = ({ address }: HealthServer): string => `http://${address.text}/state?full`
      const daemon = await start({
        upstreams: [
          { name: 'first', address: (await echoUpstream()).address.text, check: { url: urlOf(first) } },
          { name: 'spare', address: (await echoUpstream()).address.text, check: { url: urlOf(spare) } },
        ],
        check: { ...SOON, ...check },
      })
      return { daemon, first }
    }

    it('clients leave an upstream whose check fails, and return when it is well again', async () => {
      const { daemon, first } = await startWithHealth()
      await daemon.waitForMetric('tidegate_check_total', { upstream: 'first', result: 'down' }, 0)
      assert.equal(await upstreamOfVisit(daemon), 'first')

      first.answer = status(503)
      const down = await line(daemon, 'upstream-down', 'first')
      assert.equal(down['level'], 'warn')
      assert.equal(down['service'], 'web')
      assert.equal(down['reason'], `GET http://${first.address.text}/state?…: HTTP 503, expected 100-499`)
      assert.equal(typeof down['ms'], 'number')
      assert.equal(await upstreamOfVisit(daemon), 'spare')
      const { up, check } = await shown(daemon, 'first')
      assert.deepEqual([up, check?.result, check?.reason], [false, 'down', down['reason']])
      const metrics = await daemon.metrics()
      assert.equal(metrics.sum('tidegate_upstream_up', { upstream: 'first' }), 0)
      assert.equal(metrics.sum('tidegate_upstream_up', { upstream: 'spare' }), 1)
      assert.ok(metrics.sum('tidegate_check_total', { upstream: 'first', result: 'down' }) >= 1)
      assert.ok(metrics.has('tidegate_check_seconds'))

      first.answer = status(200)
      const up2 = await line(daemon, 'upstream-up', 'first')
      assert.ok(Number(up2['downForMs']) >= 0)
      assert.equal(await upstreamOfVisit(daemon), 'first')
      assert.equal((await shown(daemon, 'first')).up, true)
    })

    it('the request is what the configuration says', async () => {
      const { daemon, first } = await startWithHealth({
        method: 'POST',
        headers: { Host: 'www.example.com', 'X-Key': 'abc' },
        body: 'how are you?',
      })
      const [asked] = await waitFor('a check', () => (first.asked.length > 0 ? first.asked : undefined))
      assert.deepEqual([asked.method, asked.path, asked.body], ['POST', '/state?full', 'how are you?'])
      assert.equal(asked.headers['host'], 'www.example.com')
      assert.equal(asked.headers['x-key'], 'abc')
      assert.equal(asked.headers['content-length'], '12')
      await daemon.stop()
    })

    it('statuses and bodies are held against what is expected', async () => {
      const { daemon, first } = await startWithHealth(
        { expectStatus: ['200-299', 401], expectBody: '/"state":\\s*"up"/i' },
        status(401, '{"state": "UP"}'),
      )
      const asked = first.asked.length
      await waitFor('two checks', () => first.asked.length > asked + 1)
      assert.equal((await shown(daemon, 'first')).up, true)
      first.answer = status(404, '{"state": "up"}')
      const byStatus = await line(daemon, 'upstream-down', 'first')
      assert.match(String(byStatus['reason']), /HTTP 404, expected 200-299, 401$/)
      first.answer = status(200, '{"state": "up"}')
      await line(daemon, 'upstream-up', 'first')
      const before = daemon.lines.length
      first.answer = status(200, '{"state": "down"}')
      const byBody = await line(daemon, 'upstream-down', 'first', before)
      assert.match(String(byBody['reason']), /HTTP 200, but its body \(17 bytes\) has no match for expectBody$/)
    })

    it('only the first 64 KiB of a body are looked at, however long it is', async () => {
      const { daemon, first } = await startWithHealth({ expectBody: 'needle' }, status(200, 'needle'))
      first.answer = status(200, `${'.'.repeat(65_531)}needle`)
      const reason = (await line(daemon, 'upstream-down', 'first'))['reason']
      assert.match(String(reason), /its body \(first 64 KiB\) has no match/)
      first.answer = (response) => {
        response.write(`needle${'.'.repeat(70_000)}`)
        // It never ends.
      }
      await line(daemon, 'upstream-up', 'first')
    })

    it('one check is several attempts: the first to reach its number decides', async () => {
      const { daemon, first } = await startWithHealth({ attempts: { successes: 2, failures: 3 } })
      // Row after row of these four: bad, good, bad, good. Two good ones come before three bad ones.
      let turn = 0
      first.answer = (response, asked) => status(turn++ % 2 === 0 ? 500 : 200)(response, asked)
      await waitFor('five checks', () => turn >= 20)
      assert.deepEqual(
        daemon.lines.filter((one) => one.event === 'upstream-down'),
        [],
      )
      // bad, bad, good, bad, and bad from then on.
      turn = 0
      first.answer = (response, asked) => status(turn++ === 2 ? 200 : 500)(response, asked)
      const down = await line(daemon, 'upstream-down', 'first')
      assert.equal(down['badAttempts'], 3)
    })

    it('an upstream that refuses connections is found by a plain connect check', async () => {
      const spare = await echoUpstream()
      const daemon = await start({
        upstreams: [
          { name: 'first', address: (await closedAddress()).text },
          { name: 'spare', address: spare.address.text },
        ],
        retryFailedAfter: '0s',
        check: { type: 'tcp', ...SOON },
      })
      const down = await line(daemon, 'upstream-down', 'first')
      assert.match(String(down['reason']), /^connect to 127\.0\.0\.1:\d+: the connection was refused \(ECONNREFUSED\)$/)
      assert.equal(await upstreamOfVisit(daemon), 'spare')
      const last = daemon.connectionLines.at(-1)
      assert.equal(last?.attempts, 1, 'nobody waits for the one that is down')
      await daemon.waitForMetric('tidegate_upstream_up', { upstream: 'spare' }, 1)
    })

    it('an upstream that accepts and never answers fails by its timeout, and comes back', async () => {
      const frozen = await FreezableServer.start()
      open.push(frozen)
      const spare = await health()
      const daemon = await start({
        upstreams: [
          { name: 'first', address: frozen.address.text },
          { name: 'spare', address: spare.address.text },
        ],
        check: { ...SOON, timeout: '300ms' },
      })
      await waitFor('a good check', async () => (await shown(daemon, 'first')).check?.result === 'up')
      await frozen.freeze()
      const down = await line(daemon, 'upstream-down', 'first')
      assert.equal(down['reason'], `GET http://${frozen.address.text}/: no answer within 300ms`)
      frozen.thaw()
      await line(daemon, 'upstream-up', 'first')
    })

    it('checks of an upstream that hangs do not pile up, and hold up no others', async () => {
      const { daemon, first } = await startWithHealth({ interval: '10ms', timeout: '1h' })
      await waitFor('a first check', () => first.asked.length > 0)
      first.answer = () => {}
      const asked = first.asked.length
      await waitFor('the check that hangs', () => first.asked.length > asked)
      const checksOfSpare = async (): Promise<number> =>
        (await daemon.metrics()).sum('tidegate_check_total', { upstream: 'spare' })
      const before = await checksOfSpare()
      await waitFor('20 more checks of the other', async () => (await checksOfSpare()) >= before + 20)
      assert.equal(first.asked.length, asked + 1)
      assert.equal(first.openConnections, 1)
    })

    for (const whenAllDown of ['try-all', 'refuse'] as const) {
      it(`whenAllDown: ${whenAllDown}, and it is said aloud`, async () => {
        const only = await echoUpstream()
        const sick = await health(status(500))
        const daemon = await start({
          whenAllDown,
          upstreams: [{ name: 'only', address: only.address.text, check: { url: `http://${sick.address.text}/` } }],
          check: SOON,
        })
        const all = await daemon.waitForLine('the loud line', (one) => one.event === 'all-upstreams-down')
        assert.equal(all['level'], 'error')
        assert.deepEqual([all['service'], all['upstreams'], all['whenAllDown']], ['web', ['only'], whenAllDown])
        await daemon.waitForMetric('tidegate_all_upstreams_down', { service: 'web' }, 1)
        assert.equal(await upstreamOfVisit(daemon), whenAllDown === 'refuse' ? null : 'only')
        sick.answer = status(200)
        const back = await daemon.waitForLine('the line after it', (one) => one.event === 'upstreams-back')
        assert.equal(back['upstream'], 'only')
        assert.equal(await upstreamOfVisit(daemon), 'only')
        await daemon.waitForMetric('tidegate_all_upstreams_down', { service: 'web' }, 0)
        assert.equal(daemon.lines.filter((one) => one.event === 'all-upstreams-down').length, 1)
      })
    }

    it('connections that are open stay when a check takes their upstream out', async () => {
      const { daemon, first } = await startWithHealth()
      const client = await Peer.connect(daemon.addressOf())
      await client.write('one')
      await client.receiveText('one')
      first.answer = status(500)
      await line(daemon, 'upstream-down', 'first')
      await client.write('two')
      await client.receiveText('onetwo')
      client.finish()
      assert.equal((await client.receiveAll()).ending, 'fin')
    })

    it('a daemon that drains asks nobody any more', async () => {
      const { daemon, first } = await startWithHealth()
      await waitFor('a check', () => first.asked.length > 0)
      const client = await Peer.connect(daemon.addressOf())
      await client.write('one')
      await client.receiveText('one')
      daemon.signal('SIGTERM')
      await daemon.waitForLine('the draining line', (one) => one.event === 'draining')
      await waitFor('no connection of a check', () => first.openConnections === 0)
      client.finish()
      await daemon.exit()
    })

    it('without `check` nobody is asked', async () => {
      const quiet = await health()
      const daemon = await start({ upstreams: [{ name: 'quiet', address: quiet.address.text }] })
      assert.equal((await shown(daemon, 'quiet')).check, null)
      assert.equal((await daemon.metrics()).has('tidegate_check_total'), false)
      assert.equal(quiet.asked.length, 0)
    })
  })
})

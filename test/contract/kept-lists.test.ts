/** Lists that operators keep by the API, and signals of upstreams: what they do to clients, at once, on every worker, over restarts. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, it } from 'node:test'
import {
  type BanView,
  BanList,
  CheckIpAnswer,
  KeptListChange,
  KeptListPage,
  keptListPath,
  Problem,
  SignalAnswer,
  signalsPath,
} from '../../src/api/contract.ts'
import { temporaryFolder, type TestConfig, type TestService } from '../harness/config.ts'
import { Daemon } from '../harness/daemon.ts'
import { waitFor } from '../harness/deadline.ts'
import { isServed, openClient } from '../harness/echo-client.ts'
import { forEachEngine } from '../harness/engines.ts'
import { Peer } from '../harness/peer.ts'
import { buildV2, v4Addresses } from '../harness/proxy-header.ts'
import { echo, Upstream } from '../harness/upstream.ts'

const BAD = '127.0.1.7'
const GOOD = '127.0.2.7'
const DENY = keptListPath('deny', 'scanners')

forEachEngine((engine) => {
  const open: { stop(): void | Promise<void> }[] = []

  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one.stop()
  })

  interface Start extends Omit<TestConfig, 'services'> {
    readonly stateDir?: string
    readonly service?: Partial<TestService>
    /** Names of services; each has the same upstream. */
    readonly names?: readonly string[]
  }

  async function start({ stateDir, service = {}, names = ['web'], ...config }: Start = {}): Promise<Daemon> {
    const upstream = await Upstream.listen({ onConnection: echo })
    open.push({ stop: () => upstream.close() })
    const services = names.map((name) => ({ name, upstreams: [upstream.address.text], ...service }))
    const admin = { stateDir: stateDir ?? join(temporaryFolder(), 'state') }
    const daemon = await Daemon.start({ engine, protect: { allow: [] }, ...config, admin, services })
    open.push(daemon)
    return daemon
  }

  async function change(daemon: Daemon, method: 'POST' | 'PUT' | 'DELETE', body: object, path = DENY) {
    const answer = await daemon.ask(method, path, { body })
    return KeptListChange.parse(JSON.parse(answer.body))
  }

  async function put(daemon: Daemon, entries: object[], path = DENY): Promise<void> {
    const { refusedCount, inForce } = await change(daemon, 'POST', { entries }, path)
    assert.deepEqual([refusedCount, inForce], [0, true])
  }

  async function networks(daemon: Daemon, path = DENY): Promise<string[]> {
    return KeptListPage.parse(JSON.parse((await daemon.get(path)).body)).entries.map(({ network }) => network)
  }

  /** Workers hear of new tables a moment after the answer. */
  async function isServedSoon(daemon: Daemon, localAddress: string, wanted: boolean): Promise<void> {
    await waitFor(`${localAddress} ${wanted ? '' : 'not '}to be served`, async () => {
      return (await isServed(daemon, localAddress)) === wanted
    })
  }

  describe('lists by the API', () => {
    it('who is put on a deny list is refused, who is put on an allow list is let in all the same', async () => {
      const daemon = await start()
      await put(daemon, [{ network: '127.0.1.0/24', comment: 'scanner' }])
      await isServedSoon(daemon, BAD, false)
      assert.equal(await isServed(daemon, GOOD), true)
      const found = CheckIpAnswer.parse(JSON.parse((await daemon.get(`/api/v1/check-ip?address=${BAD}`)).body))
      assert.equal(found.reason, 'refused-deny-list')
      assert.match(found.findings[0].text, /127\.0\.1\.0\/24 of list kept\/scanners \(kept by operators\): scanner/)
      const metrics = await daemon.metrics()
      assert.equal(metrics.sum('tidegate_list_entries', { list: 'kept/scanners', action: 'deny' }), 1)
      await put(daemon, [{ network: BAD }], keptListPath('allow', 'offices'))
      await isServedSoon(daemon, BAD, true)
      await change(daemon, 'DELETE', { all: true }, keptListPath('allow', 'offices'))
      await isServedSoon(daemon, BAD, false)
      await change(daemon, 'DELETE', { networks: ['127.0.1.0/24'] })
      await isServedSoon(daemon, BAD, true)
    })

    it('an exclusive sync changes the list as a whole', async () => {
      const daemon = await start()
      await put(daemon, [{ network: BAD }, { network: '127.0.3.7' }])
      await isServedSoon(daemon, BAD, false)
      const { named, refused } = await change(daemon, 'PUT', { text: `# new\n${GOOD} ; SBL1\nnonsense\n127.0.3.7\n` })
      assert.deepEqual(named, { added: [`${GOOD}/32`], changed: [], removed: [`${BAD}/32`] })
      assert.deepEqual([refused.length, refused[0].line], [1, 3])
      await isServedSoon(daemon, BAD, true)
      assert.equal(await isServed(daemon, GOOD), false)
      assert.equal(await isServed(daemon, '127.0.3.7'), false)
    })

    it('an entry whose time is over is off the list by itself', async () => {
      const daemon = await start()
      await put(daemon, [{ network: BAD, ttlMs: 4000 }, { network: GOOD }])
      await isServedSoon(daemon, BAD, false)
      await isServedSoon(daemon, BAD, true)
      await waitFor('the page to say so', async () => (await networks(daemon)).length === 1)
      assert.equal(await isServed(daemon, GOOD), false)
      await daemon.waitForLine('its line', ({ event, entries }) => event === 'list-entries-ended' && entries === 1)
    })

    it('they are in force from the first client on after a restart, and over a reload, beside those of files', async () => {
      const stateDir = join(temporaryFolder(), 'state')
      const file = join(temporaryFolder(), 'drop.txt')
      writeFileSync(file, '127.0.3.0/24\n')
      const protect = { allow: [], lists: [{ file, action: 'deny' }] }
      const daemon = await start({ stateDir, protect })
      await put(daemon, [{ network: BAD, comment: 'before' }])
      // What was answered is on the disk, whatever happens next.
      daemon.kill()
      await daemon.exited
      const again = await start({ stateDir, protect })
      assert.equal(await isServed(again, BAD), false)
      assert.equal(await isServed(again, '127.0.3.9'), false)
      again.editConfig((text) => text.replace('"level": "info"', '"level": "debug"'))
      assert.equal((await again.post('/api/v1/reload')).status, 200)
      assert.equal(await isServed(again, BAD), false)
      writeFileSync(file, '127.0.4.0/24\n')
      await isServedSoon(again, '127.0.3.9', true)
      assert.equal(await isServed(again, BAD), false)
      assert.deepEqual(await networks(again), [`${BAD}/32`])
    })

    it('where nothing can be kept a change is refused, and traffic goes on', async () => {
      const stateDir = join(temporaryFolder(), 'state')
      writeFileSync(stateDir, 'a file where the folder would be')
      const daemon = await start({ stateDir })
      const { status, body } = await daemon.ask('POST', DENY, { body: { entries: [{ network: BAD }] } })
      assert.deepEqual([status, Problem.parse(JSON.parse(body)).code], [503, 'E_STORE'])
      assert.equal(await isServed(daemon, BAD), true)
    })
  })

  describe('signals of upstreams', () => {
    async function signal(daemon: Daemon, body: object, service = 'web') {
      const answer = await daemon.ask('POST', signalsPath(service), { body: { reason: 'failed logins', ...body } })
      return { status: answer.status, body: JSON.parse(answer.body) as unknown }
    }

    async function bans(daemon: Daemon): Promise<readonly BanView[]> {
      return BanList.parse(JSON.parse((await daemon.get('/api/v1/bans')).body)).bans
    }

    it('the client that is named by address is banned, and its connections end', async () => {
      const daemon = await start()
      const client = await openClient(daemon, BAD)
      const other = await openClient(daemon, GOOD)
      const { status, body } = await signal(daemon, { client: BAD, ttlMs: 60_000 })
      assert.deepEqual([status, SignalAnswer.parse(body).prefix], [200, BAD])
      assert.equal((await client.receiveAll()).ending, 'reset')
      assert.equal((await daemon.lineOf(client)).reason, 'banned')
      assert.equal(await isServed(daemon, BAD), false)
      await other.write('again')
      await other.receiveText('helloagain')
      const [ban] = await bans(daemon)
      assert.deepEqual([ban.origin, ban.why, ban.by], ['signals', 'failed logins', 'local for web'])
      await daemon.waitForMetric('tidegate_bans_total', { origin: 'signals' }, 1)
    })

    it('the client that is named by the id of its connection, as the upstream got it, is banned', async () => {
      const received = Promise.withResolvers<Buffer>()
      const upstream = await Upstream.listen({
        // The header with addresses, CRC32C and UNIQUE_ID.
        onConnection: (peer) => void peer.receive(16 + 12 + 7 + 27).then(received.resolve),
      })
      open.push({ stop: () => upstream.close() })
      const daemon = await start({
        names: ['web', 'mail'],
        service: { upstreams: [upstream.address.text], mode: 'proxy-v2', proxyHeader: { uniqueId: true } },
      })
      const client = await Peer.connect(daemon.addressOf(), { localAddress: BAD })
      await client.write('hello')
      const text = (await received.promise).toString('latin1')
      const connection = /[\da-f]{24}/.exec(text)?.[0] ?? assert.fail(text)
      const elsewhere = await signal(daemon, { connection }, 'mail')
      assert.deepEqual([elsewhere.status, Problem.parse(elsewhere.body).code], [404, 'E_NOT_FOUND'])
      const { status, body } = await signal(daemon, { connection })
      assert.deepEqual([status, SignalAnswer.parse(body).prefix], [200, BAD])
      assert.equal((await client.receiveAll()).ending, 'reset')
      assert.equal((await daemon.lineOf(client)).reason, 'banned')
      assert.equal((await signal(daemon, { connection })).status, 404)
    })

    it('behind a proxy in front it is the client in its header, not the proxy', async () => {
      const daemon = await start({ service: { acceptProxyFrom: ['127.0.9.9'] } })
      const client = await Peer.connect(daemon.addressOf(), { localAddress: '127.0.9.9' })
      const header = buildV2({ addresses: v4Addresses('203.0.113.7', 1, '192.0.2.80', 443) })
      client.socket.write(Buffer.concat([header, Buffer.from('hello')]))
      await client.receiveText('hello')
      assert.equal((await signal(daemon, { client: '203.0.113.7' })).status, 200)
      assert.equal((await client.receiveAll()).ending, 'reset')
      const { status, body } = await signal(daemon, { client: '127.0.9.9' })
      assert.deepEqual([status, Problem.parse(body).code], [409, 'E_NEVER_BANNED'])
    })

    it('never the allow list, own addresses, upstreams; a ban that ends later stays as it is', async () => {
      const daemon = await start({ protect: { allow: ['127.0.3.0/24'] }, service: { upstreams: ['127.0.4.4:9'] } })
      for (const [client, why] of [
        ['127.0.3.9', /is on the allow list, and is not banned/],
        ['127.0.0.1', /is an address of this machine/],
        ['127.0.4.4', /is the address of an upstream/],
      ] as const) {
        const { status, body } = await signal(daemon, { client })
        assert.deepEqual([status, Problem.parse(body).code], [409, 'E_NEVER_BANNED'])
        assert.match(Problem.parse(body).detail, why)
      }
      await daemon.ask('POST', '/api/v1/bans', { body: { prefixes: ['127.0.1.0/24'], ttlMs: 0 } })
      const answer = SignalAnswer.parse((await signal(daemon, { client: BAD })).body)
      assert.deepEqual(answer, { prefix: '127.0.1.0/24', until: null, changed: false })
      assert.equal((await bans(daemon)).length, 1)
    })
  })
})

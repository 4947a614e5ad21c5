/** Who is banned is refused on every worker at once, and what was open ends: by hand, for strikes, over restarts, never those we live from. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, it } from 'node:test'
import { BanChangeAnswer, BanList, type BanView } from '../../src/api/contract.ts'
import { temporaryFolder, type TestService } from '../harness/config.ts'
import { Daemon } from '../harness/daemon.ts'
import { waitFor } from '../harness/deadline.ts'
import { isServed, openClient } from '../harness/echo-client.ts'
import { forEachEngine } from '../harness/engines.ts'
import { Peer } from '../harness/peer.ts'
import { buildV2, v4Addresses } from '../harness/proxy-header.ts'
import { tidegate } from '../harness/tidegate.ts'
import { echo, Upstream } from '../harness/upstream.ts'

/** One that is banned, and one that is not. */
const BAD = '127.0.1.7'
const GOOD = '127.0.2.7'
/** The strikes for unused connections that make one whole strike. */
const UNUSED_PER_STRIKE = 100
/** One strike is enough, and nobody is allowed for being on loopback. */
const PROTECT = { allow: [], bans: { strikes: 1, within: '1h' } }

forEachEngine((engine) => {
  const open: { stop(): void | Promise<void> }[] = []

  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one.stop()
  })

  interface Start {
    readonly protect?: Record<string, unknown>
    readonly stateDir?: string
    readonly service?: Partial<TestService>
  }

  async function start({ protect = PROTECT, stateDir, service = {} }: Start = {}): Promise<Daemon> {
    const upstream = await Upstream.listen({ onConnection: echo })
    open.push({ stop: () => upstream.close() })
    const services = [{ upstreams: [upstream.address.text], ...service }]
    const admin = { stateDir: stateDir ?? join(temporaryFolder(), 'state') }
    const daemon = await Daemon.start({ engine, admin, protect, services })
    open.push(daemon)
    return daemon
  }

  /** Over the admin API: starting a command takes longer than some bans here last. */
  async function ask(daemon: Daemon, method: 'POST' | 'DELETE', request: object): Promise<BanChangeAnswer> {
    const { body } = await daemon.ask(method, '/api/v1/bans', { body: request })
    return BanChangeAnswer.parse(JSON.parse(body))
  }

  async function ban(daemon: Daemon, prefixes: string[], rest: object = {}): Promise<void> {
    const { changed, refused, stored } = await ask(daemon, 'POST', { prefixes, ttlMs: 0, ...rest })
    assert.deepEqual([changed, refused, stored], [prefixes.length, [], true])
  }

  async function bans(daemon: Daemon): Promise<readonly BanView[]> {
    const { body } = await daemon.get('/api/v1/bans')
    return BanList.parse(JSON.parse(body)).bans
  }

  async function banOf(daemon: Daemon, prefix: string): Promise<BanView> {
    return await waitFor(`a ban of ${prefix}`, async () => (await bans(daemon)).find((ban) => ban.prefix === prefix))
  }

  /** Opens and closes connections without a byte, until all their strikes are counted. */
  async function misbehave(daemon: Daemon, localAddress: string, header?: Buffer): Promise<void> {
    const before = (await daemon.metrics()).sum('tidegate_strikes_total', { kind: 'unused' })
    const dials = 'tidegate_upstream_connect_seconds_count'
    for (let i = 0; i < UNUSED_PER_STRIKE; i += 20) {
      const dialled = (await daemon.metrics()).sum(dials)
      const clients = await Promise.all(
        Array.from({ length: 20 }, () => Peer.connect(daemon.addressOf(), { localAddress })),
      )
      if (header !== undefined) for (const client of clients) client.socket.write(header)
      // Not by what is open: an upstream of the clients before may be counted a moment longer than they see.
      await daemon.waitForMetric(dials, {}, dialled + clients.length)
      for (const client of clients) client.finish()
      for (const client of clients) await client.receiveAll()
    }
    await daemon.waitForMetric('tidegate_strikes_total', { kind: 'unused' }, before + UNUSED_PER_STRIKE)
  }

  describe('by hand', () => {
    it('a ban refuses on all workers at once, and ends what is open; others are served; remove takes it back', async () => {
      const daemon = await start()
      const clients = await Promise.all(Array.from({ length: 40 }, () => openClient(daemon, BAD)))
      const other = await openClient(daemon, GOOD)
      const { code, stdout, stderr } = await tidegate(daemon, 'bans', 'add', BAD, '--comment', 'a test')
      assert.deepEqual([code, stdout, stderr], [0, '1 banned; there is 1 ban now.\n', ''])
      for (let i = 0; i < 40; i++) assert.equal(await isServed(daemon, BAD), false)
      for (const client of clients) {
        assert.equal((await client.receiveAll()).ending, 'reset')
        assert.equal((await daemon.lineOf(client)).reason, 'banned')
      }
      await daemon.waitForMetric('tidegate_connections_closed_total', { reason: 'banned' }, clients.length)
      await daemon.waitForMetric('tidegate_refused_total', { reason: 'refused-ban' }, 40)
      await daemon.waitForMetric('tidegate_bans_active', { origin: 'manual' }, 1)
      await other.write('again')
      await other.receiveText('helloagain')
      const said = daemon.lines.find(({ event }) => event === 'banned')
      assert.deepEqual(
        [said?.['prefix'], said?.['why'], said?.['by'], said?.['origin']],
        [BAD, 'a test', 'local', 'manual'],
      )
      assert.equal((await ask(daemon, 'DELETE', { prefixes: [BAD] })).changed, 1)
      assert.equal(await isServed(daemon, BAD), true)
      await daemon.waitForMetric('tidegate_bans_active', {}, 0)
    })

    it('a prefix bans all in it; many come from a file, with comments; the longer ban of two counts', async () => {
      const daemon = await start()
      const file = join(temporaryFolder(), 'list.txt')
      writeFileSync(file, '# neighbours\n127.0.1.0/24 ; all of them\n\n2001:db8::7\n')
      const added = await tidegate(daemon, 'bans', 'add', '--file', file, '--ttl', 'forever', '127.0.1.9')
      assert.deepEqual([added.code, added.stdout], [0, '3 banned; there are 3 bans now.\n'])
      assert.equal(await isServed(daemon, BAD), false)
      assert.deepEqual(
        (await bans(daemon)).map(({ prefix, until }) => [prefix, until]),
        [
          ['2001:db8::/64', null],
          ['127.0.1.0/24', null],
          ['127.0.1.9', null],
        ],
      )
      const { code, stderr } = await tidegate(daemon, 'bans', 'remove', BAD, '127.0.1.0/24')
      assert.deepEqual([code, stderr], [1, `${BAD} is not banned by itself, but with 127.0.1.0/24.\n`])
      assert.equal(await isServed(daemon, BAD), true)
      assert.equal(await isServed(daemon, '127.0.1.9'), false)
      assert.match((await tidegate(daemon, 'bans', 'flush')).stdout, /^2 unbanned; there are 0 bans now\.$/m)
      assert.equal(await isServed(daemon, '127.0.1.9'), true)
    })

    it('a ban ends by itself when its time is over', async () => {
      const daemon = await start()
      await ban(daemon, [BAD], { ttlMs: 4000 })
      assert.equal(await isServed(daemon, BAD), false)
      await waitFor('the end of the ban', () => isServed(daemon, BAD))
      await daemon.waitForMetric('tidegate_bans_active', {}, 0)
      assert.deepEqual(await bans(daemon), [])
    })

    it('never ourselves, upstreams, the allow list, a proxy in front, nor half of the world by a slip', async () => {
      const daemon = await start({
        protect: { allow: ['127.0.3.0/24'] },
        service: { upstreams: ['127.0.4.4:9', '127.0.4.5:9'], acceptProxyFrom: ['127.0.5.0/28'] },
      })
      const cases: [string, RegExp][] = [
        ['127.0.0.1', /^127\.0\.0\.1 is an address of this machine, and is never banned\.$/m],
        ['127.0.0.0/16', /^127\.0\.0\.0\/16 has an address of this machine in it/m],
        ['127.0.4.5', /^127\.0\.4\.5 is the address of an upstream/m],
        ['127.0.4.0/24', /has the address of an upstream in it/],
        ['127.0.3.9', /is on the allow list/],
        ['127.0.3.128/25', /is on the allow list/],
        ['127.0.5.1', /is a proxy in front/],
        ['64.0.0.0/7', /is wider than a \/8, to be banned by force only \(--force, "force": true\)/],
        ['192.0.2.1/24', /has bits set beyond its length; perhaps 192\.0\.2\.0\/24 is meant/],
        ['example.net', /is neither an address nor a prefix/],
      ]
      const { code, stderr } = await tidegate(daemon, 'bans', 'add', ...cases.map(([prefix]) => prefix))
      assert.equal(code, 1)
      const said = stderr.split('\n')
      for (const [i, [prefix, why]] of cases.entries()) assert.match(said[i], why, prefix)
      await ban(daemon, ['64.0.0.0/7'], { force: true })
      assert.deepEqual(
        (await bans(daemon)).map(({ prefix }) => prefix),
        ['64.0.0.0/7'],
      )
    })

    it('an address of the allow list is let in, and stays in, whatever is banned around it', async () => {
      const daemon = await start({ protect: { allow: ['127.0.1.9'] } })
      const friend = await openClient(daemon, '127.0.1.9')
      const other = await openClient(daemon, BAD)
      await ban(daemon, ['127.0.1.0/24'])
      assert.equal((await other.receiveAll()).ending, 'reset')
      await friend.write('again')
      await friend.receiveText('helloagain')
      assert.equal(await isServed(daemon, '127.0.1.9'), true)
    })

    it('wrong usage says what is right', async () => {
      const daemon = await start()
      const cases: [string[], RegExp][] = [
        [['add'], /Say which addresses/],
        [['add', BAD, '--ttl', '10'], /--ttl 10 has no unit/],
        [['add', BAD, '--file', '/nowhere/list'], /can't be read: ENOENT/],
        [['flush', '--origin', 'strike'], /expected manual, strikes, neighbours, signals/],
        [['list', '--covering', 'x'], /x is neither an address nor a prefix/],
      ]
      const answers = await Promise.all(cases.map(([args]) => tidegate(daemon, 'bans', ...args)))
      for (const [i, { code, stdout, stderr }] of answers.entries()) {
        assert.deepEqual([code, stdout], [2, ''], cases[i][0].join(' '))
        assert.match(stderr, cases[i][1])
      }
    })

    it('check-ip tells the ban', async () => {
      const daemon = await start()
      await ban(daemon, ['127.0.1.0/24'], { comment: 'scanner' })
      const { stdout } = await tidegate(daemon, 'check-ip', BAD)
      assert.match(stdout, /127\.0\.1\.0\/24 is banned since \S+ for good, by local: scanner\./)
    })
  })

  describe('over a restart', () => {
    it('bans hold until they end or are removed; the file is for us alone', async () => {
      const stateDir = join(temporaryFolder(), 'state')
      const daemon = await start({ stateDir })
      assert.equal(existsSync(join(stateDir, 'bans.json')), false)
      await ban(daemon, [BAD, '127.0.1.8'], { comment: 'before' })
      // What was answered is on the disk, whatever happens next.
      daemon.kill()
      await daemon.exited
      assert.equal(statSync(join(stateDir, 'bans.json')).mode & 0o777, 0o600)
      const again = await start({ stateDir })
      assert.equal(await isServed(again, BAD), false)
      assert.deepEqual(
        (await bans(again)).map(({ prefix, why }) => [prefix, why]),
        [
          ['127.0.1.8', 'before'],
          [BAD, 'before'],
        ],
      )
      assert.equal((await ask(again, 'DELETE', { all: true })).changed, 2)
      await again.stop()
      assert.equal(await isServed(await start({ stateDir }), BAD), true)
    })

    it('who is an upstream or allowed by then is banned no more', async () => {
      const stateDir = join(temporaryFolder(), 'state')
      const daemon = await start({ stateDir })
      await ban(daemon, [BAD, GOOD])
      await daemon.stop()
      const again = await start({ stateDir, protect: { allow: [BAD] } })
      assert.equal(await isServed(again, BAD), true)
      assert.deepEqual(
        (await bans(again)).map(({ prefix }) => prefix),
        [GOOD],
      )
      assert.ok(again.lines.some(({ event, prefixes }) => event === 'unbanned' && String(prefixes) === BAD))
    })

    it('a damaged file stops nothing: the log says so, and it is kept for a look', async () => {
      const stateDir = temporaryFolder()
      const file = join(stateDir, 'bans.json')
      writeFileSync(file, '{"version":1,"bans":[{"prefix":"192.0.2.1"')
      const daemon = await start({ stateDir })
      const said = daemon.lines.find(({ event }) => event === 'bans-not-read')
      assert.deepEqual([said?.['file'], said?.['movedTo']], [file, `${file}.damaged`])
      await ban(daemon, [BAD])
      assert.match(readFileSync(file, 'utf8'), /"prefix":"127\.0\.1\.7"/)
    })

    it('where nothing can be stored the ban holds all the same, and both log and command say so', async () => {
      const stateDir = join(temporaryFolder(), 'state')
      writeFileSync(stateDir, 'a file where the folder would be')
      const daemon = await start({ stateDir })
      assert.match((await tidegate(daemon, 'bans', 'add', BAD)).stderr, /^Warning: this could not be stored/m)
      assert.equal(await isServed(daemon, BAD), false)
      assert.ok(daemon.lines.some(({ event }) => event === 'bans-not-stored'))
    })
  })

  describe('for strikes', () => {
    it('who misbehaves is banned for a time, the next time for twice as long', async () => {
      const daemon = await start({ protect: { ...PROTECT, bans: { ...PROTECT.bans, ttl: '1s' } } })
      await misbehave(daemon, BAD)
      const first = await daemon.waitForLine('a ban', ({ event }) => event === 'banned')
      assert.equal(first['prefix'], BAD)
      assert.match(String(first['why']), /^1 strikes?, the last for unused on web$/)
      assert.equal(lengthMs(first), 1000)
      await waitFor('the end of the ban', () => isServed(daemon, BAD))
      await misbehave(daemon, BAD)
      const second = await daemon.waitForLine('another', ({ event, repeated }) => event === 'banned' && repeated === 1)
      assert.equal(lengthMs(second), 2000)
      await daemon.waitForMetric('tidegate_bans_total', { origin: 'strikes' }, 2)
      assert.equal(await isServed(daemon, GOOD), true)
    })

    it('neighbours that are banned one after the other have all of their /24 banned', async () => {
      const prefix = { rule: 'on', after: 3, within: '1h' }
      const daemon = await start({ protect: { ...PROTECT, bans: { ...PROTECT.bans, prefix } } })
      const open = await openClient(daemon, '127.0.1.200')
      for (const address of ['127.0.1.1', '127.0.1.2']) {
        await misbehave(daemon, address)
        await banOf(daemon, address)
      }
      assert.equal(await isServed(daemon, '127.0.1.99'), true)
      await misbehave(daemon, '127.0.1.3')
      const ban = await banOf(daemon, '127.0.1.0/24')
      assert.deepEqual([ban.origin, ban.why], ['neighbours', '3 of its sources were banned'])
      assert.equal(await isServed(daemon, '127.0.1.99'), false)
      assert.equal((await open.receiveAll()).ending, 'reset')
      assert.equal(await isServed(daemon, GOOD), true)
    })

    it('with the rule on watch it is counted and said, and everybody is served', async () => {
      const daemon = await start({ protect: { ...PROTECT, bans: { ...PROTECT.bans, rule: 'watch' } } })
      const open = await openClient(daemon, BAD)
      await misbehave(daemon, BAD)
      assert.equal((await banOf(daemon, BAD)).watched, true)
      assert.equal(await isServed(daemon, BAD), true)
      await open.write('again')
      await open.receiveText('helloagain')
      await daemon.waitForMetric('tidegate_watched_total', { reason: 'refused-ban' }, 1)
      await daemon.waitForMetric('tidegate_bans_watched_total', { origin: 'strikes' }, 1)
      await daemon.waitForMetric('tidegate_bans_active', {}, 0)
    })

    it('never those whom nobody may ban, nor those who are spared', async () => {
      const protect = { allow: ['127.0.1.1'], bans: { ...PROTECT.bans, spare: ['127.0.1.2'] } }
      const daemon = await start({ protect, service: { acceptProxyFrom: ['127.0.9.0/24'] } })
      for (const address of ['127.0.0.1', '127.0.1.1', '127.0.1.2']) await misbehave(daemon, address)
      await misbehave(daemon, BAD)
      await banOf(daemon, BAD)
      assert.deepEqual(
        (await bans(daemon)).map(({ prefix }) => prefix),
        [BAD],
      )
      await daemon.waitForMetric('tidegate_bans_spared_total', {}, 3)
    })

    it('the address in a PROXY header that is believed is banned, not the proxy in front', async () => {
      const daemon = await start({ service: { acceptProxyFrom: ['127.0.9.9'] } })
      const header = (client: string): Buffer => buildV2({ addresses: v4Addresses(client, 1, '192.0.2.80', 443) })
      await misbehave(daemon, '127.0.9.9', header('203.0.113.7'))
      await banOf(daemon, '203.0.113.7')
      const visit = async (client: string): Promise<string> => {
        const peer = await Peer.connect(daemon.addressOf(), { localAddress: '127.0.9.9' })
        peer.socket.on('error', () => {})
        peer.socket.end(Buffer.concat([header(client), Buffer.from('hello')]))
        return (await peer.receiveAll()).bytes.toString()
      }
      assert.deepEqual([await visit('203.0.113.7'), await visit('203.0.113.8')], ['', 'hello'])
      assert.deepEqual(
        (await bans(daemon)).map(({ prefix }) => prefix),
        ['203.0.113.7'],
      )
    })

    it('other rules hold from the next reload on', async () => {
      const daemon = await start({ protect: { ...PROTECT, bans: { ...PROTECT.bans, rule: 'off' } } })
      await misbehave(daemon, BAD)
      daemon.editConfig((text) => text.replace('"rule": "off"', '"rule": "on"'))
      assert.equal((await tidegate(daemon, 'reload')).code, 0)
      assert.deepEqual(await bans(daemon), [])
      await misbehave(daemon, BAD)
      await banOf(daemon, BAD)
    })
  })
})

function lengthMs({ time, until }: Record<string, unknown>): number {
  // The line is written in the same turn, which may be a long one on a busy machine.
  return Math.round((Date.parse(String(until)) - Date.parse(String(time))) / 1000) * 1000
}

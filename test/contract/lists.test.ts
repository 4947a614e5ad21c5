/** Allow and deny lists: who is on one, is let in or refused before anything is allocated, and lists change under traffic. */
import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, afterEach, before, describe, it } from 'node:test'
import { address } from '../harness/address.ts'
import { temporaryFolder, writeConfig } from '../harness/config.ts'
import { Daemon, runTidegate } from '../harness/daemon.ts'
import { isServed } from '../harness/echo-client.ts'
import { forEachEngine } from '../harness/engines.ts'
import { Peer } from '../harness/peer.ts'
import { echo, Upstream } from '../harness/upstream.ts'

/** Clients of our own, in the networks that the lists of these tests name. */
const STRANGER = '127.0.2.1'
const NEIGHBOUR = '127.0.3.1'

forEachEngine((engine) => {
  describe('lists', () => {
    const open: { stop(): void | Promise<void> }[] = []
    let upstream: Upstream
    let shared: Daemon

    before(async () => {
      upstream = await Upstream.listen({ onConnection: echo })
      shared = await Daemon.start({ engine, services: [{ upstreams: [upstream.address.text] }] })
    })
    afterEach(async () => {
      for (const one of open.splice(0).reverse()) await one.stop()
      upstream.forget()
      await shared.waitForMetric('tidegate_connections_open', {}, 0)
    })
    after(async () => {
      await shared.stop()
      upstream.close()
    })

    /** The daemon of all tests, with these lists. */
    async function start(protect: Record<string, unknown>, service: object = {}): Promise<Daemon> {
      await shared.serve({ upstreams: [upstream.address.text], ...service }, protect)
      return shared
    }

    async function refused(daemon: Daemon, reason = 'refused-deny-list'): Promise<number> {
      return (await daemon.metrics()).sum('tidegate_refused_total', { reason })
    }

    async function reload(daemon: Daemon, protect: Record<string, unknown>): Promise<string> {
      daemon.editConfig((text) => {
        const config = JSON.parse(text) as { protect: { firewall: object } }
        return JSON.stringify({ ...config, protect: { firewall: config.protect.firewall, ...protect } })
      })
      return (await daemon.post('/api/v1/reload')).body
    }

    it('who is denied is reset, and nobody else is', async () => {
      const daemon = await start({ allow: [], deny: ['127.0.2.0/24'] })
      assert.equal(await isServed(daemon, STRANGER), false)
      assert.equal(await isServed(daemon, NEIGHBOUR), true)
      assert.equal(await refused(daemon), 1)
      const metrics = await daemon.metrics()
      assert.equal(metrics.sum('tidegate_connections_total'), 1)
      assert.equal(metrics.sum('tidegate_list_entries', { list: 'protect.deny', action: 'deny' }), 1)
    })

    it('allow wins over deny, whichever prefix is longer', async () => {
      const daemon = await start({ allow: ['127.0.0.0/22'], deny: ['127.0.2.1', '127.0.0.0/8'] })
      assert.equal(await isServed(daemon, STRANGER), true)
      assert.equal(await isServed(daemon, '127.0.9.1'), false)
    })

    it('without a word about it, this machine itself is allowed', async () => {
      const daemon = await start({ deny: ['127.0.0.0/8'] })
      assert.equal(await isServed(daemon, STRANGER), true)
    })

    it('an IPv4 client of an IPv6 listener is on the lists of IPv4', async () => {
      const services = [{ listen: ['*:0'], upstreams: [upstream.address.text] }]
      const daemon = await Daemon.start({ engine, protect: { allow: [], deny: ['127.0.2.1'] }, services })
      open.push(daemon)
      const port = daemon.addressOf().port
      const served = async (localAddress: string): Promise<boolean> => {
        const client = await Peer.connect(address('127.0.0.1', port), { localAddress })
        await client.write('hello').catch(() => {})
        const text = await client.receiveText('hello').then(
          () => true,
          () => false,
        )
        client.reset()
        return text
      }
      assert.equal(await served(STRANGER), false)
      assert.equal(await served(NEIGHBOUR), true)
    })

    it('behind a proxy, the address in its header is looked up too', async () => {
      const protect = { allow: [], deny: ['192.0.2.0/24', '2001:db8::/32'] }
      const daemon = await start(protect, { acceptProxyFrom: ['127.0.0.0/8'] })
      assert.equal(await isServed(daemon, NEIGHBOUR, 'PROXY TCP4 192.0.2.9 203.0.113.1 1 2\r\n'), false)
      assert.equal(await isServed(daemon, NEIGHBOUR, 'PROXY TCP6 2001:db8::9 2001:db8::1 1 2\r\n'), false)
      assert.equal(await isServed(daemon, NEIGHBOUR, 'PROXY TCP4 198.51.100.9 203.0.113.1 1 2\r\n'), true)
      const closed = 'tidegate_connections_closed_total'
      await daemon.waitForMetric(closed, { reason: 'refused-deny-list' }, 2)
      await daemon.waitForLine('its line', ({ client, reason }) => {
        return client === '192.0.2.9:1' && reason === 'refused-deny-list'
      })
    })

    it('refuse: close ends who is denied in order', async () => {
      const daemon = await start({ allow: [], deny: ['127.0.2.1'] }, { protect: { refuse: 'close' } })
      const client = await Peer.connect(daemon.addressOf(), { localAddress: STRANGER })
      assert.equal((await client.receiveAll()).ending, 'fin')
    })

    it('a reload changes lists, and open connections stay', async () => {
      const daemon = await start({ allow: [], deny: [] })
      const client = await Peer.connect(daemon.addressOf(), { localAddress: STRANGER })
      await client.write('before')
      await client.receiveText('before')
      assert.match(await reload(daemon, { allow: [], deny: ['127.0.2.0/24'] }), /protect\.deny/)
      assert.equal(await isServed(daemon, STRANGER), false)
      await client.write('after')
      await client.receiveText('beforeafter')
      client.finish()
      assert.equal((await client.receiveAll()).ending, 'fin')
      await reload(daemon, { allow: [], deny: [] })
      assert.equal(await isServed(daemon, STRANGER), true)
    })

    it('a list file: bad lines name themselves, the rest holds, and a change of the file is taken over', async () => {
      const file = join(temporaryFolder(), 'drop.txt')
      writeFileSync(file, '; Spamhaus DROP List\n127.0.2.0/24 ; SBL123\n127.0.3.0/25 x\n')
      const lists = [{ file, action: 'deny' }]
      const daemon = await start({ allow: [], lists })
      const bad = daemon.lines.find(({ event }) => event === 'list-bad-lines')
      assert.match(JSON.stringify(bad), /drop\.txt:3: .*has more than one word/)
      assert.equal(await isServed(daemon, STRANGER), false)
      assert.equal(await isServed(daemon, NEIGHBOUR), true)
      writeFileSync(file, '127.0.3.0/24\n')
      await daemon.waitForMetric('tidegate_list_bad_lines', { list: 'drop.txt' }, 0)
      assert.equal(await isServed(daemon, STRANGER), true)
      assert.equal(await isServed(daemon, NEIGHBOUR), false)
      rmSync(file)
      const lost = await daemon.waitForLine('the lost file', ({ event }) => event === 'list-not-read')
      assert.match(String(lost['reason']), /there is no such file/)
      assert.equal(await isServed(daemon, NEIGHBOUR), false)
      await reload(daemon, { allow: [], lists })
      assert.equal(await isServed(daemon, NEIGHBOUR), false)
      assert.equal((await daemon.metrics()).sum('tidegate_list_stale', { list: 'drop.txt' }), 1)
    })

    it('a reload with a list that was never read changes nothing, and names the place', async () => {
      const daemon = await start({ allow: [], deny: ['127.0.2.1'] })
      const answer = await reload(daemon, { lists: [{ file: 'missing.txt', action: 'deny' }] })
      assert.match(answer, /protect\.lists\[0\]\.file: .*missing\.txt.* cannot be read: there is no such file/)
      assert.equal(await isServed(daemon, STRANGER), false)
    })

    it('check-ip and lists say where an entry comes from', async () => {
      const file = join(temporaryFolder(), 'drop.txt')
      writeFileSync(file, '# none\n192.0.2.0/24 ; SBL123\n192.0.2.0/33\n')
      const daemon = await start({ allow: ['192.0.2.7'], lists: [{ file, action: 'deny', name: 'drop' }] })
      const admin = ['--admin', `127.0.0.1:${daemon.adminAddress.port}`]
      const denied = await runTidegate(['check-ip', '192.0.2.9', ...admin])
      assert.equal(denied.code, 0)
      assert.match(denied.output, /192\.0\.2\.9 is refused \(refused-deny-list\)/)
      assert.match(denied.output, /192\.0\.2\.0\/24 of list drop \(.*drop\.txt:2\): SBL123/)
      const allowed = JSON.parse((await daemon.get('/api/v1/check-ip?address=192.0.2.7')).body) as {
        verdict: string
        findings: { code: string }[]
      }
      assert.equal(allowed.verdict, 'allowed')
      assert.deepEqual(
        allowed.findings.map(({ code }) => code),
        ['allowed', 'denied'],
      )
      const own = await runTidegate(['check-ip', '127.0.0.1', '--json', ...admin])
      assert.match(own.output, /"upstream".*"own-address"/)
      assert.equal((await runTidegate(['check-ip', '192.0.2', ...admin])).code, 2)
      assert.equal((await daemon.get('/api/v1/check-ip?address=x')).status, 400)
      const lists = await runTidegate(['lists', ...admin])
      assert.match(lists.output, /drop +deny +1 +1 /)
      assert.match(lists.output, /drop\.txt:3: .*prefix length 33/)
    })
  })
})

describe('check of lists', () => {
  function configWith(protect: Record<string, unknown>): string {
    return writeConfig(temporaryFolder(), { protect, services: [{ upstreams: ['203.0.113.1:1'] }] })
  }

  it('counts entries, warns of lines and of networks on both sides, and ends with 0', async () => {
    const file = configWith({ allow: ['192.0.2.0/24'], lists: [{ file: 'drop.txt', action: 'deny' }] })
    writeFileSync(join(dirname(file), 'drop.txt'), '192.0.2.0/24\n192.0.2.1/24\n')
    const { code, output } = await runTidegate(['check', '-c', file])
    assert.equal(code, 0)
    assert.match(output, /list drop\.txt: 1 entry to deny, 1 line left out/)
    assert.match(output, /warning: .*drop\.txt:2: "192\.0\.2\.1\/24" has address bits beyond its prefix/)
    assert.match(
      output,
      /warning: 192\.0\.2\.0\/24 is allowed \(.*tidegate\.yaml:\d+\) and denied \(.*drop\.txt:1\); allow wins/,
    )
  })

  it('a file that is not there is an error with its place, at the start too', async () => {
    const file = configWith({ lists: [{ file: 'missing.txt', action: 'deny' }] })
    for (const command of ['check', 'run']) {
      const { code, output } = await runTidegate([command, '-c', file])
      assert.equal(code, 2)
      assert.match(
        output,
        /tidegate\.yaml:\d+:\d+: protect\.lists\[0\]\.file: .*missing\.txt.*no such file.*E_CONFIG_LIST/,
      )
    }
  })

  it('a page that is no list at all is an error', async () => {
    const file = configWith({ lists: [{ file: 'page.html', action: 'deny' }] })
    writeFileSync(join(dirname(file), 'page.html'), '<html>\n<h1>404 Not Found</h1>\n')
    const { code, output } = await runTidegate(['check', '-c', file])
    assert.equal(code, 2)
    assert.match(output, /has no line that can be read; line 1: "<html>" is not an address/)
  })
})

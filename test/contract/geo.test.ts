/** Clients by country and by AS, from databases of the operator's own: refused, watched, behind a proxy, and databases change. */
import assert from 'node:assert/strict'
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, describe, it } from 'node:test'
import { CheckIpAnswer } from '../../src/api/contract.ts'
import { address } from '../harness/address.ts'
import { temporaryFolder, type TestConfig, writeConfig } from '../harness/config.ts'
import { Daemon, runTidegate } from '../harness/daemon.ts'
import { isServed } from '../harness/echo-client.ts'
import { forEachEngine } from '../harness/engines.ts'
import { mmdb, type MmdbNetworks } from '../harness/mmdb.ts'
import { Peer } from '../harness/peer.ts'
import { echo, Upstream } from '../harness/upstream.ts'

/** Clients of our own, and where the databases of these tests say that they are. */
const GERMAN = '127.0.2.1'
const FRENCH = '127.0.3.1'
const NOWHERE = '127.0.9.1'
const COUNTRIES: MmdbNetworks = {
  '127.0.2.0/24': { country: { iso_code: 'DE', names: { en: 'Germany' } } },
  '127.0.3.0/24': { country: { iso_code: 'FR' } },
  '198.51.100.0/24': { country: { iso_code: 'DE' } },
  '2001:db8::/32': { country: { iso_code: 'DE' } },
}
const ASNS: MmdbNetworks = {
  '127.0.2.0/24': { autonomous_system_number: 64_496 },
  '127.0.3.0/24': { autonomous_system_number: 64_497 },
}
const DAY_MS = 24 * 60 * 60 * 1000

forEachEngine((engine) => {
  describe('countries and AS numbers', () => {
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

    function fileOf(name: string, bytes: Buffer): string {
      const file = join(temporaryFolder(), name)
      writeFileSync(file, bytes)
      return file
    }

    /** The daemon of all tests, with these rules. */
    async function start(protect: Record<string, unknown>, service: object): Promise<Daemon> {
      await shared.serve({ upstreams: [upstream.address.text], ...service }, { allow: [], ...protect })
      return shared
    }

    async function byCountry(countries: object, service: object = {}): Promise<Daemon> {
      const countryDatabase = fileOf('country.mmdb', mmdb(COUNTRIES))
      return await start({ countryDatabase }, { ...service, protect: { countries } })
    }

    async function connect(daemon: Daemon, localAddress: string): Promise<Peer> {
      const client = await Peer.connect(daemon.addressOf(), { localAddress })
      open.push({ stop: () => client.destroy() })
      return client
    }

    async function areServed(daemon: Daemon, ...addresses: string[]): Promise<boolean[]> {
      const served: boolean[] = []
      for (const from of addresses) served.push(await isServed(daemon, from))
      return served
    }

    async function sum(daemon: Daemon, metric: string, reason: string): Promise<number> {
      return (await daemon.metrics()).sum(metric, { reason })
    }

    it('who is in a denied country is reset, and nobody else is', async () => {
      const daemon = await byCountry({ deny: ['DE'] })
      assert.deepEqual(await areServed(daemon, GERMAN, FRENCH, NOWHERE), [false, true, true])
      assert.equal(await sum(daemon, 'tidegate_refused_total', 'refused-country'), 1)
    })

    it('where countries are allowed, all others are refused, and those of nowhere too', async () => {
      const daemon = await byCountry({ allow: ['DE', 'US'] })
      assert.deepEqual(await areServed(daemon, GERMAN, FRENCH, NOWHERE), [true, false, false])
      assert.equal(await sum(daemon, 'tidegate_refused_total', 'refused-country'), 2)
    })

    it('unknown says what becomes of those of nowhere', async () => {
      const admitting = await byCountry({ allow: ['DE'], unknown: 'admit' })
      assert.deepEqual(await areServed(admitting, GERMAN, FRENCH, NOWHERE), [true, false, true])
      const refusing = await byCountry({ deny: ['DE'], unknown: 'refuse' })
      assert.deepEqual(await areServed(refusing, GERMAN, FRENCH, NOWHERE), [false, true, false])
    })

    it('rules about AS numbers, one file for both', async () => {
      const both = { '127.0.2.0/24': { country_code: 'DE', country: 'Germany', asn: 'AS64496' } }
      const file = fileOf('lite.mmdb', mmdb(both, { ipVersion: 4 }))
      const databases = { countryDatabase: file, asnDatabase: file }
      const daemon = await start(databases, { protect: { countries: { allow: ['DE'] }, asns: { deny: ['AS64496'] } } })
      assert.deepEqual(await areServed(daemon, GERMAN, FRENCH), [false, false])
      assert.equal(await sum(daemon, 'tidegate_refused_total', 'refused-asn'), 1)
      assert.equal(await sum(daemon, 'tidegate_refused_total', 'refused-country'), 1)
    })

    it('a rule on watch counts and lets in', async () => {
      const daemon = await start(
        { asnDatabase: fileOf('asn.mmdb', mmdb(ASNS)) },
        { protect: { asns: { rule: 'watch', allow: [64_496] } } },
      )
      assert.deepEqual(await areServed(daemon, GERMAN, FRENCH), [true, true])
      assert.equal(await sum(daemon, 'tidegate_watched_total', 'refused-asn'), 1)
      assert.equal(await sum(daemon, 'tidegate_refused_total', 'refused-asn'), 0)
    })

    it('all clients of one AS share its limit, and what they had taken comes back', async () => {
      const asnDatabase = fileOf('asn.mmdb', mmdb({ ...ASNS, '192.0.2.0/24': { autonomous_system_number: 64_496 } }))
      const own = { acceptProxyFrom: ['127.0.9.0/24'], protect: { perAsn: { connections: 2 } } }
      const daemon = await start({ asnDatabase }, own)
      const stays = await connect(daemon, GERMAN)
      const behindProxy = await connect(daemon, NOWHERE)
      await behindProxy.write('PROXY TCP4 192.0.2.9 203.0.113.1 1 2\r\nhello')
      await behindProxy.receiveText('hello')
      await stays.write('hello')
      await stays.receiveText('hello')
      assert.deepEqual(await areServed(daemon, '127.0.2.2', FRENCH), [false, true])
      const { body } = await daemon.get('/api/v1/check-ip?address=127.0.2.2')
      const over = CheckIpAnswer.parse(JSON.parse(body)).findings.find(({ code }) => code === 'over-limit')
      assert.equal(
        over?.text,
        'Service web: its AS (AS64496) has 2 of 2 connections open; the next is refused (refused-asn-connections).',
      )
      assert.equal(await isServed(daemon, NOWHERE, 'PROXY TCP4 192.0.2.8 203.0.113.1 1 2\r\n'), false)
      assert.equal(await sum(daemon, 'tidegate_refused_total', 'refused-asn-connections'), 1)
      behindProxy.finish()
      await behindProxy.receiveAll()
      await daemon.waitForMetric('tidegate_connections_open', { service: 'web' }, 1)
      assert.equal(await isServed(daemon, '127.0.2.2'), true)
    })

    it('the allow list is above countries, and the deny list before them', async () => {
      const countryDatabase = fileOf('country.mmdb', mmdb(COUNTRIES))
      const protect = { countryDatabase, allow: [GERMAN], deny: ['127.0.2.2'] }
      const daemon = await start(protect, { protect: { countries: { deny: ['DE'] } } })
      assert.deepEqual(await areServed(daemon, GERMAN, '127.0.2.2', '127.0.2.3'), [true, false, false])
      assert.equal(await sum(daemon, 'tidegate_refused_total', 'refused-deny-list'), 1)
    })

    it('behind a proxy, the address in its header counts, and not that of the proxy', async () => {
      const daemon = await byCountry({ deny: ['DE'] }, { acceptProxyFrom: ['127.0.2.0/24'] })
      assert.equal(await isServed(daemon, GERMAN, 'PROXY TCP4 203.0.113.9 203.0.113.1 1 2\r\n'), true)
      assert.equal(await isServed(daemon, GERMAN, 'PROXY UNKNOWN\r\n'), true)
      assert.equal(await isServed(daemon, GERMAN, 'PROXY TCP4 198.51.100.9 203.0.113.1 1 2\r\n'), false)
      assert.equal(await isServed(daemon, GERMAN, 'PROXY TCP6 2001:db8::9 2001:db8::1 1 2\r\n'), false)
      await daemon.waitForMetric('tidegate_connections_closed_total', { reason: 'refused-country' }, 2)
      assert.equal(await isServed(daemon, FRENCH), true)
    })

    it('an IPv4 client of an IPv6 listener is looked up as IPv4', async () => {
      const protect = { allow: [], countryDatabase: fileOf('country.mmdb', mmdb(COUNTRIES)) }
      const own = { listen: ['*:0'], protect: { countries: { deny: ['DE'] } } }
      const daemon = await Daemon.start({ engine, protect, services: [{ upstreams: [upstream.address.text], ...own }] })
      open.push(daemon)
      const to = address('127.0.0.1', daemon.addressOf().port)
      const client = await Peer.connect(to, { localAddress: GERMAN })
      assert.equal((await client.receiveAll()).ending, 'reset')
      assert.equal(await sum(daemon, 'tidegate_refused_total', 'refused-country'), 1)
    })

    it('a database that changes is taken over, a damaged one keeps what was, and open connections stay', async () => {
      const countryDatabase = fileOf('country.mmdb', mmdb(COUNTRIES))
      const replace = (bytes: Buffer): void => {
        writeFileSync(`${countryDatabase}.new`, bytes)
        renameSync(`${countryDatabase}.new`, countryDatabase)
      }
      const daemon = await start({ countryDatabase }, { protect: { countries: { deny: ['DE'] } } })
      const stays = await connect(daemon, FRENCH)
      await stays.write('before')
      await stays.receiveText('before')
      replace(mmdb({ '127.0.3.0/24': { country: { iso_code: 'DE' } } }, { type: 'Second' }))
      await daemon.waitForLine('the new database', ({ event, type }) => event === 'database-read' && type === 'Second')
      assert.deepEqual(await areServed(daemon, GERMAN, FRENCH), [true, false])
      replace(mmdb(COUNTRIES).subarray(0, 40))
      const lost = await daemon.waitForLine('the damaged one', ({ event }) => event === 'database-not-read')
      assert.match(String(lost['reason']), /is no MaxMind DB file/)
      assert.deepEqual(await areServed(daemon, GERMAN, FRENCH), [true, false])
      assert.equal((await daemon.metrics()).sum('tidegate_database_stale', { database: 'country' }), 1)
      await stays.write('after')
      await stays.receiveText('beforeafter')
    })

    it('a reload brings a database and takes it away', async () => {
      const daemon = await start({}, {})
      const reload = async (protect: object, own: object): Promise<string> => {
        daemon.editConfig((text) => {
          const config = JSON.parse(text) as { protect: { firewall?: object }; services: object[] }
          const services = [{ ...config.services[0], protect: own }]
          const base = { allow: [], firewall: config.protect.firewall }
          return JSON.stringify({ ...config, protect: { ...base, ...protect }, services })
        })
        return (await daemon.post('/api/v1/reload')).body
      }
      const countryDatabase = fileOf('country.mmdb', mmdb(COUNTRIES))
      assert.match(await reload({ countryDatabase }, { countries: { deny: ['DE'] } }), /protect\.countryDatabase/)
      assert.deepEqual(await areServed(daemon, GERMAN, FRENCH), [false, true])
      assert.match(await reload({}, { countries: { deny: ['DE'] } }), /protect\.countryDatabase.*names none/)
      assert.match(await reload({ countryDatabase: 'none.mmdb' }, {}), /none\.mmdb.* there is no such file/)
      assert.deepEqual(await areServed(daemon, GERMAN, FRENCH), [false, true])
      await reload({}, {})
      assert.deepEqual(await areServed(daemon, GERMAN, FRENCH), [true, true])
    })

    it('an old database says so, in the log and as a metric', async () => {
      const builtAtMs = Math.floor(Date.now() / 1000) * 1000 - 91 * DAY_MS
      const asnDatabase = fileOf('asn.mmdb', mmdb(ASNS, { builtAtMs }))
      const daemon = await start({ asnDatabase }, { protect: { asns: { deny: [1] } } })
      const old = daemon.lines.find(({ event }) => event === 'database-old')
      assert.match(String(old?.['msg']), /asn\.mmdb was built 91 days ago/)
      const metrics = await daemon.metrics()
      assert.equal(metrics.sum('tidegate_database_built_timestamp_seconds', { database: 'asn' }), builtAtMs / 1000)
    })

    it('check-ip says country, AS, and which service refuses them', async () => {
      const databases = {
        countryDatabase: fileOf('country.mmdb', mmdb(COUNTRIES)),
        asnDatabase: fileOf('asn.mmdb', mmdb(ASNS)),
      }
      const daemon = await start(databases, { protect: { countries: { deny: ['DE'] }, asns: { deny: [64_497] } } })
      const admin = ['--admin', `127.0.0.1:${daemon.adminAddress.port}`]
      const german = await runTidegate(['check-ip', GERMAN, ...admin])
      assert.match(german.output, /127\.0\.2\.1 is refused \(refused-country\)/)
      assert.match(german.output, /country +DE, by .*country\.mmdb/)
      assert.match(german.output, /asn +AS64496/)
      assert.match(german.output, /country-rule +service web refuses it \(protect\.countries\)/)
      const french = await runTidegate(['check-ip', FRENCH, ...admin])
      assert.match(french.output, /is refused \(refused-asn\)/)
      const nowhere = await runTidegate(['check-ip', NOWHERE, ...admin])
      assert.match(nowhere.output, /is let in as long as limits allow/)
      assert.match(nowhere.output, /country +unknown/)
    })
  })
})

describe('check of databases', () => {
  function configWith(protect: Record<string, unknown>, own: object): string {
    return writeConfig(temporaryFolder(), { protect, services: [{ upstreams: ['203.0.113.1:1'], protect: own }] })
  }

  it('a file that is not there, or is none, is an error with its place', async () => {
    const config: TestConfig['protect'] = { countryDatabase: 'country.mmdb' }
    const file = configWith(config, { countries: { deny: ['DE'] } })
    const missing = await runTidegate(['check', '-c', file])
    assert.equal(missing.code, 2)
    assert.match(missing.output, /tidegate\.yaml:\d+:\d+: protect\.countryDatabase: .*no such file.*E_CONFIG_DATABASE/)
    const database = join(file, '..', 'country.mmdb')
    writeFileSync(database, mmdb(ASNS, { type: 'GeoLite2-ASN' }))
    const other = await runTidegate(['check', '-c', file])
    assert.match(other.output, /is a MaxMind DB \("GeoLite2-ASN"\) with no countries in it/)
    writeFileSync(database, mmdb(COUNTRIES, { builtAtMs: Date.now() - 100.5 * DAY_MS }))
    const old = await runTidegate(['check', '-c', file])
    assert.equal(old.code, 0)
    assert.match(old.output, /warning: .*country\.mmdb was built 100 days ago/)
    rmSync(database)
  })
})

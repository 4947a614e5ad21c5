import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Config } from '../config/config.ts'
import { parseConfig } from '../config/load.ts'
import { ConfigError } from '../config/problem.ts'
import { dnsError, FakeNetwork, settled } from './fake-network.ts'
import type { HostnameEvent } from './hostname-state.ts'
import { LOOKUP_MS_MAX, LOOKUPS_AT_ONCE_MAX, UpstreamAddresses } from './upstream-addresses.ts'

function configWith(...upstreams: readonly string[]): Config {
  const list = upstreams.map((upstream) => `      - "${upstream}"`).join('\n')
  const text = `services:\n  - name: a\n    mode: raw\n    listen: [ "192.0.2.1:443" ]\n    upstreams:\n${list}\n`
  return parseConfig(text, 'tidegate.yaml', {})
}

const DB = 'db.example:443'

/** Resolved and started, with all that it told. */
async function started(network: FakeNetwork, ...upstreams: readonly string[]) {
  const addresses = await UpstreamAddresses.resolve(configWith(...upstreams), network)
  const events: HostnameEvent[] = []
  const changes: (readonly string[])[] = []
  addresses.start(
    (current) => changes.push(current.get('db.example') ?? []),
    (event) => events.push(event),
  )
  return { addresses, events, changes, now: () => addresses.current.get('db.example') }
}

describe('at the start', () => {
  test('addresses of both IP versions are taken, IPv4 first', async () => {
    const network = new FakeNetwork({ 'db.example': { ipv6: ['2001:db8::1'], ipv4: ['203.0.113.1', '203.0.113.2'] } })
    const addresses = await UpstreamAddresses.resolve(configWith(DB), network)
    assert.deepEqual([...addresses.current], [['db.example', ['203.0.113.1', '203.0.113.2', '2001:db8::1']]])
    assert.equal(network.timers, 0)
  })

  test('IP addresses are not looked up', async () => {
    const network = new FakeNetwork()
    const addresses = await UpstreamAddresses.resolve(configWith('203.0.113.1:443', '[2001:db8::1]:443'), network)
    assert.deepEqual([[...addresses.current], network.lookups], [[], []])
  })

  test('a name that several upstreams use is looked up once', async () => {
    const network = new FakeNetwork({ 'db.example': { ipv4: ['203.0.113.1'] } })
    await UpstreamAddresses.resolve(configWith('db.example:1', 'db.example:2', 'DB.example:3'), network)
    assert.equal(network.lookups.length, 1)
  })

  test('every name without an address is an error at its place in the file', async () => {
    const network = new FakeNetwork({
      'good.example': { ipv4: ['203.0.113.1'] },
      'bad.example': { ipv4: dnsError('ENOTFOUND'), ipv6: dnsError('ENOTFOUND') },
      'broken.example': { ipv4: dnsError('ESERVFAIL'), ipv6: dnsError('ETIMEOUT'), system: dnsError('EAI_AGAIN') },
    })
    const config = configWith('bad.example:443', 'good.example:443', 'broken.example:443')
    await assert.rejects(UpstreamAddresses.resolve(config, network), (error: unknown) => {
      assert.ok(error instanceof ConfigError)
      assert.deepEqual(error.format().split('\n'), [
        'tidegate.yaml:6:9: services[0].upstreams[0]: "bad.example" does not resolve to an address (DNS: ENOTFOUND; system: ENOTFOUND); check the name and the name server, or write an IP address [E_CONFIG_UNRESOLVED]',
        'tidegate.yaml:8:9: services[0].upstreams[2]: "broken.example" does not resolve to an address (DNS: ESERVFAIL for IPv4, ETIMEOUT for IPv6; system: EAI_AGAIN); check the name and the name server, or write an IP address [E_CONFIG_UNRESOLVED]',
      ])
      return true
    })
  })

  test('a resolver that never answers is an error after a while', async () => {
    const network = new FakeNetwork({ 'db.example': { silent: true } })
    const resolving = assert.rejects(UpstreamAddresses.resolve(configWith(DB), network), /no answer within 15 s/)
    await network.pass(LOOKUP_MS_MAX)
    await resolving
  })

  test('a name that leads back to its own service is an error', async () => {
    const network = new FakeNetwork({ 'db.example': { ipv4: ['203.0.113.1', '192.0.2.1'] } })
    await assert.rejects(
      UpstreamAddresses.resolve(configWith(DB), network),
      /listener of its own service.*E_CONFIG_LOOP/,
    )
  })

  test('an upstream that is this machine, on a port where its own service listens, is an error', async () => {
    const text = 'services: [{ name: a, mode: raw, listen: ["*:443"], upstreams: ["198.51.100.1:443"] }]'
    const config = parseConfig(text, 't', {})
    await assert.rejects(UpstreamAddresses.resolve(config, new FakeNetwork()), /E_CONFIG_LOOP/)
  })

  test('a name without an address of a version that sourceAddresses has is an error', async () => {
    const network = new FakeNetwork({ 'db.example': { ipv6: ['2001:db8::1'] } })
    const text =
      'services: [{ name: a, mode: raw, listen: ["*:1"], upstreams: [db.example:1], sourceAddresses: [192.0.2.9] }]'
    const config = parseConfig(text, 'tidegate.yaml', {})
    await assert.rejects(UpstreamAddresses.resolve(config, network), /IPv6 addresses only.*E_CONFIG_SOURCE_FAMILY/)
  })

  test('no more lookups run at once than allowed', async () => {
    const hostnames = Array.from({ length: 60 }, (_, i) => `h${i}.example`)
    const network = new FakeNetwork(Object.fromEntries(hostnames.map((name) => [name, { ipv4: ['203.0.113.1'] }])))
    const { promise, resolve } = Promise.withResolvers<void>()
    network.gate = promise
    const services = [hostnames.slice(0, 30), hostnames.slice(30)].map((names, i) => {
      const upstreams = names.map((name) => `${name}:443`).join(', ')
      return `{ name: s${i}, mode: raw, listen: ["*:0"], upstreams: [${upstreams}] }`
    })
    const resolving = UpstreamAddresses.resolve(parseConfig(`services: [${services.join(', ')}]`, 't', {}), network)
    await settled()
    assert.equal(network.lookupsUnderWay, LOOKUPS_AT_ONCE_MAX)
    resolve()
    assert.equal((await resolving).current.size, 60)
    assert.equal(network.lookupsUnderWayMax, LOOKUPS_AT_ONCE_MAX)
  })
})

describe('the order of sources', () => {
  test('the hosts file goes before DNS', async () => {
    const network = new FakeNetwork({ 'db.example': { hosts: ['203.0.113.9'], ipv4: ['203.0.113.1'] } })
    const { now } = await started(network, DB)
    assert.deepEqual([now(), network.lookups], [['203.0.113.9'], []])
  })

  test('the system is asked where DNS knows nothing', async () => {
    const network = new FakeNetwork({ 'db.example': { system: ['203.0.113.5', '203.0.113.5', 'fe80::1%eth0'] } })
    const { now } = await started(network, DB)
    assert.deepEqual(now(), ['203.0.113.5'])
  })

  test('answers that nothing can be connected to are as good as none', async () => {
    const network = new FakeNetwork({ 'db.example': { ipv4: ['0.0.0.0'], ipv6: ['::'], system: ['203.0.113.5'] } })
    const { now } = await started(network, DB)
    assert.deepEqual(now(), ['203.0.113.5'])
  })

  test('IPv4-mapped addresses are IPv4', async () => {
    const network = new FakeNetwork({ 'db.example': { ipv6: ['::ffff:203.0.113.7'] } })
    const { now } = await started(network, DB)
    assert.deepEqual(now(), ['203.0.113.7'])
  })
})

describe('while running', () => {
  test('a name is looked up again when its TTL is over, and a new set is told', async () => {
    const network = new FakeNetwork({ 'db.example': { ipv4: ['203.0.113.1'], ttlSeconds: 20 } })
    const { addresses, changes, events, now } = await started(network, DB)
    const before = addresses.current
    network.names.set('db.example', { ipv4: ['203.0.113.2'], ttlSeconds: 20 })
    await network.pass(19_999)
    assert.deepEqual([changes, now()], [[], ['203.0.113.1']])
    await network.pass(1)
    assert.deepEqual(changes, [['203.0.113.2']])
    assert.deepEqual(events, [
      { kind: 'changed', hostname: 'db.example', added: ['203.0.113.2'], removed: ['203.0.113.1'] },
    ])
    assert.deepEqual(before.get('db.example'), ['203.0.113.1'], 'a map that was handed out never changes')
  })

  const TTLS: readonly (readonly [ttlSeconds: number, lookedUpAfterMs: number])[] = [
    [0, 1_000],
    [1, 1_000],
    [300, 300_000],
    [86_400, 3_600_000],
  ]
  for (const [ttlSeconds, afterMs] of TTLS) {
    test(`a TTL of ${ttlSeconds} s means a lookup after ${afterMs} ms`, async () => {
      const network = new FakeNetwork({ 'db.example': { ipv4: ['203.0.113.1'], ttlSeconds } })
      await started(network, DB)
      await network.pass(afterMs)
      assert.deepEqual(
        network.lookups.map(({ atMs }) => atMs),
        [0, afterMs],
      )
    })
  }

  test('addresses without a TTL are looked up after 30 s', async () => {
    const network = new FakeNetwork({ 'db.example': { system: ['203.0.113.1'] } })
    await started(network, DB)
    await network.pass(30_000)
    assert.deepEqual(network.lookups.at(-1), { hostname: 'db.example', atMs: 30_000 })
  })

  test('lookups are spread by up to a tenth', async () => {
    const network = new FakeNetwork({ 'db.example': { ipv4: ['203.0.113.1'], ttlSeconds: 100 } })
    network.randomValue = 0.5
    await started(network, DB)
    await network.pass(200_000)
    assert.deepEqual(network.lookups.at(1)?.atMs, 105_000)
  })

  test('the same addresses in another order are no change, and keep their order', async () => {
    const network = new FakeNetwork({ 'db.example': { ipv4: ['203.0.113.1', '203.0.113.2', '203.0.113.3'] } })
    const { changes, events, now } = await started(network, DB)
    network.names.set('db.example', { ipv4: ['203.0.113.3', '203.0.113.1', '203.0.113.2'] })
    await network.pass(60_000)
    assert.deepEqual([changes, events], [[], []])
    network.names.set('db.example', { ipv4: ['203.0.113.4', '203.0.113.3', '203.0.113.1'] })
    await network.pass(60_000)
    assert.deepEqual(now(), ['203.0.113.1', '203.0.113.3', '203.0.113.4'])
  })

  test('a failed lookup keeps the addresses, is told once, and is retried ever more slowly', async () => {
    const network = new FakeNetwork({ 'db.example': { ipv4: ['203.0.113.1'] } })
    const { changes, events, now } = await started(network, DB)
    network.names.set('db.example', { ipv4: dnsError('ETIMEOUT'), ipv6: dnsError('ETIMEOUT') })
    await network.pass(60_000 + 200_000)
    assert.deepEqual([changes, now()], [[], ['203.0.113.1']])
    assert.deepEqual(events, [
      {
        kind: 'lookup-failed',
        hostname: 'db.example',
        reason: 'DNS: ETIMEOUT; system: ENOTFOUND',
        kept: ['203.0.113.1'],
      },
    ])
    const times = network.lookups.map(({ atMs }) => atMs)
    const waits = times.slice(2).map((atMs, i) => atMs - times[i + 1])
    assert.deepEqual(waits, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000])
  })

  test('a name that no longer exists keeps its addresses too', async () => {
    const network = new FakeNetwork({ 'db.example': { ipv4: ['203.0.113.1'] } })
    const { changes, now } = await started(network, DB)
    network.names.delete('db.example')
    await network.pass(60_000)
    assert.deepEqual([changes, now()], [[], ['203.0.113.1']])
  })

  test('recovery is told, and a change only if there is one', async () => {
    const network = new FakeNetwork({ 'db.example': { ipv4: ['203.0.113.1'] } })
    const { changes, events } = await started(network, DB)
    network.names.set('db.example', { ipv4: dnsError('ESERVFAIL'), ipv6: dnsError('ESERVFAIL') })
    await network.pass(60_000)
    network.names.set('db.example', { ipv4: ['203.0.113.1'] })
    await network.pass(1_000)
    assert.deepEqual(
      events.map(({ kind }) => kind),
      ['lookup-failed', 'lookup-recovered'],
    )
    assert.deepEqual(changes, [])
    network.names.set('db.example', {})
    await network.pass(60_000)
    network.names.set('db.example', { ipv4: ['203.0.113.2'] })
    await network.pass(1_000)
    assert.deepEqual(
      events.slice(2).map(({ kind }) => kind),
      ['lookup-failed', 'lookup-recovered', 'changed'],
    )
    assert.deepEqual(changes, [['203.0.113.2']])
  })

  test('an IP version whose query failed keeps its addresses, one that says there is none loses them', async () => {
    const network = new FakeNetwork({ 'db.example': { ipv4: ['203.0.113.1'], ipv6: ['2001:db8::1'] } })
    const { now } = await started(network, DB)
    network.names.set('db.example', { ipv4: ['203.0.113.2'], ipv6: dnsError('ETIMEOUT') })
    await network.pass(60_000)
    assert.deepEqual(now(), ['2001:db8::1', '203.0.113.2'])
    network.names.set('db.example', { ipv4: ['203.0.113.2'], ipv6: dnsError('ENODATA') })
    await network.pass(60_000)
    assert.deepEqual(now(), ['203.0.113.2'])
  })

  test('a lookup without an answer is given up, and the next one works', async () => {
    const network = new FakeNetwork({ 'db.example': { ipv4: ['203.0.113.1'] } })
    const { events, now } = await started(network, DB)
    network.names.set('db.example', { silent: true })
    await network.pass(60_000 + LOOKUP_MS_MAX)
    assert.equal(events.at(-1)?.kind, 'lookup-failed')
    network.names.set('db.example', { ipv4: ['203.0.113.2'] })
    await network.pass(1_000)
    assert.deepEqual(now(), ['203.0.113.2'])
  })

  test('a name with very many addresses keeps some of them, those it had first', async () => {
    const pool = (from: number): string[] => Array.from({ length: 60 }, (_, i) => `203.0.113.${from + i}`)
    const network = new FakeNetwork({ 'db.example': { ipv4: pool(1) } })
    const { changes, now } = await started(network, DB)
    assert.equal(now()?.length, 60)
    network.names.set('db.example', { ipv4: pool(1).toReversed() })
    await network.pass(60_000)
    assert.deepEqual(changes, [])
  })

  test('addresses that lead back to Tidegate are not taken', async () => {
    const text = 'services: [{ name: a, mode: raw, listen: ["*:443"], upstreams: ["db.example:443"] }]'
    const network = new FakeNetwork({ 'db.example': { ipv4: ['203.0.113.1'] } })
    const addresses = await UpstreamAddresses.resolve(parseConfig(text, 't', {}), network)
    const told: string[] = []
    addresses.start(
      () => told.push('change'),
      (event) => told.push(event.kind === 'lookup-failed' ? event.reason : event.kind),
    )
    network.names.set('db.example', { ipv4: ['198.51.100.1'] })
    await network.pass(62_000)
    assert.deepEqual(told, [
      'upstream services[0].upstreams[0] is a listener of its own service; every connection would go round without end',
    ])
    network.names.set('db.example', { ipv4: ['203.0.113.2'] })
    await network.pass(10_000)
    assert.deepEqual(told.slice(1), ['lookup-recovered', 'changed', 'change'])
    assert.deepEqual(addresses.current.get('db.example'), ['203.0.113.2'])
  })

  test('after stop nothing is looked up, and an answer under way is not told', async () => {
    const network = new FakeNetwork({ 'db.example': { ipv4: ['203.0.113.1'] } })
    const { addresses, changes } = await started(network, DB)
    network.names.set('db.example', { ipv4: ['203.0.113.2'] })
    const { promise, resolve } = Promise.withResolvers<void>()
    network.gate = promise
    await network.pass(60_000)
    assert.equal(network.lookupsUnderWay, 1)
    addresses.stop()
    resolve()
    await network.pass(1_000_000)
    assert.deepEqual([changes, network.lookups.length, network.timers], [[], 2, 0])
  })

  test('stop before the first lookup takes its timer back', async () => {
    const network = new FakeNetwork({ 'db.example': { ipv4: ['203.0.113.1'] } })
    const { addresses } = await started(network, DB)
    assert.equal(network.timers, 1)
    addresses.stop()
    assert.equal(network.timers, 0)
  })
})

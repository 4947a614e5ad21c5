import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatSocketAddress } from '../../lib/ip.ts'
import { CANDIDATES_MAX } from '../../traffic/tables.ts'
import type { Service } from '../../traffic/tables.ts'
import type { Config } from './config.ts'
import { parseConfig } from './load.ts'
import { makeNetworkRules } from './make-network-rules.ts'
import { makeSourceRules } from './make-source-limits.ts'
import { capacityFor, makeTables } from './make-tables.ts'
import { StableSlots } from './stable-slots.ts'
import type { ResolvedAddresses } from './upstream-ips.ts'

interface ServiceText {
  readonly name?: string
  readonly listen?: string
  readonly upstreams?: string
  readonly rest?: string
}

function configOf(...services: readonly ServiceText[]): Config {
  const lines = services.map(({ name = 'a', listen = '"*:0"', upstreams = '203.0.113.1:443', rest = '' }) => {
    return `  - { name: ${name}, mode: proxy-v2, listen: [${listen}], upstreams: [${upstreams}]${rest} }`
  })
  return parseConfig(`services:\n${lines.join('\n')}\n`, 't', {})
}

function slotsFor(config: Config): StableSlots {
  return new StableSlots(capacityFor(config).addresses)
}

function addresses(names: Readonly<Record<string, readonly string[]>> = {}): ResolvedAddresses {
  return new Map(Object.entries(names))
}

function candidatesOf(service: Service): string[] {
  const nameByIndex = new Map(service.upstreams.map(({ index, name }) => [index, name]))
  return service.candidates.map(
    (candidate) => `${nameByIndex.get(candidate.upstreamIndex)} ${formatSocketAddress(candidate.address)}`,
  )
}

test('a service comes out whole, and survives structured clone', () => {
  const config = configOf({
    listen: '"0.0.0.0:443", "*:444"',
    upstreams: '"[2001:db8::1]:443", { address: "203.0.113.1:443", name: spare }',
    rest: ', idleTimeout: 10m, acceptProxyFrom: [192.0.2.0/24]',
  })
  const tables = makeTables(config, addresses(), slotsFor(config), 7)
  const { clientSocket, upstreamSocket, acceptProxyFrom, protect, ...service } = tables.services[0]
  const { services } = config
  const share = { weight: 1, backup: false, maxConnections: 0 }
  assert.deepEqual([tables.version, tables.logConnections], [7, 'all'])
  assert.deepEqual(service, {
    index: 0,
    name: 'a',
    mode: 'proxy-v2',
    listeners: [
      { index: 0, address: { family: 4, address: '0.0.0.0', port: 443 }, dualStack: false },
      { index: 1, address: { family: 6, address: '::', port: 444 }, dualStack: true },
    ],
    upstreams: [
      { index: 0, name: '[2001:db8::1]:443', share },
      { index: 1, name: 'spare', share },
    ],
    candidates: [
      { upstreamIndex: 0, addressIndex: 0, address: { family: 6, address: '2001:db8::1', port: 443 }, share },
      { upstreamIndex: 1, addressIndex: 1, address: { family: 4, address: '203.0.113.1', port: 443 }, share },
    ],
    balance: 'ordered',
    slowStartMs: 0,
    affinity: null,
    maxConnections: 0,
    whenAllDown: 'try-all',
    onDown: 'keep',
    queue: { max: 0, timeoutMs: 5_000, perClient: 10, memory: undefined },
    outlier: { failures: 5, ejectForMs: 30_000, ejectForMsMax: 300_000, ejectedPercentMax: 50 },
    onFailure: 'reset',
    connectTimeoutMs: 5_000,
    hedgeAfterMs: 0,
    idleTimeoutMs: 600_000,
    halfClosedTimeoutMs: 60_000,
    maxLifetimeMs: 0,
    retryFailedAfterMs: 10_000,
    sourceAddresses: [],
    proxyHeader: { crc32c: true, uniqueId: true, tlsHello: true },
    acceptProxyTimeoutMs: 5_000,
  })
  assert.deepEqual(
    [clientSocket, upstreamSocket, acceptProxyFrom, protect],
    [
      services[0].clientSocket,
      services[0].upstreamSocket,
      services[0].acceptProxyFrom,
      { ...services[0].protect, ...makeSourceRules(services[0].protect), ...makeNetworkRules(services[0].protect) },
    ],
  )
  assert.deepEqual(structuredClone(tables), tables)
})

test('a hostname gives a candidate for each of its addresses, in order', () => {
  const config = configOf({ upstreams: 'db.example:1, 203.0.113.9:2' })
  const { services } = makeTables(
    config,
    addresses({ 'db.example': ['203.0.113.2', '2001:db8::2'] }),
    slotsFor(config),
    1,
  )
  assert.deepEqual(candidatesOf(services[0]), [
    'db.example:1 203.0.113.2:1',
    'db.example:1 [2001:db8::2]:1',
    '203.0.113.9:2 203.0.113.9:2',
  ])
})

test('an address is tried once in a service, for the first upstream that has it; another port is another address', () => {
  const config = configOf({ upstreams: 'one.example:1, two.example:1, two.example:2' })
  const known = addresses({ 'one.example': ['203.0.113.1'], 'two.example': ['203.0.113.1', '203.0.113.2'] })
  assert.deepEqual(candidatesOf(makeTables(config, known, slotsFor(config), 1).services[0]), [
    'one.example:1 203.0.113.1:1',
    'two.example:1 203.0.113.2:1',
    'two.example:2 203.0.113.1:2',
    'two.example:2 203.0.113.2:2',
  ])
})

test('too many addresses are cut with a warning, and every upstream keeps one', () => {
  const pool = (net: number): string[] => Array.from({ length: 200 }, (_, i) => `198.51.${net}.${i}`)
  const config = configOf({ upstreams: 'one.example:1, two.example:1, none.example:1, 203.0.113.9:1' })
  const warnings: string[] = []
  const known = addresses({ 'one.example': pool(1), 'two.example': pool(101) })
  const tables = makeTables(config, known, slotsFor(config), 1, (message) => warnings.push(message))
  const candidates = candidatesOf(tables.services[0])
  assert.equal(candidates.length, CANDIDATES_MAX)
  assert.deepEqual(
    ['one', 'two', '203'].map((start) => candidates.filter((candidate) => candidate.startsWith(start)).length),
    [200, 55, 1],
  )
  assert.deepEqual(warnings, ['Service a has 401 upstream addresses and 256 are tried; 145 are left out'])
})

test('addresses that no source address can reach are left out', () => {
  const config = configOf({ upstreams: 'db.example:1', rest: ', sourceAddresses: [192.0.2.1]' })
  const tables = makeTables(config, addresses({ 'db.example': ['2001:db8::1', '203.0.113.1'] }), slotsFor(config), 1)
  assert.deepEqual(candidatesOf(tables.services[0]), ['db.example:1 203.0.113.1:1'])
})

test('two listeners on any free port are two listeners', () => {
  const config = configOf({ listen: '"127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:1"' })
  const [service] = makeTables(config, addresses(), slotsFor(config), 1).services
  assert.deepEqual(
    service.listeners.map(({ index }) => index),
    [0, 1, 2],
  )
})

test('indices stay with their names when services come, go and change places', () => {
  const both = configOf(
    { name: 'a', upstreams: 'db.example:1' },
    { name: 'b', upstreams: '203.0.113.1:443, db.example:1' },
  )
  const slots = slotsFor(both)
  const first = makeTables(both, addresses({ 'db.example': ['203.0.113.5', '203.0.113.6'] }), slots, 1)
  makeTables(configOf({ name: 'b' }), addresses(), slots, 2)
  const turned = configOf(
    { name: 'b', upstreams: 'db.example:1, 203.0.113.1:443' },
    { name: 'c' },
    { name: 'a', upstreams: 'db.example:1' },
  )
  const third = makeTables(turned, addresses({ 'db.example': ['203.0.113.6', '203.0.113.5'] }), slots, 3)
  const placesOf = ({ index, listeners, upstreams, candidates }: Service) => ({
    index,
    listeners: listeners.map((listener) => listener.index),
    upstreams: upstreams.map((upstream) => `${upstream.name} ${upstream.index}`).toSorted(),
    candidates: candidates
      .map(({ address, addressIndex }) => `${formatSocketAddress(address)} ${addressIndex}`)
      .toSorted(),
  })
  const byName = (services: readonly Service[], name: string) =>
    placesOf(services.find((service) => service.name === name)!)
  assert.deepEqual(byName(third.services, 'a'), byName(first.services, 'a'))
  assert.deepEqual(byName(third.services, 'b'), byName(first.services, 'b'))
  assert.equal(byName(third.services, 'c').index, 2)
  const addressIndices = third.services.flatMap(({ candidates }) => candidates.map(({ addressIndex }) => addressIndex))
  assert.equal(new Set(addressIndices).size, addressIndices.length)
})

test('a hostname that goes through new addresses without end stays within the shared memory', () => {
  const config = configOf({ upstreams: 'db.example:1, 203.0.113.1:443' })
  const slots = slotsFor(config)
  const pinned = makeTables(config, addresses({ 'db.example': ['198.51.100.1'] }), slots, 1).services[0].candidates[1]
    .addressIndex
  for (let version = 2; version < 500; version++) {
    const pool = Array.from({ length: CANDIDATES_MAX - 1 }, (_, i) => `10.${version >> 8}.${version & 255}.${i}`)
    const { candidates } = makeTables(config, addresses({ 'db.example': pool }), slots, version).services[0]
    const indices = candidates.map(({ addressIndex }) => addressIndex)
    assert.equal(new Set(indices).size, CANDIDATES_MAX)
    assert.ok(indices.every((index) => index < slots.addresses.capacity))
    assert.equal(indices.at(-1), pinned, 'what is in use keeps its place')
  }
})

test('what a service knows of its clients stays with it from tables to tables, as long as its size does', () => {
  const configWith = (affinity: string) => configOf({ rest: `, affinity: ${affinity}` })
  const config = configWith('{ max: 100 }')
  const slots = slotsFor(config)
  const memoryOf = (text: string, version: number): SharedArrayBuffer | undefined =>
    makeTables(configWith(text), addresses(), slots, version).services[0].affinity?.memory
  const first = memoryOf('{ max: 100 }', 1)
  assert.ok(first !== undefined)
  assert.equal(memoryOf('{ max: 100, ttl: 1h }', 2), first)
  const other = memoryOf('{ max: 101 }', 3)
  assert.notEqual(other, first)
  assert.equal(memoryOf('none', 4), undefined)
  assert.notEqual(memoryOf('{ max: 101 }', 5), other, 'memory nobody uses is let go')
})

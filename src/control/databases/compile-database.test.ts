import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { Reader } from 'mmdb-lib'
import { header, mmdb, mmdbOf, type MmdbOptions, type MmdbValue, nodeBytes } from '../../../test/harness/mmdb.ts'
import { Random } from '../../../test/harness/random.ts'
import { countryNumber } from '../../lib/country-code.ts'
import { formatIp, parseIp } from '../../lib/ip.ts'
import { LEAF_INTS, NetworkDatabase } from '../../traffic/admit/network-database.ts'
import { UnusableFile } from '../read-whole-file.ts'
import { makeDatabase } from './read-database.ts'

async function databaseOf(bytes: Buffer, kind: 'country' | 'asn'): Promise<NetworkDatabase> {
  return new NetworkDatabase((await makeDatabase(bytes, kind)).memory)
}

function lookUp(database: NetworkDatabase, text: string): { readonly country: number; readonly asn: number } {
  const address = parseIp(text)!
  database.find(address, 0, address.length === 4 ? 4 : 6)
  return { country: database.country, asn: database.asn }
}

const ipv4 = fc.uint8Array({ minLength: 4, maxLength: 4 })
const ipv6 = fc.uint8Array({ minLength: 16, maxLength: 16 })
/** Few first bytes, so that networks nest and addresses hit them. */
const crowded = (address: Uint8Array): Uint8Array => address.map((byte, i) => (i < 2 ? byte % 3 : byte))
const address = fc.oneof(ipv4, ipv6, ipv4.map(crowded), ipv6.map(crowded))

function network(bytes: Uint8Array, length: number): string {
  const prefixLength = length % (bytes.length * 8 + 1)
  const own = bytes.map((byte, i) => byte & (0xff00 >> Math.min(8, Math.max(0, prefixLength - i * 8))))
  return `${formatIp(own)}/${prefixLength}`
}

const record = fc.oneof(
  fc.record({ country: fc.record({ geoname_id: fc.nat(), iso_code: fc.constantFrom('DE', 'FR', 'US') }) }),
  fc.record({
    country_code: fc.constantFrom('DE', 'GB'),
    country: fc.constant('Germany'),
    asn: fc.constant('AS64496'),
  }),
  fc.record({ autonomous_system_number: fc.constantFrom(1, 64_496, 4_200_000_000), as_name: fc.string() }),
  fc.record({ country: fc.constantFrom('NL', 'Netherlands', '') }),
)
const options: fc.Arbitrary<MmdbOptions> = fc.record({
  recordBits: fc.constantFrom(24, 28, 32),
  ipVersion: fc.constantFrom(4, 6),
  hasPointers: fc.boolean(),
})
const networks = fc.array(fc.tuple(address, fc.nat(128), record), { minLength: 1, maxLength: 30 })

interface AnyRecord {
  readonly country?: string | { readonly iso_code: string }
  readonly country_code?: string
  readonly asn?: string
  readonly autonomous_system_number?: number
}

function countryOf(found: AnyRecord | null): number {
  if (typeof found?.country === 'object') return countryNumber(found.country.iso_code)
  return countryNumber(found?.country_code ?? found?.country ?? '')
}

function asnOf(found: AnyRecord | null): number {
  return found?.autonomous_system_number ?? Number(found?.asn?.slice(2) ?? 0)
}

describe('a compiled database', () => {
  test('says what mmdb-lib says, for any networks and records', async () => {
    const property = fc.asyncProperty(networks, options, fc.array(address), async (own, options, addresses) => {
      const fitting = own.filter(([bytes]) => options.ipVersion === 6 || bytes.length === 4)
      const entries = fitting.map(([bytes, length, value]) => [network(bytes, length), value])
      const file = mmdb({ ...Object.fromEntries(entries), '203.0.113.1/32': { country: 'CH', asn: 'AS7' } }, options)
      const reader = new Reader(file) as { get(address: string): AnyRecord | null }
      const countries = await databaseOf(file, 'country')
      const asns = await databaseOf(file, 'asn')
      for (const bytes of [...addresses, ...fitting.map(([bytes]) => bytes), parseIp('203.0.113.1')!]) {
        const text = formatIp(bytes)
        // It would look an IPv6 address up as if its first 32 bits were IPv4.
        const found = options.ipVersion === 4 && bytes.length === 16 ? null : reader.get(text)
        assert.deepEqual(lookUp(countries, text), { country: countryOf(found), asn: 0 }, text)
        assert.deepEqual(lookUp(asns, text), { country: 0, asn: asnOf(found) }, text)
      }
    })
    await fc.assert(property, { numRuns: 100 })
  })

  test('says what mmdb-lib says in networks with thousands of ranges', async () => {
    const random = new Random(2)
    const networks: Record<string, MmdbValue> = {}
    // Everywhere in a /16 and a /32, and close together in another.
    for (let i = 0; i < 6000; i++) {
      const [high, low] = [random.integer(256), random.integer(256)]
      const country = ['DE', 'FR', 'US'][random.integer(3)]
      networks[`10.1.${high}.${low}/32`] = { country }
      networks[`10.2.7.${low}/32`] = { country }
      networks[`2001:db8:${high.toString(16)}${low.toString(16).padStart(2, '0')}::/48`] = { country }
    }
    const file = mmdb(networks)
    const reader = new Reader(file) as { get(address: string): AnyRecord | null }
    const database = await databaseOf(file, 'country')
    for (let i = 0; i < 20_000; i++) {
      const [high, low] = [random.integer(256), random.integer(256)]
      const places = [
        `10.1.${high}.${low}`,
        `10.2.7.${low}`,
        `10.2.${high}.${low}`,
        `2001:db8:${high.toString(16)}:1::${low}`,
      ]
      for (const text of places) assert.equal(lookUp(database, text).country, countryOf(reader.get(text)), text)
    }
  })

  test('with any bytes wrong it is an error of the file, or answers', async () => {
    const whole = mmdb({
      '192.0.2.0/24': { country: { iso_code: 'DE', names: { en: 'Germany', fr: 'Allemagne' } } },
      '198.51.100.0/24': { country: { iso_code: 'FR', names: { en: 'France' } } },
      '2001:db8::/48': { country: { iso_code: 'US' } },
    })
    const change = fc.tuple(fc.nat(whole.length - 1), fc.nat(255))
    const property = fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 20 }), async (changes) => {
      const file = Buffer.from(whole)
      for (const [at, byte] of changes) file[at] = byte
      try {
        const database = await databaseOf(file, 'country')
        for (const text of ['192.0.2.1', '203.0.113.1', '2001:db8::1', '::']) lookUp(database, text)
      } catch (error) {
        assert.ok(error instanceof UnusableFile, String((error as Error).stack))
      }
    })
    await fc.assert(property, { numRuns: 300 })
  })

  test('cut off anywhere it is an error of the file', async () => {
    const whole = mmdb({ '192.0.2.0/24': { country: { iso_code: 'DE' } } })
    for (let length = 0; length < whole.length; length += 7) {
      await assert.rejects(makeDatabase(whole.subarray(0, length), 'country'), UnusableFile, `${length} bytes`)
    }
  })

  const country = Buffer.concat([header(7, 1), header(2, 7), Buffer.from('country'), header(2, 2), Buffer.from('DE')])

  test('a tree that leads back to itself is an error', async () => {
    const nodes = [nodeBytes(1, 2, 24), nodeBytes(0, 2, 24)]
    await assert.rejects(makeDatabase(mmdbOf(nodes, country), 'country'), /node 0 of its tree leads to itself/)
  })

  test('a tree that is deeper than addresses are long is an error', async () => {
    const nodes = Array.from({ length: 200 }, (_, i) => nodeBytes(i === 199 ? 200 + 16 : i + 1, 200, 24))
    await assert.rejects(makeDatabase(mmdbOf(nodes, country), 'country'), /its tree is deeper than 128 bits/)
    await assert.rejects(makeDatabase(mmdbOf(nodes.slice(160), country, { ipVersion: 4 }), 'country'), UnusableFile)
  })

  test('a record that points between tree and data, or beyond the data, is an error', async () => {
    const between = mmdbOf([nodeBytes(1 + 15, 1, 24)], country)
    await assert.rejects(makeDatabase(between, 'country'), /points between tree and data/)
    const beyond = mmdbOf([nodeBytes(1 + 16 + 5000, 1, 24)], country)
    await assert.rejects(makeDatabase(beyond, 'country'), /a value is outside of the data/)
  })

  test('nodes that many places lead to are there once', async () => {
    // 2^64 ways lead through 64 nodes with both sides alike.
    const nodes = Array.from({ length: 64 }, (_, i) => (i === 63 ? nodeBytes(80, 64, 24) : nodeBytes(i + 1, i + 1, 24)))
    const { memory } = await makeDatabase(mmdbOf(nodes, country), 'country')
    // The last of them tells neighbours apart, in a step of 16 bits; it has an index of 2^14.
    assert.ok(new NetworkDatabase(memory).nodes.length <= 65_536 * LEAF_INTS + 2 ** 14 + 64)
  })

  for (const ranges of [1, 7, 8, 9, 10, 65, 4096, 65_536]) {
    test(`a node of ${ranges} ranges is right in each of its 65,536 places`, async () => {
      const networks: Record<string, MmdbValue> = {}
      // Alternating, and from the last range on the same.
      const known = (i: number): string => (i % 2 === 0 ? 'DE' : 'FR')
      for (let i = 0; i < 65_536; i++) {
        networks[`10.1.${i >> 8}.${i & 255}/32`] = { country: known(Math.min(i, ranges - 1)) }
      }
      const database = await databaseOf(mmdb(networks, { ipVersion: 4 }), 'country')
      const address = Uint8Array.of(10, 1, 0, 0)
      const words = new DataView(address.buffer)
      for (let i = 0; i < 65_536; i++) {
        words.setUint16(2, i)
        database.find(address, 0, 4)
        assert.equal(database.country, countryNumber(known(Math.min(i, ranges - 1))), `${ranges} ranges, at ${i}`)
      }
    })
  }

  test('a tree that would be too large where each place has its own is an error', async () => {
    // 128 levels of 64 nodes, each of which leads to any two of the next level.
    const random = new Random(1)
    const [levels, width] = [128, 64]
    const count = levels * width
    const nodes = Array.from({ length: count }, (_, i) => {
      const next = Math.floor(i / width + 1) * width
      const any = () => (next === count ? count + 16 : next + random.integer(width))
      return nodeBytes(any(), next === count ? count : any(), 24)
    })
    await assert.rejects(
      makeDatabase(mmdbOf(nodes, country), 'country'),
      /its tree names the same nodes again and again/,
    )
  })

  test('a small file that would become a large tree is an error', async () => {
    // 15 of all /16 have a node of their own, which leads to one chain of 15 nodes with both sides alike, and so to 2^16
    // neighbours that differ. To go through it is not what takes long.
    const [top, own] = [2 ** 16 - 1, 15]
    const chain = top + own
    const count = chain + 15
    const leaf = count + 16
    const nodes = Array.from({ length: count }, (_, i) => {
      const below = (side: number): number => (side < chain ? side : side % 2 === 0 ? leaf : count)
      if (i < top) return nodeBytes(below(2 * i + 1), below(2 * i + 2), 24)
      if (i < chain) return nodeBytes(chain, chain, 24)
      return i === count - 1 ? nodeBytes(leaf, count, 24) : nodeBytes(i + 1, i + 1, 24)
    })
    await assert.rejects(makeDatabase(mmdbOf(nodes, country), 'country'), /names the same nodes again and again/)
  })

  test('networks that say the same take no room', async () => {
    const same = Object.fromEntries(Array.from({ length: 256 }, (_, i) => [`192.0.2.${i}/32`, { country: 'DE' }]))
    const { memory } = await makeDatabase(mmdb({ ...same, '192.0.2.7/32': { country: 'DE', city: 'Ulm' } }), 'country')
    const { memory: one } = await makeDatabase(mmdb({ '192.0.2.0/24': { country: 'DE' } }), 'country')
    assert.equal(memory.byteLength, one.byteLength)
  })

  test('a database of something else says so', async () => {
    const file = mmdb({ '192.0.2.0/24': { autonomous_system_number: 1 } }, { type: 'GeoLite2-ASN' })
    await assert.rejects(makeDatabase(file, 'country'), /is a MaxMind DB \("GeoLite2-ASN"\) with no countries in it/)
  })
})

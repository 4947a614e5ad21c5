import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { mmdb, type MmdbOptions, type MmdbValue } from '../../../test/harness/mmdb.ts'
import { Random } from '../../../test/harness/random.ts'
import { formatIp } from '../../lib/ip.ts'
import { LEAF_INTS, NetworkDatabase } from '../../traffic/admit/network-database.ts'
import { entangledMmdb } from './entangled-mmdb-for-test.ts'
import { joinDatabases } from './join-databases.ts'
import { rangesOf } from './node-writer.ts'
import { makeDatabase } from './read-database.ts'

/** Few first bytes, so that networks of both files nest in each other. */
const bytes = fc
  .oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 }))
  .map((address) => address.map((byte, i) => (i < 3 ? byte % 3 : byte % 7)))
const network = fc.tuple(bytes, fc.nat(128))
const options: fc.Arbitrary<MmdbOptions> = fc.record({ ipVersion: fc.constantFrom(4, 6) })

function textOf([address, length]: [Uint8Array, number]): string {
  const prefixLength = length % (address.length * 8 + 1)
  const own = address.map((byte, i) => byte & (0xff00 >> Math.min(8, Math.max(0, prefixLength - i * 8))))
  return `${formatIp(own)}/${prefixLength}`
}

function fileOf(networks: [Uint8Array, number][], records: readonly MmdbValue[], options: MmdbOptions): Buffer {
  const fitting = networks.filter(([address]) => options.ipVersion === 6 || address.length === 4)
  const entries = fitting.map((each, i): [string, MmdbValue] => [textOf(each), records[i % records.length]])
  return mmdb({ ...Object.fromEntries(entries), '203.0.113.1/32': records[0] }, options)
}

const COUNTRIES = [{ country: 'DE' }, { country: 'FR' }, { country: 'ZW' }]
const ASNS = [{ asn: 'AS1' }, { asn: 'AS64496' }, { asn: 'AS4294967295' }]

function found(database: NetworkDatabase, address: Uint8Array): { readonly country: number; readonly asn: number } {
  database.find(address, 0, address.length === 4 ? 4 : 6)
  return { country: database.country, asn: database.asn }
}

describe('two databases as one', () => {
  test('say of any address what each says of it', async () => {
    const networks = fc.array(network, { maxLength: 30 })
    const property = fc.asyncProperty(
      fc.tuple(networks, networks),
      fc.tuple(options, options),
      fc.array(bytes),
      async ([left, right], [ofLeft, ofRight], addresses) => {
        const countries = (await makeDatabase(fileOf(left, COUNTRIES, ofLeft), 'country')).memory
        const asns = (await makeDatabase(fileOf(right, ASNS, ofRight), 'asn')).memory
        const [one, other] = [new NetworkDatabase(countries), new NetworkDatabase(asns)]
        const both = new NetworkDatabase(await joinDatabases(countries, asns))
        for (const address of [...addresses, ...left.map(([own]) => own), ...right.map(([own]) => own)]) {
          const expected = { country: found(one, address).country, asn: found(other, address).asn }
          assert.deepEqual(found(both, address), expected, formatIp(address))
        }
      },
    )
    await fc.assert(property, { numRuns: 200 })
  })

  test('say so, too, where nodes are large: every /24 of some /16, and every /32 of a /24', async () => {
    const random = new Random(3)
    const fileWith = (records: readonly MmdbValue[]): Buffer => {
      const networks: Record<string, MmdbValue> = {}
      for (let i = 0; i < 4000; i++) {
        const record = records[random.integer(records.length)]
        networks[`10.${random.integer(3)}.${random.integer(256)}.0/24`] = record
        networks[`10.3.7.${random.integer(256)}/32`] = record
        networks[`2001:db8:${random.integer(65_536).toString(16)}::/48`] = record
      }
      return mmdb(networks)
    }
    const countries = (await makeDatabase(fileWith(COUNTRIES), 'country')).memory
    const asns = (await makeDatabase(fileWith(ASNS), 'asn')).memory
    const [one, other] = [new NetworkDatabase(countries), new NetworkDatabase(asns)]
    const both = new NetworkDatabase(await joinDatabases(countries, asns))
    for (let i = 0; i < 20_000; i++) {
      const v4 = Uint8Array.of(10, random.integer(4), random.integer(256), random.integer(256))
      const v6 = new Uint8Array(16)
      v6.set([0x20, 0x01, 0x0d, 0xb8, random.integer(256), random.integer(256), random.integer(256)])
      for (const address of [v4, Uint8Array.of(10, 3, 7, random.integer(256)), v6]) {
        const expected = { country: found(one, address).country, asn: found(other, address).asn }
        assert.deepEqual(found(both, address), expected, formatIp(address))
      }
    }
  })

  test('have what IPv6 says of IPv4 once, as each of them has', async () => {
    const random = new Random(4)
    const networks = (records: readonly MmdbValue[]): Record<string, MmdbValue> => {
      return Object.fromEntries(
        Array.from({ length: 5000 }, () => {
          const text = `${1 + random.integer(200)}.${random.integer(256)}.${random.integer(256)}.0/24`
          return [text, records[random.integer(records.length)]]
        }),
      )
    }
    const [countries, asns] = [networks(COUNTRIES), networks(ASNS)]
    const joinedInts = async (ipVersion: 4 | 6): Promise<number> => {
      const country = await makeDatabase(mmdb(countries, { ipVersion }), 'country')
      const asn = await makeDatabase(mmdb(asns, { ipVersion }), 'asn')
      return new NetworkDatabase(await joinDatabases(country.memory, asn.memory)).nodes.length
    }
    // On top of IPv4 alone come the nodes above it; that of its first 16 bits is a large one.
    const [alone, inIpv6] = [await joinedInts(4), await joinedInts(6)]
    assert.ok(inIpv6 < alone * 2, `${inIpv6} of ${alone}`)
  })

  test('neighbours that say the same are one range', async () => {
    const country = { country: 'DE' }
    const halves = mmdb({ '192.0.2.0/25': country, '192.0.2.128/25': { ...country, city: 'Ulm' } })
    const countries = (await makeDatabase(halves, 'country')).memory
    const asns = (await makeDatabase(mmdb({ '192.0.0.0/16': { asn: 'AS1' } }), 'asn')).memory
    const database = new NetworkDatabase(await joinDatabases(countries, asns))
    const { first, end } = rangesOf(database.nodes, database.ipv4Roots[0xc000])
    assert.equal((end - first) / LEAF_INTS, 3)
  })

  test('that would be too large together are an error', async () => {
    const countries = (await makeDatabase(entangledMmdb(1), 'country')).memory
    const asns = (await makeDatabase(entangledMmdb(2), 'asn')).memory
    await assert.rejects(joinDatabases(countries, asns), /names the same nodes again and again/)
  })
})

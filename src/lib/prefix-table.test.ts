import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { Random } from '../../test/harness/random.ts'
import { networkContains, type Network, parseIp, parseNetwork } from './ip.ts'
import { shapeOf } from './prefix-memory.ts'
import { NO_PREFIX, PrefixTable } from './prefix-table.ts'
import { PrefixTableWriter } from './prefix-table-writer.ts'
import { type WatchStart, WATCHED, WATCHES } from './prefix-watch-for-test.ts'

function network(text: string): Network {
  const parsed = parseNetwork(text)
  assert.ok(parsed, text)
  return parsed
}

function tableFor(v4: number, v6 = v4) {
  const writer = new PrefixTableWriter({ v4, v6 })
  const table = new PrefixTable(writer.memory)
  const find = (text: string) => {
    const bytes = parseIp(text)
    assert.ok(bytes, text)
    return table.longest(bytes, 0, bytes.length === 4 ? 4 : 6)
  }
  const greatest = (text: string) => {
    const bytes = parseIp(text)
    assert.ok(bytes, text)
    return table.greatest(bytes, 0, bytes.length === 4 ? 4 : 6)
  }
  return { writer, table, find, greatest }
}

/** The table's word, by looking at every prefix. */
class Model {
  readonly byText = new Map<string, { readonly network: Network; value: number }>()

  covering(address: Uint8Array): { network: Network; value: number }[] {
    const family = address.length === 4 ? 4 : 6
    const all = [...this.byText.values()].filter(
      (entry) => entry.network.family === family && networkContains(entry.network, address, 0),
    )
    return all.sort((a, b) => b.network.prefixLength - a.network.prefixLength)
  }
}

/** Few different bits, so that prefixes lie within each other and addresses within prefixes. */
function randomBytes(random: Random, family: 4 | 6): Uint8Array {
  const bytes = Uint8Array.from({ length: family === 4 ? 4 : 16 }, () => (random.chance(0.7) ? 0 : random.integer(256)))
  bytes[0] = 10 + random.integer(2)
  return bytes
}

function randomNetwork(random: Random): Network {
  const family = random.chance(0.5) ? 4 : 6
  const bits = family === 4 ? 32 : 128
  const prefixLength = random.chance(0.3) ? bits : random.integer(bits + 1)
  const bytes = randomBytes(random, family).map((byte, i) => {
    const kept = Math.max(0, Math.min(8, prefixLength - i * 8))
    return byte & (0xff00 >> kept)
  })
  return { family, bytes, prefixLength }
}

const ROUNDS_MAX = 200_000
const SEEDS = [1, 2, 3, 4, 5, 6]
const STEPS = 2000

describe('prefix table', () => {
  test('nothing covers an address of an empty table', () => {
    const { find } = tableFor(4)
    assert.equal(find('192.0.2.1'), NO_PREFIX)
    assert.equal(find('2001:db8::1'), NO_PREFIX)
  })

  test('the longest prefix that covers an address is found, whatever its length', () => {
    const { writer, find } = tableFor(300)
    for (let length = 0; length <= 32; length++) {
      const bytes = Uint8Array.from([192, 0, 2, 1])
      assert.ok(writer.set({ family: 4, bytes, prefixLength: length }, length))
      assert.equal(find('192.0.2.1'), length)
    }
    assert.equal(find('192.0.2.0'), 31)
    assert.equal(find('192.0.3.1'), 23)
    assert.equal(find('128.0.0.1'), 1)
    assert.equal(find('1.1.1.1'), 0)
    for (let length = 0; length <= 128; length++) {
      const bytes = parseIp('2001:db8:1:2:3:4:5:6')
      assert.ok(bytes)
      assert.ok(writer.set({ family: 6, bytes, prefixLength: length }, length))
      assert.equal(find('2001:db8:1:2:3:4:5:6'), length)
    }
    assert.equal(find('2001:db8:1:2::'), 78)
    assert.equal(find('2001:db9::1'), 31)
    assert.equal(find('::1'), 2)
  })

  test('the greatest value of all prefixes that cover an address', () => {
    const { writer, greatest } = tableFor(4)
    writer.set(network('192.0.2.0/24'), 7)
    writer.set(network('192.0.0.0/16'), 9)
    writer.set(network('192.0.2.1'), 8)
    assert.equal(greatest('192.0.2.1'), 9)
    writer.delete(network('192.0.0.0/16'))
    assert.equal(greatest('192.0.2.1'), 8)
    assert.equal(greatest('192.0.2.2'), 7)
    assert.equal(greatest('192.0.3.1'), NO_PREFIX)
  })

  test('a prefix that is set again has the new value, once', () => {
    const { writer, find } = tableFor(1)
    assert.ok(writer.set(network('192.0.2.0/24'), 1))
    assert.ok(writer.set(network('192.0.2.0/24'), 2))
    assert.equal(find('192.0.2.1'), 2)
    assert.equal(writer.count, 1)
    assert.equal(writer.get(network('192.0.2.0/24')), 2)
    assert.equal(writer.get(network('192.0.2.0/25')), NO_PREFIX)
  })

  test('a full table takes no more, by family, and takes one again when one is gone', () => {
    const { writer, table } = tableFor(2, 1)
    assert.ok(writer.set(network('192.0.2.1'), 1))
    assert.ok(writer.set(network('192.0.2.2'), 1))
    assert.equal(writer.set(network('192.0.2.3'), 1), false)
    assert.ok(writer.set(network('192.0.2.1'), 5))
    assert.ok(writer.set(network('2001:db8::/32'), 1))
    assert.equal(writer.set(network('2001:db8::/33'), 1), false)
    assert.ok(writer.delete(network('192.0.2.1')))
    assert.ok(writer.set(network('192.0.2.3'), 1))
    assert.equal(table.count, 3)
  })

  test('families are apart', () => {
    const { writer, find } = tableFor(2)
    writer.set(network('::/0'), 6)
    assert.equal(find('0.0.0.0'), NO_PREFIX)
    assert.equal(find('::'), 6)
  })

  test('the address may lie anywhere in the bytes', () => {
    const { writer, table } = tableFor(1)
    writer.set(network('192.0.2.0/24'), 3)
    assert.equal(table.longest(Uint8Array.from([1, 2, 3, 192, 0, 2, 9]), 3, 4), 3)
  })

  test('addresses from several arrays in turn', () => {
    const { writer, table } = tableFor(4)
    writer.set(network('192.0.2.0/24'), 1)
    writer.set(network('2001:db8::/64'), 2)
    const [v4, v6, other] = [parseIp('192.0.2.1')!, parseIp('2001:db8::1')!, parseIp('2001:db8:0:1::')!]
    const inMidst = new Uint8Array(40)
    inMidst.set(v6, 20)
    inMidst.set(v4, 3)
    for (let i = 0; i < 3; i++) {
      assert.deepEqual([table.longest(v4, 0, 4), table.longest(inMidst, 3, 4)], [1, 1])
      assert.deepEqual([table.longest(v6, 0, 6), table.greatest(inMidst, 20, 6)], [2, 2])
      assert.equal(table.longest(other, 0, 6), NO_PREFIX)
    }
  })

  test('memory is as large as bytes() says', () => {
    const capacity = { v4: 1000, v6: 500 }
    assert.equal(new PrefixTableWriter(capacity).memory.byteLength, PrefixTableWriter.bytes(capacity))
    assert.ok(PrefixTableWriter.bytes({ v4: 1_000_000, v6: 0 }) < 30 * 2 ** 20)
    assert.ok(PrefixTableWriter.bytes({ v4: 0, v6: 1_000_000 }) < 60 * 2 ** 20)
  })

  for (const seed of SEEDS) {
    test(`does as a list of all prefixes does, seed ${seed}`, () => {
      const random = new Random(seed)
      const model = new Model()
      const { writer, table } = tableFor(200)
      for (let step = 0; step < STEPS; step++) {
        const one = randomNetwork(random)
        const text = `${one.bytes.join('.')}/${one.prefixLength}`
        if (random.chance(0.6)) {
          const isIn = writer.set(one, step)
          if (isIn) model.byText.set(text, { network: one, value: step })
          else assert.equal(model.byText.has(text), false)
        } else {
          const known = [...model.byText.keys()]
          const gone = random.chance(0.8) && known.length > 0 ? known[random.integer(known.length)] : text
          assert.equal(writer.delete(model.byText.get(gone)?.network ?? one), model.byText.delete(gone))
        }
        assert.equal(writer.count, model.byText.size)
        const address = randomBytes(random, random.chance(0.5) ? 4 : 6)
        const family = address.length === 4 ? 4 : 6
        const values = model.covering(address).map(({ value }) => value)
        assert.equal(table.longest(address, 0, family), values[0] ?? NO_PREFIX)
        assert.equal(table.greatest(address, 0, family), Math.max(NO_PREFIX, ...values))
        assert.deepEqual(table.covering(address), values)
      }
    })
  }

  test('however many prefixes come and go in a full table, there is room for as many', () => {
    const random = new Random(7)
    const { writer, table } = tableFor(2000, 0)
    const inside: Network[] = []
    for (let i = 0; i < 60_000; i++) {
      if (writer.count === 2000) {
        const [gone] = inside.splice(random.integer(inside.length), 1)
        assert.ok(writer.delete(gone))
        assert.equal(table.longest(gone.bytes, 0, 4), NO_PREFIX)
      }
      const one = { family: 4 as const, bytes: Uint8Array.from([i >> 24, i >> 16, i >> 8, i]), prefixLength: 32 }
      assert.ok(writer.set(one, i))
      inside.push(one)
    }
    for (const { bytes } of inside) assert.notEqual(table.longest(bytes, 0, 4), NO_PREFIX)
  })

  test('a network that is full of prefixes: each is found, the longest first, and those that stay when others go', () => {
    const { writer, find, greatest } = tableFor(1000)
    const inside: [string, string][] = []
    for (let i = 0; i < 256; i++) inside.push([`192.0.2.${i}`, `192.0.2.${i}`])
    for (let i = 0; i < 256; i++) inside.push([`2001:db8:0:${i.toString(16)}::/64`, `2001:db8:0:${i.toString(16)}::7`])
    for (const [i, [prefix]] of inside.entries()) assert.ok(writer.set(network(prefix), i))
    for (const prefix of ['192.0.2.0/24', '2001:db8::/48']) assert.ok(writer.set(network(prefix), 9999))
    for (const [i, [, address]] of inside.entries()) assert.deepEqual([find(address), greatest(address)], [i, 9999])
    for (const [i, [prefix]] of inside.entries()) if (i % 3 > 0) assert.ok(writer.delete(network(prefix)))
    for (const [i, [, address]] of inside.entries()) assert.equal(find(address), i % 3 > 0 ? 9999 : i)
    for (const [i, [prefix]] of inside.entries()) assert.equal(writer.delete(network(prefix)), i % 3 === 0)
    assert.equal(find('192.0.2.3'), 9999)
    assert.equal(writer.count, 2)
  })

  test('a line that holds prefixes of several tiers: the longest of all is found, in whichever it is', () => {
    const random = new Random(9)
    const address = new Uint8Array(16)
    for (let i = 0; i < 1000; i++) {
      const { writer, table } = tableFor(0, 17)
      const covering: number[] = []
      for (let length = 30; length < 48; length += 1 + random.integer(3)) covering.push(length)
      for (const prefixLength of covering) {
        assert.ok(writer.set({ family: 6, bytes: address, prefixLength }, 1000 - prefixLength))
      }
      // The rest of the line of the address's /48, and more than has room there, is of others that don't cover it.
      for (let n = 1; n <= 4; n++) {
        const bytes = Uint8Array.from(address, (_, at) => (at === 7 ? n : 0))
        writer.set({ family: 6, bytes, prefixLength: 64 }, 0)
      }
      assert.equal(table.longest(address, 0, 6), 1000 - Math.max(...covering))
      assert.equal(table.greatest(address, 0, 6), 1000 - Math.min(...covering))
    }
  })

  test('a digest tells of nothing that has gone, spilled or not', () => {
    const random = new Random(10)
    const capacity = { v4: 500, v6: 500 }
    const writer = new PrefixTableWriter(capacity)
    const { linesV4, linesV6 } = shapeOf(capacity)
    const bytes = new Uint8Array(writer.memory)
    const digests = () =>
      [linesV4, linesV6].map(({ digestsAtByte, digestBytes, count }) => {
        return bytes.subarray(digestsAtByte, digestsAtByte + count * digestBytes).reduce((sum, byte) => sum + byte, 0)
      })
    const inside: Network[] = []
    for (let i = 0; i < 1000; i++) {
      const one = randomNetwork(random)
      const prefixLength = Math.max(17, one.prefixLength)
      const crowded = { ...one, prefixLength, bytes: one.bytes.map((byte, at) => (at < 3 ? 0 : byte)) }
      if (writer.get(crowded) === NO_PREFIX && writer.set(crowded, i)) inside.push(crowded)
    }
    for (const sum of digests()) assert.ok(sum > 0)
    for (const one of inside) assert.ok(writer.delete(one))
    assert.deepEqual(digests(), [0, 0])
  })

  test('a reader in another thread sees each change, never half of one, and never misses what stays', async () => {
    const writer = new PrefixTableWriter({ v4: 600, v6: 600 })
    const counts = new Int32Array(new SharedArrayBuffer(WATCHES * 4))
    for (const text of WATCHED.staying) writer.set(network(text), WATCHED.value(network(text)))
    const workerData: WatchStart = { memory: writer.memory, counts }
    const thread = new Worker(new URL('prefix-watch-for-test.ts', import.meta.url), { workerData })
    const exit = once(thread, 'exit')
    const random = new Random(8)
    const inside: Network[] = []
    // The thread says when it has looked often enough; places of the table are used again and again meanwhile.
    for (let rounds = 0; Atomics.load(counts, WATCHED.done) === 0; rounds++) {
      assert.ok(rounds < ROUNDS_MAX, 'the other thread has not ended')
      for (let i = 0; i < 100; i++) {
        const one = WATCHED.network(random.integer(WATCHED.networks))
        if (inside.length > 500) writer.delete(inside.splice(random.integer(inside.length), 1)[0])
        if (writer.get(one) === NO_PREFIX) inside.push(one)
        assert.ok(writer.set(one, WATCHED.value(one)))
      }
    }
    assert.deepEqual(await exit, [0])
    assert.equal(counts[WATCHED.wrong], 0)
    assert.equal(counts[WATCHED.missed], 0)
    assert.ok(counts[WATCHED.hits] > 0)
  })
})

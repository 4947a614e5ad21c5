import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { parseIp } from '../lib/ip.ts'
import { Affinity, AffinityTable, clientsForgotten, makeAffinityMemory } from './affinity.ts'
import { serviceForTest } from './service-for-test.ts'

const TTL_MS = 10_000

/** A client as the engines know it: its address somewhere in an array of bytes. */
function clientOf(text: string): { bytes: Uint8Array; at: number; family: 4 | 6 } {
  const ip = parseIp(text)
  if (ip === undefined) throw new Error(text)
  const bytes = new Uint8Array(24)
  bytes.set(ip, 3)
  return { bytes, at: 3, family: ip.length === 4 ? 4 : 6 }
}

function tableOf(memory: SharedArrayBuffer) {
  const view = new AffinityTable(memory)
  return {
    find(text: string, nowMs: number): number {
      const { bytes, at, family } = clientOf(text)
      return view.find(bytes, at, family, nowMs)
    },
    remember(text: string, addressIndex: number, nowMs: number): void {
      const { bytes, at, family } = clientOf(text)
      view.remember(bytes, at, family, addressIndex, nowMs, TTL_MS)
    },
  }
}

function ipv4(i: number): string {
  return `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`
}

describe('the table of clients', () => {
  test('knows a client for its time, and each connect begins it anew', () => {
    const table = tableOf(makeAffinityMemory(100))
    assert.equal(table.find('192.0.2.1', 0), -1)
    table.remember('192.0.2.1', 0, 1000)
    assert.equal(table.find('192.0.2.1', 1000 + TTL_MS - 1), 0)
    assert.equal(table.find('192.0.2.1', 1000 + TTL_MS), -1)
    table.remember('192.0.2.1', 7, 5000)
    assert.equal(table.find('192.0.2.1', 1000 + TTL_MS), 7)
    assert.equal(table.find('192.0.2.1', 5000 + TTL_MS), -1)
    table.remember('192.0.2.1', 511_999, 50_000)
    assert.equal(table.find('192.0.2.1', 50_000), 511_999)
  })

  test('goes on while the clock wraps around', () => {
    const table = tableOf(makeAffinityMemory(100))
    for (const atMs of [2 ** 31 * 10 - 50, 2 ** 32 * 10 - 50]) {
      table.remember('192.0.2.1', 3, atMs)
      assert.equal(table.find('192.0.2.1', atMs + TTL_MS - 20), 3)
      assert.equal(table.find('192.0.2.1', atMs + TTL_MS + 20), -1)
    }
  })

  test('IPv4 clients are told apart by address, IPv6 ones by their /64', () => {
    const table = tableOf(makeAffinityMemory(1000))
    const texts = ['192.0.2.1', '192.0.2.2', '193.0.2.1', '2001:db8::', '2001:db8:0:1::', '2001:db8:1::', 'c000:201::']
    for (const [i, text] of texts.entries()) table.remember(text, i, 0)
    assert.deepEqual(
      texts.map((text) => table.find(text, 1)),
      texts.map((_, i) => i),
    )
    assert.equal(table.find('2001:db8::ffff:1', 1), 3)
    assert.equal(table.find('::ffff:192.0.2.1', 1), 0)
    assert.equal(table.find('2001:db8:0:2::1', 1), -1)
  })

  test('holds `max` clients with next to none lost, never grows, and forgets first whose time ends first', () => {
    const max = 8000
    const memory = makeAffinityMemory(max)
    const bytes = memory.byteLength
    assert.equal(bytes, 32 * max + 48)
    const table = tableOf(memory)
    const known = (from: number, to: number): number => {
      let count = 0
      for (let i = from; i < to; i++) if (table.find(ipv4(i), 8000) === i % 100) count++
      return count
    }
    for (let i = 0; i < max; i++) table.remember(ipv4(i), i % 100, i / 10)
    assert.ok(known(0, max) > 0.99 * max, `${known(0, max)} of ${max}`)
    for (let i = max; i < 10 * max; i++) table.remember(ipv4(i), i % 100, i / 10)
    assert.equal(known(0, max), 0)
    assert.ok(known(9 * max, 10 * max) > 0.99 * max)
    assert.equal(memory.byteLength, bytes)
  })

  test('a client that comes again and again is known through any flood of others', () => {
    const table = tableOf(makeAffinityMemory(100))
    for (let i = 0; i < 20_000; i++) {
      if (i % 10 === 0) table.remember('192.0.2.1', 5, i)
      table.remember(ipv4(i), 6, i)
      assert.equal(table.find('192.0.2.1', i), 5)
    }
  })

  test('counts whom it forgot before their time, and nobody else', () => {
    const memory = makeAffinityMemory(8)
    const table = tableOf(memory)
    for (let i = 0; i < 15; i++) table.remember(ipv4(i), 1, 0)
    for (let i = 0; i < 15; i++) table.remember(ipv4(i), 2, 1)
    assert.equal(clientsForgotten(memory), 0)
    for (let i = 15; i < 20; i++) table.remember(ipv4(i), 1, 100)
    assert.equal(clientsForgotten(memory), 5)
    for (let i = 20; i < 30; i++) table.remember(ipv4(i), 1, 50 + TTL_MS)
    assert.equal(clientsForgotten(memory), 5)
  })

  test('threads that write at once leave no client with the upstream of another', async () => {
    const workerData = { memory: makeAffinityMemory(64), module: new URL('affinity.ts', import.meta.url).href }
    const source = `
      import { parentPort, workerData } from 'node:worker_threads'
      const { AffinityTable } = await import(workerData.module)
      const table = new AffinityTable(workerData.memory)
      const bytes = new Uint8Array(16)
      const words = new DataView(bytes.buffer)
      let wrong = 0
      let found = 0
      for (let i = 0; i < 300_000; i++) {
        const client = Math.floor(Math.random() * 300)
        const family = client % 2 === 0 ? 4 : 6
        words.setUint32(0, client)
        words.setUint32(4, client * 3)
        const owner = table.find(bytes, 0, family, 0)
        if (owner !== -1) found++
        // Two upstreams may be right: the client moves between them.
        if (owner !== -1 && owner >> 1 !== client) wrong++
        if (i % 3 === 0) table.remember(bytes, 0, family, client * 2 + (i & 1), 0, 1000)
      }
      parentPort.postMessage({ wrong, found })
    `
    const one = (): Promise<{ wrong: number; found: number }> =>
      new Promise((resolve, reject) => {
        const thread = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), { workerData })
        thread.once('message', resolve)
        thread.once('error', reject)
      })
    for (const { wrong, found } of await Promise.all([one(), one(), one()])) {
      assert.equal(wrong, 0)
      assert.ok(found > 1000)
    }
    // Every lock was given back.
    const table = tableOf(workerData.memory)
    for (let i = 0; i < 300; i++) {
      table.remember(ipv4(i), i, 1)
      assert.equal(table.find(ipv4(i), 1), i)
    }
  })

  test('a lock that is never given back holds up nobody', () => {
    const memory = makeAffinityMemory(8)
    new Int32Array(memory)[12] = 1
    const table = tableOf(memory)
    table.remember('192.0.2.1', 1, 0)
    assert.equal(table.find('192.0.2.1', 0), -1)
  })
})

describe('affinity of a service', () => {
  const addresses = [1, 2, 3].map((i) => ({ family: 4 as const, address: `203.0.113.${i}`, port: 1 }))
  const { bytes, at, family } = clientOf('192.0.2.1')

  test('gives the place of the candidate in the tables of the moment, and none when it is gone', () => {
    const memory = makeAffinityMemory(10)
    const before = serviceForTest(addresses, { affinity: { ttlMs: TTL_MS, memory } })
    const affinity = new Affinity()
    affinity.remember(before, bytes, at, family, before.candidates[2].addressIndex, 0)
    assert.equal(affinity.placeOf(before, bytes, at, family, 1), 2)
    const [first, , third] = before.candidates
    assert.equal(affinity.placeOf({ ...before, candidates: [third, first] }, bytes, at, family, 1), 0)
    assert.equal(affinity.placeOf({ ...before, candidates: [first] }, bytes, at, family, 1), -1)
  })

  test('another worker knows it too; a service without affinity knows nothing', () => {
    const memory = makeAffinityMemory(10)
    const service = serviceForTest(addresses, { affinity: { ttlMs: TTL_MS, memory } })
    new Affinity().remember(service, bytes, at, family, 1, 0)
    const other = structuredClone(service)
    assert.equal(new Affinity().placeOf(other, bytes, at, family, 1), 1)
    const without = { ...service, affinity: null }
    new Affinity().remember(without, bytes, at, family, 1, 0)
    assert.equal(new Affinity().placeOf(without, bytes, at, family, 1), -1)
  })
})

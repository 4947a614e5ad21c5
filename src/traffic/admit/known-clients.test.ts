import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { parseIp } from '../../lib/ip.ts'
import { KNOWN_FOR_MS, KnownClients, makeKnownClientsMemory } from './known-clients.ts'

/** Asked in words. */
function tableOf(clientsMax: number) {
  const memory = makeKnownClientsMemory(clientsMax)
  const known = new KnownClients(memory)
  const ask = (text: string, nowMs: number, what: 'add' | 'has') => {
    const bytes = parseIp(text)!
    return known[what](bytes, 0, bytes.length === 4 ? 4 : 6, nowMs)
  }
  return {
    memory,
    known,
    add: (text: string, nowMs = 0): void => void ask(text, nowMs, 'add'),
    has: (text: string, nowMs = 0): boolean => ask(text, nowMs, 'has') as boolean,
  }
}

const ipv4 = (i: number): string => `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`

test('knows who was added, and nobody else', () => {
  const { known, add, has } = tableOf(1000)
  for (let i = 0; i < 500; i++) add(ipv4(i))
  for (let i = 0; i < 500; i++) assert.ok(has(ipv4(i)))
  for (let i = 500; i < 5000; i++) assert.ok(!has(ipv4(i)))
  assert.equal(known.count, 500)
})

test('of IPv6 the /64 is one client, and none of IPv4', () => {
  const { add, has } = tableOf(100)
  add('2001:db8:1:2::1')
  assert.ok(has('2001:db8:1:2:ffff::9'))
  assert.ok(!has('2001:db8:1:3::1'))
  add('32.1.13.184')
  assert.ok(!has('2001:db8::1'))
})

test('an address that nobody used for a week is a stranger again', () => {
  const { add, has } = tableOf(100)
  add('192.0.2.1', 5000)
  assert.ok(has('192.0.2.1', 5000 + KNOWN_FOR_MS))
  assert.ok(!has('192.0.2.1', 6000 + KNOWN_FOR_MS))
  add('192.0.2.1', 5000 + KNOWN_FOR_MS)
  assert.ok(has('192.0.2.1', 6000 + KNOWN_FOR_MS))
})

test('the memory never grows, and the one that was useful longest ago goes first', () => {
  const { memory, known, add, has } = tableOf(1)
  for (let i = 0; i < 10; i++) add(ipv4(i), 1000 + i * 1000)
  // Useful again, long enough after: the next to go is its neighbour.
  add(ipv4(0), 200_000)
  add(ipv4(100), 201_000)
  assert.deepEqual(
    [0, 1, 2, 9, 100].map((i) => has(ipv4(i), 201_000)),
    [true, false, true, true, true],
  )
  assert.deepEqual([known.count, memory.byteLength], [10, 176])
})

test('a full table of its size forgets few of those that came last', () => {
  const { add, has } = tableOf(10_000)
  for (let i = 0; i < 10_000; i++) add(ipv4(i * 7), i)
  let forgotten = 0
  for (let i = 0; i < 10_000; i++) if (!has(ipv4(i * 7), 10_000)) forgotten++
  assert.ok(forgotten < 100, `${forgotten} forgotten`)
})

test('a lock that nobody gives back makes a stranger, and holds up nobody', () => {
  const { memory, add, has } = tableOf(1)
  add('192.0.2.1')
  new Int32Array(memory)[12] = 1
  assert.ok(!has('192.0.2.1'))
  add('192.0.2.2')
  new Int32Array(memory)[12] = 0
  assert.deepEqual([has('192.0.2.1'), has('192.0.2.2')], [true, false])
})

test('threads that write at once know the same clients, and never take one for another', async () => {
  const [threads, rounds] = [4, 20_000]
  const { memory, known } = tableOf(4000)
  const report = new SharedArrayBuffer(12)
  const entry = new URL('known-clients-hammer-for-test.ts', import.meta.url)
  const workers = Array.from({ length: threads }, (_, index) => {
    return new Worker(entry, { workerData: { index, threads, memory, report, rounds } })
  })
  await Promise.all(workers.map((worker) => once(worker, 'exit')))
  const [, wrong, right] = new Int32Array(report)
  assert.equal(wrong, 0)
  // A lock that was held by a thread off its core costs an answer, now and then.
  assert.ok(right > threads * rounds * 0.9, `${right} right`)
  assert.equal(known.count, 500)
})

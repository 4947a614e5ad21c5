/**
 * Ten million addresses against the table of sources at its default size: it does not grow, nobody who keeps to the
 * limits is refused, and who has connections open is not forgotten.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Counters, WORKER } from '../../src/traffic/counters.ts'
import { rateLimit } from '../../src/traffic/admit/rate-limit.ts'
import {
  makeSourceMemory,
  NO_HANDLE,
  OVER_CONNECTIONS,
  SourceTable,
  TAKEN,
} from '../../src/traffic/admit/source-table.ts'
import { SOURCE } from '../../src/traffic/admit/source-key.ts'

const MIB = 1024 * 1024
const MEMORY_BYTES = 64 * MIB
/** What V8 takes for the code and the numbers of the loop. */
const BESIDE_BYTES_MAX = 32 * MIB
const ATTACKERS = 10_000_000
/** 1,000,000 a second. */
const ATTACKERS_PER_MS = 1000
const CLIENTS = 50
/** Attackers between two clients: each comes every second. */
const CLIENT_EVERY = 20_000
const LIMITS = { connectionsMax: 5, rate: rateLimit(2, 1000, 5) }

/** In a /8 each: 1.… the crowd of attackers, 100.… clients, 101.… one who holds all it may. */
function addressOf(bytes: Uint8Array, firstOctet: number, i: number): Uint8Array {
  bytes[0] = firstOctet + (i >>> 24)
  bytes[1] = i >>> 16
  bytes[2] = i >>> 8
  bytes[3] = i
  return bytes
}

describe('ten million sources', () => {
  it('find a table that stays as large as it is, and keep no client out', () => {
    const counters = new Counters(new SharedArrayBuffer(Counters.bytes({ services: 1, upstreams: 1 })), {
      services: 1,
      upstreams: 1,
    })
    const residentBefore = process.memoryUsage.rss()
    const memory = makeSourceMemory(MEMORY_BYTES, 1)
    const table = new SourceTable(memory, counters.worker)
    const bytes = new Uint8Array(4)
    const take = (firstOctet: number, i: number, nowMs: number) =>
      table.take(0, SOURCE.address, addressOf(bytes, firstOctet, i), 0, 4, LIMITS, false, nowMs)
    const held: number[] = []
    for (let i = 0; i < LIMITS.connectionsMax; i++) {
      assert.equal(take(101, 1, 0), TAKEN)
      held.push(table.handle)
    }
    let attackersRefused = 0
    let clientsRefused = 0
    for (let i = 0; i < ATTACKERS; i++) {
      const nowMs = i / ATTACKERS_PER_MS
      if (take(1, i, nowMs) !== TAKEN) attackersRefused++
      table.give(table.handle)
      if (i % CLIENT_EVERY !== 0) continue
      if (take(100, (i / CLIENT_EVERY) % CLIENTS, nowMs) !== TAKEN) clientsRefused++
      table.give(table.handle)
    }
    const endMs = ATTACKERS / ATTACKERS_PER_MS
    assert.deepEqual({ clientsRefused, attackersRefused }, { clientsRefused: 0, attackersRefused: 0 })
    assert.equal(take(101, 1, endMs), OVER_CONNECTIONS)
    assert.ok(held.every((handle) => handle !== NO_HANDLE))
    assert.equal(counters.worker[WORKER.sourcesTracked], 1)
    assert.equal(counters.worker[WORKER.sourcesUntracked], 0)
    assert.ok(counters.worker[WORKER.sourcesForgotten] > 0, 'the table had room for all of them: it proves nothing')
    assert.ok(memory.byteLength <= MEMORY_BYTES)
    const grown = process.memoryUsage.rss() - residentBefore
    assert.ok(grown <= MEMORY_BYTES + BESIDE_BYTES_MAX, `grew by ${grown} bytes`)
  })
})

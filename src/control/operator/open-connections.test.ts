import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ConnectionLook, FoundConnection, LookAnswer } from '../../traffic/connection-look.ts'
import { KnownNames } from '../log/known-names.ts'
import { LOOKS_WAITING_MAX, OpenConnections, TooManyLooks } from './open-connections.ts'

const BOOT_ID = '0123456789ab'

function found(sequence: number): FoundConnection {
  return {
    sequence,
    stage: 'relay',
    serviceIndex: 0,
    listenerIndex: 0,
    upstreamIndex: -1,
    addressIndex: -1,
    clientFamily: 6,
    clientAddress: Uint8Array.of(0x20, 1, 0xd, 0xb8, ...Array(11).fill(0), 1),
    clientPort: 5,
    ageMs: 1.4,
    idleMs: -1,
    bytesToUpstream: 0,
    bytesToClient: 0,
    clientRttUs: 1_234,
    upstreamRttUs: -1,
  }
}

/** Workers with so many connections each; a place is how many were told already. */
function connectionsOf(counts: readonly number[], before: () => Promise<void> = async () => {}) {
  const looks: [number, ConnectionLook][] = []
  const look = async (worker: number, asked: ConnectionLook): Promise<LookAnswer> => {
    looks.push([worker, asked])
    await before()
    if (asked.kind === 'close') return { found: [], next: -1, closed: counts[worker] }
    const until = Math.min(counts[worker], asked.from + asked.max)
    const told = Array.from({ length: until - asked.from }, (_, i) => found(asked.from + i))
    return { found: told, next: until < counts[worker] ? until : -1, closed: 0 }
  }
  const names = new KnownNames()
  return {
    looks,
    connections: new OpenConnections({ workers: { count: counts.length, look }, bootId: BOOT_ID, names }),
  }
}

test('pages go from worker to worker and name each connection once', async () => {
  for (const max of [1, 2, 3, 4, 5, 9, 10]) {
    const { connections } = connectionsOf([3, 0, 4, 2])
    const ids: string[] = []
    for (let after: string | undefined, pages = 0; pages < 12; pages++) {
      const page = await connections.list({}, max, after)
      assert.ok(page !== undefined && page.connections.length <= max)
      ids.push(...page.connections.map(({ id }) => id))
      after = page.next
      if (after === undefined) break
    }
    assert.deepEqual([ids.length, new Set(ids).size], [9, 9])
  }
})

test('what is told has words; what an engine can not know is left out', async () => {
  const { connections } = connectionsOf([1])
  const page = await connections.list({}, 1)
  const [{ id, client, clientRttMs, upstreamRttMs, idleMs, upstream, ageMs }] = page!.connections
  assert.deepEqual([id, client, clientRttMs, ageMs], [`${BOOT_ID}000000000000`, '[2001:db8::1]:5', 1.234, 1])
  assert.deepEqual([upstreamRttMs, idleMs, upstream], [undefined, undefined, undefined])
})

test('a place that no page named is not taken', async () => {
  const { connections, looks } = connectionsOf([1, 1])
  for (const after of ['', '1', '2-0', 'x-1', '0-', '-1', '0-1e9', '0-1-1']) {
    assert.equal(await connections.list({}, 1, after), undefined, after)
  }
  assert.equal(looks.length, 0)
})

test('one is ended at the worker that its id names, and at none when the id is of another start', async () => {
  const { connections, looks } = connectionsOf([1, 0])
  assert.equal(await connections.closeOne(`${BOOT_ID}0000000000ff`), true)
  assert.deepEqual(looks, [[0, { kind: 'close', filter: { sequence: 255 } }]])
  assert.equal(await connections.closeOne(`${BOOT_ID}010000000001`), false)
  looks.length = 0
  for (const id of ['', `ffffffffffff0000000000ff`, `${BOOT_ID}0200000000ff`, `${BOOT_ID}0000000000FG`]) {
    assert.equal(await connections.closeOne(id), false)
  }
  assert.equal(looks.length, 0)
})

test('all that fit are ended on all workers', async () => {
  const { connections } = connectionsOf([3, 0, 4])
  assert.equal(await connections.close({ serviceIndex: 1 }), 7)
})

test('questions wait for each other, a few of them; one that fails holds up nobody', async () => {
  let underWay = 0
  let most = 0
  let fails = true
  const { connections } = connectionsOf([1], async () => {
    most = Math.max(most, ++underWay)
    await new Promise(setImmediate)
    underWay--
    if (fails) throw new Error('silent')
  })
  await assert.rejects(connections.list({}, 1), /silent/)
  fails = false
  const asked = Array.from({ length: LOOKS_WAITING_MAX }, () => connections.list({}, 1))
  await assert.rejects(connections.list({}, 1), TooManyLooks)
  assert.equal((await Promise.all(asked)).length, LOOKS_WAITING_MAX)
  assert.equal(most, 1)
  assert.ok(await connections.list({}, 1))
})

/** Who is dialled beside a dial that is silent, and what a hedge takes and gives back. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Chooser, NONE } from './balance/choose.ts'
import { chooseHedge, giveHedgePlacesBack, nextHedgeTryMs } from './hedging.ts'
import { NodeWide } from './node-wide.ts'
import type { WaitingRoom } from './queue/waiting-room.ts'
import { LOOPBACK, PLAIN_SHARE, serviceForTest } from './service-for-test.ts'
import type { Service, UpstreamShare } from './tables.ts'
import { UpstreamStates } from './upstream-states.ts'

const NOW_MS = 5000

function scene(shares: readonly Partial<UpstreamShare>[], changes: Partial<Service> = {}, connectionsMax = 1000) {
  const shape = { services: 1, upstreams: shares.length }
  const states = new UpstreamStates(new SharedArrayBuffer(UpstreamStates.bytes(shape)), shape)
  const nodeWide = new NodeWide(new SharedArrayBuffer(NodeWide.bytes(shares.length)))
  const candidates = shares.map((share, i) => {
    return { upstreamIndex: i, addressIndex: i, address: LOOPBACK, share: { ...PLAIN_SHARE, ...share } }
  })
  const service = serviceForTest([], { candidates, ...changes })
  const queue = { waiting: 0, freed: 0 }
  const room = {
    isAnyoneWaiting: () => queue.waiting > 0,
    noteFreed: () => void queue.freed++,
  } as unknown as WaitingRoom
  const chooser = new Chooser(nodeWide, states)
  const ground = { start: { limits: { connectionsMax } }, nodeWide, states, chooser, room }
  /** Beside a dial to the first candidate, after those of `failed` have failed. */
  const hedge = (failed: readonly number[] = [], first = 0): number => {
    const attempts = failed.map((i) => ({ upstreamIndex: i, upstreamAddressIndex: i, error: 111, durationMs: 0 }))
    const dial = { service, first: candidates[first], failed: attempts, clientHash: 0, known: -1 }
    return chooseHedge(ground, dial, NOW_MS)
  }
  const places = () => [nodeWide.openConnections, ...shares.map((_, i) => states.upstreamConnections(i))]
  return { ground, service, states, nodeWide, queue, hedge, places }
}

test('the hedge is the next candidate, without the one under way and those that failed', () => {
  const { hedge, places } = scene([{}, {}, {}])
  assert.equal(hedge(), 1)
  assert.equal(hedge([1]), 2)
  assert.equal(hedge([0], 1), 2)
  assert.equal(hedge([1, 2]), NONE)
  assert.deepEqual(places(), [3, 0, 1, 2])
})

test('a hedge takes a place of its upstream and of the node, and gives both back', () => {
  const { ground, service, hedge, places, queue } = scene([{}, { maxConnections: 1 }])
  assert.equal(hedge(), 1)
  assert.deepEqual(places(), [1, 0, 1])
  assert.equal(hedge(), NONE)
  assert.deepEqual(places(), [1, 0, 1])
  giveHedgePlacesBack(ground, service, service.candidates[1])
  assert.deepEqual(places(), [0, 0, 0])
  assert.equal(queue.freed, 1)
  assert.equal(hedge(), 1)
})

test('nobody is hedged to who is down, unless the first is down too', () => {
  const { states, hedge, places, queue } = scene([{}, {}])
  states.setFound(1, 'down')
  assert.equal(hedge(), NONE)
  assert.deepEqual(places(), [0, 0, 0])
  // A place was taken for a moment, and somebody may have missed it.
  assert.equal(queue.freed, 1)
  states.setFound(0, 'down')
  assert.equal(hedge(), 1)
})

test('nobody is hedged to whom an operator drains, or who takes no new clients', () => {
  const { states, hedge } = scene([{}, {}, { weight: 0 }])
  states.setWanted(1, 'drain')
  assert.equal(hedge(), NONE)
})

test('a backup is hedged to when no primary is left', () => {
  const { hedge } = scene([{}, { backup: true }, {}])
  assert.equal(hedge(), 2)
  assert.equal(hedge([2]), 1)
})

test('while anybody waits in the queue there is no hedge', () => {
  const { queue, hedge, places } = scene([{}, {}])
  queue.waiting = 1
  assert.equal(hedge(), NONE)
  assert.deepEqual(places(), [0, 0, 0])
  queue.waiting = 0
  assert.equal(hedge(), 1)
})

test('hedges leave the last quarter of the node to clients', () => {
  const { nodeWide, hedge } = scene([{}, {}], {}, 100)
  for (let i = 0; i < 70; i++) nodeWide.takePlace(100)
  for (let i = 0; i < 10; i++) assert.equal(hedge(), i < 5 ? 1 : NONE)
  assert.equal(nodeWide.openConnections, 75)
})

test('where there was nobody it is tried again after hedgeAfter, once a second at most', () => {
  const { service } = scene([{}], { hedgeAfterMs: 50 })
  assert.equal(nextHedgeTryMs(service, NOW_MS), NOW_MS + 1000)
  assert.equal(nextHedgeTryMs({ ...service, hedgeAfterMs: 3000 }, NOW_MS), NOW_MS + 3000)
})

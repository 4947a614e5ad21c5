import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Chooser, NONE } from '../balance/choose.ts'
import type { FailedAttempt } from '../log-ring.ts'
import { NodeWide } from '../node-wide.ts'
import { LOOPBACK, PLAIN_SHARE, serviceForTest } from '../service-for-test.ts'
import type { QueueRules, Service } from '../tables.ts'
import { UpstreamStates } from '../upstream-states.ts'
import { SharedQueue } from './shared-queue.ts'
import { callOldest, CLIENT_FULL, QUEUE_FULL, WaitingRoom, WAITS } from './waiting-room.ts'
import { WorkerWakes } from './worker-wakes.ts'

const WORKERS = 2
const NOW_MS = 5000

interface Waiter {
  readonly worker: number
  readonly owner: number
  readonly entry: number
  readonly ticket: number
}

/** Two workers' rooms over one service whose upstreams have `places` each. */
class Scene {
  readonly states: UpstreamStates
  readonly service: Service
  readonly queue: SharedQueue
  readonly wakes = new WorkerWakes(new SharedArrayBuffer(WorkerWakes.bytes(WORKERS)))
  readonly rooms: WaitingRoom[]
  readonly #chooser: Chooser
  readonly waiters = new Map<string, Waiter>()
  #owners = 0

  constructor(places: number, upstreams = 1, rules: Partial<QueueRules> = {}, changes: Partial<Service> = {}) {
    const shape = { services: 1, upstreams }
    this.states = new UpstreamStates(new SharedArrayBuffer(UpstreamStates.bytes(shape)), shape)
    const max = rules.max ?? 10
    const memory = SharedQueue.make(max, 12345)
    this.queue = new SharedQueue(memory)
    const share = { ...PLAIN_SHARE, maxConnections: places }
    const candidates = Array.from({ length: upstreams }, (_, i) => {
      return { upstreamIndex: i, addressIndex: i, address: LOOPBACK, share }
    })
    const queue = { timeoutMs: 5000, perClient: 10, ...rules, max, memory }
    this.service = serviceForTest([], { candidates, queue, ...changes })
    const nodeWide = new NodeWide(new SharedArrayBuffer(NodeWide.bytes(upstreams)))
    const chooser = new Chooser(nodeWide, this.states)
    this.#chooser = chooser
    this.rooms = Array.from({ length: WORKERS }, (_, i) => new WaitingRoom(i, this.wakes, this.states, chooser))
  }

  /** Both places, without the queue. */
  takePast(): number {
    assert.ok(this.states.takeServicePlace(0, this.service.maxConnections))
    return this.#chooser.choose(this.service, null, 0, NOW_MS)
  }

  /** The result of joining; who waits is kept by its name. `address` is IPv4 or the first 64 bits of an IPv6 one. */
  join(name: string, worker = 0, address: readonly number[] = [192, 0, 2, 1], tried: readonly number[] = []): number {
    const owner = this.#owners++
    const choice = this.rooms[worker].join(this.#comer(address, tried), owner, 0, NOW_MS)
    const { entry, ticket } = this.rooms[worker]
    if (choice === WAITS) this.waiters.set(name, { worker, owner, entry, ticket })
    return choice
  }

  #comer(address: readonly number[], tried: readonly number[]) {
    const failed = tried.map((at): FailedAttempt => {
      return { upstreamIndex: at, upstreamAddressIndex: at, error: 111, durationMs: 0 }
    })
    const family = address.length === 4 ? (4 as const) : (6 as const)
    const addressBytes = Uint8Array.from(address)
    return { service: this.service, addressBytes, addressAt: 0, family, tried: failed, known: -1 }
  }

  /** Who is called now, in the order of the workers; nobody answers. */
  called(): string[] {
    return this.rooms.flatMap((room) => {
      const owner = room.nextCalled()
      return [...this.waiters].filter(([, waiter]) => waiter.owner === owner).map(([name]) => name)
    })
  }

  answer(name: string, tried: readonly number[] = []): number {
    const { worker, entry } = this.#waiter(name)
    const choice = this.rooms[worker].answer(this.#comer([192, 0, 2, 1], tried), entry, NOW_MS)
    if (choice !== WAITS) this.waiters.delete(name)
    return choice
  }

  leave(name: string): void {
    const { worker, entry } = this.#waiter(name)
    this.rooms[worker].leave(this.service, entry)
    this.waiters.delete(name)
  }

  #waiter(name: string): Waiter {
    const waiter = this.waiters.get(name)
    assert.ok(waiter !== undefined, `${name} waits`)
    return waiter
  }

  /** One connection of the upstream ends, with its place at the service. */
  free(upstream = 0): void {
    this.states.giveUpstreamPlaceBack(upstream)
    this.states.giveServicePlaceBack(0)
    this.rooms[0].noteFreed(this.service)
  }
}

describe('the waiting room', () => {
  test('serves at once while there are places, and calls the oldest over all workers when one is free', () => {
    const scene = new Scene(1)
    assert.equal(scene.join('first'), 0)
    assert.deepEqual([scene.join('a', 1), scene.join('b', 0), scene.join('c', 1)], [WAITS, WAITS, WAITS])
    for (const name of ['a', 'b', 'c']) {
      scene.free()
      assert.deepEqual(scene.called(), [name])
      assert.equal(scene.answer(name), 0)
      assert.deepEqual(scene.called(), [])
    }
    assert.deepEqual([scene.queue.count, scene.states.upstreamConnections(0)], [0, 1])
  })

  test('a call of a client that has left is passed on', () => {
    const scene = new Scene(1)
    for (const name of ['first', 'a', 'b', 'c']) scene.join(name, 1)
    scene.free()
    scene.leave('a')
    assert.deepEqual(scene.called(), ['b'])
    scene.leave('c')
    assert.equal(scene.answer('b'), 0)
  })

  test('nobody overtakes: a client that joins while one is called waits behind it', () => {
    const scene = new Scene(1)
    for (const name of ['first', 'a']) scene.join(name)
    scene.free()
    assert.equal(scene.join('b'), WAITS)
    assert.equal(scene.answer('a'), 0)
    scene.free()
    assert.deepEqual(scene.called(), ['b'])
  })

  test('who is called in a worker that is off its core is waited for by nobody', () => {
    const scene = new Scene(1)
    for (const [name, worker] of [
      ['first', 0],
      ['slow', 1],
      ['b', 0],
    ] as const) {
      scene.join(name, worker)
    }
    scene.free()
    // Somebody who had seen an empty queue takes the place now, past it, and gives it back.
    assert.equal(scene.takePast(), 0)
    scene.free()
    assert.deepEqual(scene.called(), ['b', 'slow'])
    assert.equal(scene.answer('b'), 0)
    assert.equal(scene.answer('slow'), WAITS)
    scene.free()
    assert.deepEqual(scene.called(), ['slow'])
    assert.equal(scene.answer('slow'), 0)
  })

  test('a place that came free while everybody was called is there for the next to come', () => {
    const scene = new Scene(2)
    for (const name of ['first', 'second', 'a']) scene.join(name)
    scene.free()
    scene.free()
    assert.equal(scene.join('b'), 0)
    assert.equal(scene.answer('a'), 0)
  })

  test('a place that came free while everybody was called is there for one who came between', () => {
    const scene = new Scene(2, 1)
    for (const name of ['first', 'second', 'a']) scene.join(name)
    scene.free()
    assert.equal(scene.join('b'), WAITS)
    scene.free()
    assert.deepEqual([scene.answer('a'), scene.answer('b')], [0, 0])
  })

  test('a client called for nothing waits on at its old place, and those behind it are called for what it has tried', () => {
    const scene = new Scene(1, 2)
    for (const name of ['first', 'second']) scene.join(name)
    assert.equal(scene.join('a', 0, [192, 0, 2, 1], [0]), WAITS)
    assert.equal(scene.join('b', 1), WAITS)
    scene.free(0)
    assert.deepEqual(scene.called(), ['a'])
    assert.equal(scene.answer('a', [0]), WAITS)
    assert.deepEqual(scene.called(), ['b'])
    assert.equal(scene.answer('b'), 0)
    scene.free(1)
    assert.deepEqual(scene.called(), ['a'])
    assert.equal(scene.answer('a', [0]), 1)
  })

  test("the service's places are waited for as the upstreams' are", () => {
    const scene = new Scene(0, 1, {}, { maxConnections: 1 })
    assert.deepEqual([scene.join('first'), scene.join('a')], [0, WAITS])
    scene.free()
    assert.equal(scene.answer('a'), 0)
    assert.deepEqual([scene.states.serviceConnections(0), scene.states.upstreamConnections(0)], [1, 1])
  })

  test('a client for whom no upstream is left takes no place, and the call goes on', () => {
    const scene = new Scene(1)
    for (const name of ['first', 'a', 'b']) scene.join(name)
    scene.free()
    assert.equal(scene.answer('a', [0]), NONE)
    assert.deepEqual(scene.called(), ['b'])
    assert.equal(scene.states.serviceConnections(0), 0)
  })

  test('control calls the oldest, and who is served then calls the next', () => {
    const scene = new Scene(1)
    for (const name of ['first', 'a', 'b', 'c']) scene.join(name)
    // New tables with more places, say: nobody gave one back.
    for (let i = 0; i < 1; i++) scene.states.giveUpstreamPlaceBack(0)
    callOldest(scene.queue, scene.wakes)
    assert.equal(scene.answer('a'), 0)
    assert.deepEqual(scene.called(), ['b'])
    assert.equal(scene.answer('b'), WAITS)
    assert.deepEqual(scene.called(), [])
  })

  test('is bounded as a whole, and for one client: an IPv4 address, or the /64 of an IPv6 one', () => {
    const scene = new Scene(1, 1, { max: 6, perClient: 2 })
    scene.join('first')
    const v6 = (network: number, host: number) => [0x20, 1, 0xd, 0xb8, 0, 0, 0, network, 0, 0, 0, 0, 0, 0, 0, host]
    const results = [
      scene.join('a', 0, v6(1, 1)),
      scene.join('b', 1, v6(1, 2)),
      scene.join('c', 0, v6(1, 3)),
      scene.join('d', 0, v6(2, 1)),
      scene.join('e', 0, [203, 0, 113, 1]),
      scene.join('f', 1, [203, 0, 113, 1]),
      scene.join('g', 1, [203, 0, 113, 1]),
      scene.join('h', 1, [203, 0, 113, 2]),
      scene.join('i', 1, [203, 0, 113, 3]),
    ]
    assert.deepEqual(results, [WAITS, WAITS, CLIENT_FULL, WAITS, WAITS, WAITS, CLIENT_FULL, WAITS, QUEUE_FULL])
    scene.leave('a')
    assert.equal(scene.join('j', 0, v6(1, 4)), WAITS)
  })

  test('tickets may wrap around', () => {
    const scene = new Scene(1)
    scene.join('first')
    const ints = new Int32Array(scene.queue.memory)
    ints[2] = 2 ** 31 - 2
    for (const name of ['a', 'b', 'c']) scene.join(name)
    for (const name of ['a', 'b', 'c']) {
      scene.free()
      assert.equal(scene.answer(name), 0)
    }
  })
})

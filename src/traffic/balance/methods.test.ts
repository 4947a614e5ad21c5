/** What every balance method promises, and then what each promises beside it. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { Random } from '../../../test/harness/random.ts'
import type { FailedAttempt } from '../log-ring.ts'
import { NodeWide } from '../node-wide.ts'
import { PLAIN_SHARE, serviceForTest } from '../service-for-test.ts'
import { BALANCE_METHOD_NAMES } from '../tables.ts'
import type { BalanceMethodName, Service, UpstreamShare } from '../tables.ts'
import { UpstreamStates } from '../upstream-states.ts'
import { Chooser, FULL, METHODS } from './choose.ts'
import { mix32 } from '../../lib/client-hash.ts'

const NOW_MS = 5000
const CLIENTS = 60_000

/** By the last byte of its address: upstreams that join or leave keep the addresses of the others. */
type Shares = ReadonlyMap<number, Partial<UpstreamShare>>

function sharesOf(...weights: readonly number[]): Shares {
  return new Map(weights.map((weight, i) => [i + 1, { weight }]))
}

/** `owners`: the upstream of each address; without them each has its own. */
function serviceOf(shares: Shares, changes: Partial<Service>, owners?: readonly number[]): Service {
  const candidates = [...shares].map(([lastByte, share], i) => {
    const address = { family: 4 as const, address: `192.0.2.${lastByte}`, port: 443 }
    return { upstreamIndex: owners?.[i] ?? i, addressIndex: i, address, share: { ...PLAIN_SHARE, ...share } }
  })
  return serviceForTest([], { candidates, ...changes })
}

function scene(balance: BalanceMethodName, shares: Shares, changes: Partial<Service> = {}, owners?: readonly number[]) {
  const service = serviceOf(shares, { balance, ...changes }, owners)
  const shape = { services: 1, upstreams: shares.size }
  const states = new UpstreamStates(new SharedArrayBuffer(UpstreamStates.bytes(shape)), shape)
  const nodeWide = new NodeWide(new SharedArrayBuffer(NodeWide.bytes(shares.size)))
  const seeded = new Random(7)
  const chooser = new Chooser(nodeWide, states, () => seeded.integer(2 ** 32) / 2 ** 32)
  const names = [...shares.keys()]
  /** The last byte of the upstream's address; the connection stays open. */
  const choose = (client: number, tried: readonly FailedAttempt[] | null = null): number =>
    names[chooser.choose(service, tried, mix32(client), NOW_MS)]
  /** Clients of each upstream. With `endAfter`, each connection ends when so many others were opened after it. */
  const count = (clients = CLIENTS, endAfter = 0): Map<number, number> => {
    const counts = new Map(names.map((name) => [name, 0]))
    const open: number[] = []
    for (let i = 0; i < clients; i++) {
      const name = choose(i)
      counts.set(name, (counts.get(name) ?? 0) + 1)
      open.push(name)
      if (open.length <= endAfter) continue
      const { upstreamIndex } = service.candidates[names.indexOf(open.shift() as number)]
      states.giveUpstreamPlaceBack(upstreamIndex)
    }
    return counts
  }
  return { service, states, nodeWide, names, choose, count }
}

function assertShares(counts: ReadonlyMap<number, number>, shares: Shares, deviationMax = 0.05): void {
  const total = [...shares.values()].reduce((sum, { weight = 1 }) => sum + weight, 0)
  const clients = [...counts.values()].reduce((sum, count) => sum + count, 0)
  for (const [name, { weight = 1 }] of shares) {
    const expected = (clients * weight) / total
    const got = counts.get(name) ?? 0
    assert.ok(Math.abs(got - expected) <= expected * deviationMax, `upstream ${name} got ${got} of ${expected}`)
  }
}

const SHARING = BALANCE_METHOD_NAMES.filter((name) => name !== 'ordered')
/** Those whose share grows over `slowStart`. */
const SLOW_STARTING = SHARING.filter((name) => name !== 'source-hash')

for (const balance of BALANCE_METHOD_NAMES) {
  describe(`every method: ${balance}`, () => {
    test('upstreams of weight 0, drained, down, tried, or beside a better rank get nobody', () => {
      const { states, choose } = scene(
        balance,
        new Map([
          [1, { weight: 0 }],
          [2, {}],
          [3, {}],
          [4, {}],
          [5, {}],
          [6, { backup: true }],
          [7, {}],
        ]),
      )
      states.setWanted(1, 'drain')
      states.setWanted(2, 'down')
      states.setFound(3, 'down')
      const tried = [{ upstreamIndex: 4, upstreamAddressIndex: 4, error: 111, durationMs: 0 }]
      for (let i = 0; i < 2000; i++) assert.equal(choose(i, tried), 7)
      states.setFound(6, 'down')
      for (let i = 0; i < 2000; i++) assert.equal(choose(i, tried), 6, 'the backup, while no primary is up')
      states.setFound(6, 'up')
      for (let i = 0; i < 2000; i++) assert.equal(choose(i, tried), 7, 'and the primary as soon as it is back')
    })

    test('it picks what is in the pool, wherever in it that is', () => {
      const { states, choose, names } = scene(balance, sharesOf(...Array.from({ length: 40 }, (_, i) => 1 + (i % 7))))
      const random = new Random(3)
      for (let round = 0; round < 200; round++) {
        const up = names.filter(() => random.chance(0.2))
        for (const [i, name] of names.entries()) states.setWanted(i, up.includes(name) ? 'up' : 'drain')
        if (up.length === 0) continue
        for (let i = 0; i < 10; i++) assert.ok(up.includes(choose(round * 10 + i)))
      }
    })

    test('nobody gets more than its maxConnections: the others do, and then it is full', () => {
      const shares = new Map([
        [1, { maxConnections: 3 }],
        [2, { maxConnections: 5, weight: 9 }],
        [3, { maxConnections: 1, backup: true }],
      ])
      const { service, states, nodeWide, choose } = scene(balance, shares)
      const got = Array.from({ length: 9 }, (_, i) => choose(i)).sort((one, other) => one - other)
      assert.deepEqual(got, [1, 1, 1, 2, 2, 2, 2, 2, 3])
      assert.equal(new Chooser(nodeWide, states).choose(service, null, 1, NOW_MS), FULL)
    })

    test('with threads that race for the last places, nobody has too many for a moment, and none is left over', async () => {
      // Fewer together than one thread would hold.
      const most = [1, 2, 1]
      const shares = new Map(most.map((maxConnections, i) => [i + 1, { maxConnections, weight: 1 + i }]))
      const { held, full } = await race(serviceOf(shares, { balance }), 3, 10_000)
      for (const [i, mostHeld] of held.entries()) {
        assert.ok(mostHeld <= most[i], `upstream ${i + 1} had ${mostHeld} of ${most[i]}`)
      }
      assert.ok(full > 0, 'the race was for places that were scarce')
    })
  })
}

for (const balance of SHARING) {
  describe(`every method that shares: ${balance}`, () => {
    test('equals get equally much, be the connections short or long', () => {
      for (const endAfter of [0, 500]) {
        const shares = sharesOf(1, 1, 1, 1, 1, 1, 1)
        assertShares(scene(balance, shares).count(CLIENTS, endAfter), shares)
      }
    })

    test('weights hold within 5 %, be the connections short or long', () => {
      for (const endAfter of [0, 500]) {
        const shares = sharesOf(5, 3, 1, 1, 10)
        assertShares(scene(balance, shares).count(CLIENTS, endAfter), shares)
      }
    })

    test('an upstream with several addresses has one share, and its addresses have the same of it', () => {
      for (const endAfter of [0, 500]) {
        const third = { weight: 1 / 3 }
        const shares = new Map([
          [1, { weight: 1 }],
          [2, third],
          [3, third],
          [4, third],
        ])
        assertShares(scene(balance, shares, {}, [0, 1, 1, 1]).count(CLIENTS, endAfter), shares)
      }
    })

    test('the share of one that is away falls to all others, as their weights say', () => {
      const { states, count } = scene(balance, sharesOf(5, 3, 4, 1, 7))
      states.setFound(2, 'down')
      assertShares(count(), new Map([5, 3, 0, 1, 7].map((weight, i) => [i + 1, { weight }])))
    })
  })
}

for (const balance of SLOW_STARTING) {
  test(`slow start: with ${balance} an upstream that is back gets a tenth at first, half in the middle, then all`, () => {
    for (const [upForMs, part] of [
      [0, 0.1],
      [500, 0.55],
      [1000, 1],
      [NOW_MS, 1],
    ]) {
      const { states, count } = scene(balance, sharesOf(2, 2, 2), { slowStartMs: 1000 })
      // Since 0 is: since the daemon runs.
      states.setUpSince(1, NOW_MS - upForMs)
      assertShares(count(CLIENTS, 300), new Map([2, 2 * part, 2].map((weight, i) => [i + 1, { weight }])), 0.08)
    }
  })

  test(`slow start: where ${balance} has only upstreams that came back together, they share as ever`, () => {
    const { states, count } = scene(balance, sharesOf(1, 3), { slowStartMs: 1000 })
    for (const i of [0, 1]) states.setUpSince(i, NOW_MS)
    assertShares(count(), sharesOf(1, 3))
  })
}

describe('round-robin', () => {
  test('goes round in order, and smoothly by weight', () => {
    const equal = scene('round-robin', sharesOf(1, 1, 1))
    assert.deepEqual(
      Array.from({ length: 6 }, (_, i) => equal.choose(i)),
      [1, 2, 3, 1, 2, 3],
    )
    const weighted = scene('round-robin', sharesOf(5, 1, 1))
    assert.deepEqual(
      Array.from({ length: 7 }, (_, i) => weighted.choose(i)),
      [1, 1, 2, 1, 3, 1, 1],
    )
  })

  test('goes on over the end of the 32-bit counter', () => {
    const { service, states, choose } = scene('round-robin', sharesOf(1, 1, 1, 1))
    for (const turn of [2 ** 31 - 3, 2 ** 32 - 3]) {
      const counts = [0, 0, 0, 0]
      states.setTurn(service.index, turn)
      for (let i = 0; i < 8; i++) counts[choose(i) - 1]++
      assert.deepEqual(counts, [2, 2, 2, 2], `from turn ${turn}`)
    }
  })

  test('is exact over threads that choose at the same time', async () => {
    const { chosen } = await race(serviceOf(sharesOf(1, 1, 2), { balance: 'round-robin' }), 3, 20_000)
    assert.deepEqual(chosen, [15_000, 15_000, 30_000])
  })

  test('what is left of very many takes its turns by weight', () => {
    const { states, names, count } = scene('round-robin', sharesOf(...Array.from({ length: 250 }, (_, i) => i + 1)))
    for (const i of names.keys()) if (i > 1) states.setFound(i, 'down')
    const counts = count(6000)
    assertShares(new Map([1, 2].map((name) => [name, counts.get(name) ?? 0])), sharesOf(1, 2))
  })
})

describe('least-connections', () => {
  test('goes where the fewest are, for the weight, whoever opened them', () => {
    const { states, choose } = scene('least-connections', sharesOf(1, 1, 2))
    // Another worker's.
    states.takeUpstreamPlace(0, 0)
    for (let i = 0; i < 3; i++) states.takeUpstreamPlace(2, 0)
    assert.deepEqual([choose(1), choose(2)].slice(0, 1), [2])
    states.takeUpstreamPlace(0, 0)
    states.takeUpstreamPlace(1, 0)
    assert.equal(choose(3), 3)
  })
})

describe('power-of-two', () => {
  test('two upstreams are always compared', () => {
    const { states, choose } = scene('power-of-two', sharesOf(1, 1))
    for (let i = 0; i < 100; i++) states.takeUpstreamPlace(0, 0)
    for (let i = 0; i < 100; i++) assert.equal(choose(i), 2)
  })
})

describe('source-hash', () => {
  const WEIGHTS = [1, 2, 3, 1, 1, 4]

  function owners(shares: Shares): number[] {
    const { choose } = scene('source-hash', shares)
    return Array.from({ length: CLIENTS }, (_, i) => choose(i))
  }

  test('a client stays with its upstream, on every worker and after every start', () => {
    assert.deepEqual(owners(sharesOf(...WEIGHTS)), owners(sharesOf(...WEIGHTS)))
    // Written down: nodes of different versions must agree.
    assert.deepEqual(owners(sharesOf(...WEIGHTS)).slice(0, 12), [1, 3, 4, 4, 5, 3, 3, 2, 5, 3, 3, 3])
  })

  test('when one leaves, only its clients move, and all others share them', () => {
    const before = owners(sharesOf(...WEIGHTS))
    for (const leaving of [1, 3, 6]) {
      const rest = new Map([...sharesOf(...WEIGHTS)].filter(([name]) => name !== leaving))
      const after = owners(rest)
      const moved = new Map<number, number>()
      for (const [i, name] of after.entries()) {
        if (before[i] !== leaving) assert.equal(name, before[i])
        else moved.set(name, (moved.get(name) ?? 0) + 1)
      }
      assertShares(moved, rest, 0.15)
    }
  })

  test('one that is down for a while loses its clients and gets the same ones back', () => {
    const { states, choose } = scene('source-hash', sharesOf(...WEIGHTS))
    const now = (): number[] => Array.from({ length: 2000 }, (_, i) => choose(i))
    const before = now()
    states.setFound(2, 'down')
    for (const [i, name] of now().entries()) assert.ok(before[i] === 3 ? name !== 3 : name === before[i])
    states.setFound(2, 'up')
    assert.deepEqual(now(), before)
  })

  test('when one joins, even in the middle, it gets its share from all, and nobody else moves', () => {
    const rest = new Map([...sharesOf(...WEIGHTS)].filter(([name]) => name !== 3))
    const before = owners(rest)
    const after = owners(sharesOf(...WEIGHTS))
    const taken = after.filter((name, i) => name !== before[i])
    assert.deepEqual([...new Set(taken)], [3])
    const share = (3 / WEIGHTS.reduce((sum, weight) => sum + weight, 0)) * CLIENTS
    assert.ok(Math.abs(taken.length - share) < share * 0.05, `${taken.length} of ${share} moved`)
  })
})

test('every method has its name in the table', () => {
  assert.deepEqual(Object.keys(METHODS), BALANCE_METHOD_NAMES)
})

interface Race {
  /** The most that were held at each upstream at any moment, as counted beside the states. */
  readonly held: readonly number[]
  readonly chosen: readonly number[]
  /** How often nothing was free. */
  readonly full: number
}

/** Threads that choose, hold for a few rounds, and give back, as fast as they can. */
async function race(service: Service, threads: number, choices: number): Promise<Race> {
  const upstreams = service.candidates.length
  const shape = { services: 1, upstreams }
  const workerData = {
    service,
    shape,
    choices,
    statesMemory: new SharedArrayBuffer(UpstreamStates.bytes(shape)),
    nodeWideMemory: new SharedArrayBuffer(NodeWide.bytes(upstreams)),
    counts: new SharedArrayBuffer(4 * (3 * upstreams + 2)),
    folder: new URL('.', import.meta.url).href,
  }
  const source = `
    import { workerData } from 'node:worker_threads'
    const { service, shape, choices, statesMemory, nodeWideMemory, counts, folder } = workerData
    const { Chooser } = await import(folder + 'choose.ts')
    const { NodeWide } = await import(folder + '../node-wide.ts')
    const { UpstreamStates } = await import(folder + '../upstream-states.ts')
    const states = new UpstreamStates(statesMemory, shape)
    const chooser = new Chooser(new NodeWide(nodeWideMemory), states)
    const ints = new Int32Array(counts)
    const n = shape.upstreams
    const open = []
    const end = (place) => {
      Atomics.sub(ints, place, 1)
      states.giveUpstreamPlaceBack(place)
    }
    Atomics.add(ints, 3 * n + 1, 1)
    while (Atomics.load(ints, 3 * n + 1) < ${threads});
    for (let i = 0; i < choices; i++) {
      const place = chooser.choose(service, null, Math.imul(i, 0x9e3779b9), 5000)
      if (place < 0) Atomics.add(ints, 3 * n, 1)
      else {
        // Counted after the taking and uncounted before the giving back: never more than are really held.
        const held = Atomics.add(ints, place, 1) + 1
        for (let most = Atomics.load(ints, n + place); held > most; most = Atomics.load(ints, n + place))
          Atomics.compareExchange(ints, n + place, most, held)
        Atomics.add(ints, 2 * n + place, 1)
        open.push(place)
      }
      if (open.length > 4) end(open.shift())
    }
    open.forEach(end)
  `
  const one = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const thread = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), { workerData })
      thread.once('exit', () => resolve())
      thread.once('error', reject)
    })
  await Promise.all(Array.from({ length: threads }, one))
  const states = new UpstreamStates(workerData.statesMemory, shape)
  for (let i = 0; i < upstreams; i++) assert.equal(states.upstreamConnections(i), 0, 'every place came back')
  const ints = [...new Int32Array(workerData.counts)]
  return {
    held: ints.slice(upstreams, 2 * upstreams),
    chosen: ints.slice(2 * upstreams, 3 * upstreams),
    full: ints[3 * upstreams],
  }
}

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { FailedAttempt } from '../log-ring.ts'
import { NodeWide } from '../node-wide.ts'
import { PLAIN_SHARE, serviceForTest } from '../service-for-test.ts'
import { CANDIDATES_MAX } from '../tables.ts'
import type { Service, UpstreamShare } from '../tables.ts'
import { UpstreamStates } from '../upstream-states.ts'
import type { Found, Wanted } from '../upstream-states.ts'
import { Chooser, FULL, NONE } from './choose.ts'

const NOW_MS = 5000

/** What is not ordinary about one upstream. */
interface Upstream extends Partial<UpstreamShare> {
  readonly failedUntilMs?: number
  readonly ejectedUntilMs?: number
  readonly found?: Found
  readonly wanted?: Wanted
}

/** A service with one candidate for each upstream; addressIndex runs against the order, so that it can't be mistaken for it. */
function scene(upstreams: readonly Upstream[], changes: Partial<Service> = {}) {
  const shape = { services: 1, upstreams: upstreams.length }
  const states = new UpstreamStates(new SharedArrayBuffer(UpstreamStates.bytes(shape)), shape)
  const nodeWide = new NodeWide(new SharedArrayBuffer(NodeWide.bytes(upstreams.length)))
  const candidates = upstreams.map((upstream, i) => {
    const addressIndex = upstreams.length - 1 - i
    const { failedUntilMs = 0, ejectedUntilMs = 0, found = 'unknown', wanted = 'up', ...share } = upstream
    nodeWide.rememberFailure(addressIndex, failedUntilMs)
    states.eject(i, 0, ejectedUntilMs)
    states.setFound(i, found)
    states.setWanted(i, wanted)
    const address = { family: 4 as const, address: `192.0.2.${i}`, port: 80 }
    return { upstreamIndex: i, addressIndex, address, share: { ...PLAIN_SHARE, ...share } }
  })
  const service = serviceForTest([], { candidates, ...changes })
  const chooser = new Chooser(nodeWide, states)
  const choose = (tried: readonly FailedAttempt[] | null = null): number => chooser.choose(service, tried, 0, NOW_MS)
  return { service, states, nodeWide, chooser, choose }
}

/** The order in which one client would try all candidates. */
function order(upstreams: readonly Upstream[], changes: Partial<Service> = {}): number[] {
  const { service, states, choose } = scene(upstreams, changes)
  const tried: FailedAttempt[] = []
  for (let i = 0; i <= upstreams.length; i++) {
    const place = choose(tried)
    if (place === NONE) return tried.map(({ upstreamIndex }) => upstreamIndex)
    const { upstreamIndex, addressIndex } = service.candidates[place]
    states.giveUpstreamPlaceBack(upstreamIndex)
    tried.push({ upstreamIndex, upstreamAddressIndex: addressIndex, error: 111, durationMs: 0 })
  }
  throw new Error('A candidate was chosen twice')
}

describe('choosing a candidate', () => {
  test('ordered tries the candidates in their order, and each once', () => {
    assert.deepEqual(order([{}, {}, {}]), [0, 1, 2])
    assert.deepEqual(order([]), [])
  })

  test('what failed a moment ago is tried last, and its failure is over at its time', () => {
    assert.deepEqual(order([{ failedUntilMs: NOW_MS + 1 }, {}, {}]), [1, 2, 0])
    assert.deepEqual(order([{}, { failedUntilMs: NOW_MS + 1 }, {}]), [0, 2, 1])
    assert.deepEqual(order([{ failedUntilMs: NOW_MS }, { failedUntilMs: NOW_MS - 1 }]), [0, 1])
    assert.deepEqual(order([{ failedUntilMs: NOW_MS + 0.001 }, {}]), [1, 0])
  })

  test('where all failed lately, the order is the configured one again', () => {
    const failed = [900, 1, 500].map((ms) => ({ failedUntilMs: NOW_MS + ms }))
    assert.deepEqual(order(failed), [0, 1, 2])
  })

  test('tells the greatest number of candidates apart', () => {
    const last = CANDIDATES_MAX - 1
    const failed = Array.from({ length: CANDIDATES_MAX }, (_, i) => ({ failedUntilMs: i === last ? 0 : NOW_MS + 1 }))
    assert.deepEqual(order(failed), [last, ...Array.from({ length: last }, (_, i) => i)])
  })

  test('backups come after every primary that is up, and before those that failed a moment ago', () => {
    assert.deepEqual(order([{ backup: true }, {}, {}]), [1, 2, 0])
    assert.deepEqual(order([{ backup: true }, { failedUntilMs: NOW_MS + 1 }, {}]), [2, 0, 1])
    assert.deepEqual(order([{ backup: true, failedUntilMs: NOW_MS + 1 }, { failedUntilMs: NOW_MS + 1 }]), [1, 0])
  })

  test('what checks found down, or failures took out, is tried when nothing else is left, if at all', () => {
    const down: Upstream[] = [{ found: 'down' }, { ejectedUntilMs: NOW_MS + 1 }, { backup: true }, { found: 'up' }]
    assert.deepEqual(order(down), [3, 2, 0, 1])
    assert.deepEqual(order(down, { whenAllDown: 'refuse' }), [3, 2])
    assert.deepEqual(order([{ ejectedUntilMs: NOW_MS }], { whenAllDown: 'refuse' }), [0])
  })

  test('weight 0 and an operator that drains or takes down keep new clients away, whatever else is down', () => {
    assert.deepEqual(order([{ weight: 0 }, { wanted: 'drain' }, { wanted: 'down' }]), [])
    assert.deepEqual(order([{ wanted: 'drain' }, { found: 'down' }]), [1])
  })

  test('an upstream never gets more than its maxConnections; then the next, then FULL', () => {
    const { states, choose } = scene([{ maxConnections: 2 }, { maxConnections: 1, backup: true }, { wanted: 'down' }])
    assert.deepEqual([choose(), choose(), choose(), choose()], [0, 0, 1, FULL])
    states.giveUpstreamPlaceBack(0)
    assert.deepEqual([choose(), choose()], [0, FULL])
    assert.deepEqual([states.upstreamConnections(0), states.upstreamConnections(1)], [2, 1])
  })

  test('a known client stays where it was while that is among the best', () => {
    const known = (upstreams: readonly Upstream[], place: number, changes: Partial<Service> = {}): number => {
      const { chooser, service } = scene(upstreams, changes)
      return chooser.choose(service, null, 0, NOW_MS, place)
    }
    assert.equal(known([{}, {}, {}], 2), 2)
    assert.equal(known([{}, {}, {}], -1), 0)
    assert.equal(known([{}, { found: 'down' }], 1), 0)
    assert.equal(known([{}, { ejectedUntilMs: NOW_MS + 1 }], 1), 0)
    assert.equal(known([{}, { failedUntilMs: NOW_MS + 1 }], 1), 0)
    assert.equal(known([{}, { wanted: 'down' }], 1), 0)
    assert.equal(known([{}, { backup: true }], 1), 0, 'primaries are back')
    assert.equal(known([{ found: 'down' }, { backup: true }, { backup: true }], 2), 2)
    const allFailed = [{ failedUntilMs: NOW_MS + 1 }, { failedUntilMs: NOW_MS + 1 }]
    assert.equal(known(allFailed, 1), 1, 'all failed, so none is better')
  })

  test('a known client stays with an upstream that takes no new ones, until that is down or the client failed there', () => {
    for (const upstream of [{ weight: 0 }, { wanted: 'drain' as const }]) {
      const { chooser, service, states, choose } = scene([{}, upstream])
      assert.equal(chooser.choose(service, null, 0, NOW_MS, 1), 1)
      assert.equal(choose(), 0)
      const tried = [{ upstreamIndex: 1, upstreamAddressIndex: 0, error: 111, durationMs: 0 }]
      assert.equal(chooser.choose(service, tried, 0, NOW_MS, 1), 0)
      states.setFound(1, 'down')
      assert.equal(chooser.choose(service, null, 0, NOW_MS, 1), 0)
    }
    const alone = scene([{ wanted: 'drain' }])
    assert.equal(alone.chooser.choose(alone.service, null, 0, NOW_MS, 0), 0)
  })

  test('a known client whose upstream is full gets another', () => {
    const { chooser, service, states } = scene([{}, { maxConnections: 1 }])
    assert.equal(chooser.choose(service, null, 0, NOW_MS, 1), 1)
    assert.equal(chooser.choose(service, null, 0, NOW_MS, 1), 0)
    states.giveUpstreamPlaceBack(1)
    assert.equal(chooser.choose(service, null, 0, NOW_MS, 1), 1)
  })

  test('every change of a state counts for the next choice', () => {
    const { states, nodeWide, choose } = scene([{}, {}])
    const now = (): number => {
      const place = choose()
      states.giveUpstreamPlaceBack(place)
      return place
    }
    assert.equal(now(), 0)
    states.setWanted(0, 'drain')
    assert.equal(now(), 1)
    states.setWanted(0, 'up')
    assert.equal(now(), 0)
    states.setFound(0, 'down')
    assert.equal(now(), 1)
    states.setFound(0, 'up')
    assert.equal(now(), 0)
    states.eject(0, 0, NOW_MS + 1)
    assert.equal(now(), 1)
    states.endEjection(0)
    assert.equal(now(), 0)
    nodeWide.rememberFailure(1, NOW_MS + 1)
    assert.equal(now(), 1)
    nodeWide.forgetFailure(1)
    assert.equal(now(), 0)
  })

  test('a time that is over counts for the next choice', () => {
    const { chooser, service } = scene([{ ejectedUntilMs: NOW_MS + 20 }, { failedUntilMs: NOW_MS + 10 }, {}])
    const at = (nowMs: number): number => chooser.choose(service, null, 0, nowMs)
    assert.deepEqual([at(NOW_MS), at(NOW_MS + 9), at(NOW_MS + 10), at(NOW_MS + 19), at(NOW_MS + 20)], [2, 2, 1, 1, 0])
  })

  test('where clients can wait, one that is up and full is worth more than one that is down', () => {
    const upstreams: Upstream[] = [{ found: 'down' }, { maxConnections: 1 }]
    const queue = { max: 1, timeoutMs: 1, perClient: 1, memory: undefined }
    const waiting = scene(upstreams, { queue })
    assert.deepEqual([waiting.choose(), waiting.choose()], [1, FULL])
    const trying = scene(upstreams)
    assert.deepEqual([trying.choose(), trying.choose()], [1, 0])
    assert.deepEqual(order([{ found: 'down' }, { found: 'down' }], { queue }), [0, 1])
  })

  test('by rank first, then in order', () => {
    const upstream = fc.record({
      failedUntilMs: fc.constantFrom(0, NOW_MS, NOW_MS + 1),
      found: fc.constantFrom<Found>('unknown', 'up', 'down'),
      backup: fc.boolean(),
    })
    const rank = (at: { failedUntilMs: number; found: Found; backup: boolean }): number =>
      (at.found === 'down' ? 4 : at.failedUntilMs > NOW_MS ? 2 : 0) + (at.backup ? 1 : 0)
    fc.assert(
      fc.property(fc.array(upstream, { maxLength: 40 }), (upstreams) => {
        const expected = upstreams.map((_, i) => i).sort((a, b) => rank(upstreams[a]) - rank(upstreams[b]) || a - b)
        assert.deepEqual(order(upstreams), expected)
      }),
    )
  })
})

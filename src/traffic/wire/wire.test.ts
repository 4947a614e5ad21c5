/** The rules as stories of a client: what it does and when, looked at as often as the rule asks for, and at odd times between. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { nextReadLookMs, READ_NUMBERS, readsTooSlowly } from './slow-read.ts'
import { forgetSending, nextSendLookMs, SEND_NUMBERS, sendsTooSlowly } from './slow-send.ts'
import { nextTinyLookMs, sendsTinySegments, TINY_NUMBERS } from './tiny-segments.ts'
import type { FloorRule, TinySegmentsRule } from './wire-rules.ts'
import { COUNTED } from './wire-state.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const FLOOR: FloorRule = { rule: 'on', bytes: 1024, withinMs: 30 * SECOND }
const TINY: TinySegmentsRule = { rule: 'on', perSecondMax: 500, smallerThanBytes: 64, withinMs: 10 * SECOND }
/** The state is a row among others: what lies beside it must stay as it is. */
const AT = 3

function row(numbers: number): Float64Array {
  return new Float64Array(AT + numbers + 3).fill(-7, 0, AT).fill(-7, AT + numbers)
}

function assertNeighboursUntouched(state: Float64Array): void {
  assert.deepEqual([...state.subarray(0, AT), ...state.subarray(-3)], [-7, -7, -7, -7, -7, -7])
}

/** Bytes of both sides by time, in order. */
type Sent = readonly (readonly [atMs: number, side: 'client' | 'upstream', bytes: number])[]

function sumUntil(sent: Sent, side: string, nowMs: number): number {
  return sent.reduce((sum, [atMs, from, bytes]) => (from === side && atMs <= nowMs ? sum + bytes : sum), 0)
}

/** When the client is called a slow sender, or undefined. */
function slowSendAt(sent: Sent, untilMs: number, rule = FLOOR): number | undefined {
  const state = row(SEND_NUMBERS)
  for (let nowMs = 100; nowMs <= untilMs; nowMs = nextSendLookMs(rule, nowMs)) {
    const [client, upstream] = [sumUntil(sent, 'client', nowMs), sumUntil(sent, 'upstream', nowMs)]
    if (sendsTooSlowly(state, AT, rule, nowMs, client, upstream)) return nowMs
  }
  assertNeighboursUntouched(state)
  return undefined
}

function every(stepMs: number, untilMs: number, bytes: number, side: 'client' | 'upstream' = 'client'): Sent {
  return Array.from({ length: Math.floor(untilMs / stepMs) + 1 }, (_, i) => [i * stepMs, side, bytes] as const)
}

describe('slow send', () => {
  test('ends one that trickles, however rarely, in two windows and two looks at most', () => {
    for (const stepMs of [50, 500, 5 * SECOND, 15 * SECOND, 29 * SECOND]) {
      const endMs = slowSendAt(every(stepMs, 10 * MINUTE, 1), 10 * MINUTE)
      assert.ok(endMs !== undefined && endMs >= 30 * SECOND, `every ${stepMs} ms: ended at ${endMs}`)
      assert.ok(endMs <= 2 * FLOOR.withinMs + FLOOR.withinMs / 2, `every ${stepMs} ms: ended at ${endMs}`)
    }
  })

  test('ends one whose bytes are farther apart than the window', () => {
    const endMs = slowSendAt(every(45 * SECOND, 10 * MINUTE, 1), 10 * MINUTE)
    assert.ok(endMs !== undefined && endMs <= 2 * MINUTE, `ended at ${endMs}`)
  })

  test('ends one that begins with a plausible head, and one that was answered once and then trickles', () => {
    const head: Sent = [[0, 'client', 230], ...every(10 * SECOND, 5 * MINUTE, 8)]
    assert.ok(slowSendAt(head, 5 * MINUTE) !== undefined)
    const second: Sent = [[0, 'client', 200], [50, 'upstream', 5000], ...every(10 * SECOND, 5 * MINUTE, 8)]
    assert.ok(slowSendAt(second, 5 * MINUTE) !== undefined)
  })

  test('leaves one alone that sends little and waits, though it came in pieces', () => {
    assert.equal(
      slowSendAt(
        [
          [0, 'client', 20],
          [150, 'client', 20],
          [9000, 'client', 20],
        ],
        60 * MINUTE,
      ),
      undefined,
    )
  })

  test('leaves one alone that keeps the floor, and one that is answered', () => {
    // 16 kbit/s.
    assert.equal(slowSendAt(every(500, 10 * MINUTE, 1000), 10 * MINUTE), undefined)
    const typing: Sent = [...every(900, 10 * MINUTE, 40), ...every(950, 10 * MINUTE, 40, 'upstream')]
    assert.equal(slowSendAt(typing, 10 * MINUTE), undefined)
  })

  test('an idle hour between two requests is no window', () => {
    const sent: Sent = [
      [0, 'client', 100],
      [20, 'upstream', 100],
      [60 * MINUTE, 'client', 100],
      [61 * MINUTE, 'upstream', 1],
    ]
    assert.equal(slowSendAt(sent, 120 * MINUTE), undefined)
  })

  test('a window that is forgotten begins anew', () => {
    const state = row(SEND_NUMBERS)
    assert.equal(sendsTooSlowly(state, AT, FLOOR, 100, 1, 0), false)
    assert.equal(sendsTooSlowly(state, AT, FLOOR, 30_100, 2, 0), false)
    forgetSending(state, AT, 2, 0)
    assert.equal(sendsTooSlowly(state, AT, FLOOR, 37_600, 3, 0), false)
    assert.equal(sendsTooSlowly(state, AT, FLOOR, 45_000, 4, 0), false)
  })
})

describe('slow read', () => {
  /** A client that takes `bytesPerLook` of what waits for it at each look; `pushed` is what the upstream adds meanwhile. */
  function slowReadAt(bytesPerLook: number, waiting: number, pushed = 0, looks = 200): number | undefined {
    const state = row(READ_NUMBERS)
    let [nowMs, outstanding, taken] = [100, waiting, 0]
    for (let i = 0; i < looks; i++) {
      if (readsTooSlowly(state, AT, FLOOR, nowMs, outstanding, taken)) return nowMs
      nowMs = nextReadLookMs(FLOOR, nowMs)
      const took = Math.min(bytesPerLook, outstanding)
      taken += took
      outstanding += pushed - took
    }
    assertNeighboursUntouched(state)
    return undefined
  }

  test('ends one that takes nothing after one window', () => {
    assert.equal(slowReadAt(0, 100_000), 30_100)
    assert.equal(slowReadAt(0, 1), 30_100)
  })

  test('ends one that takes less than the floor, and leaves one alone that keeps it', () => {
    // Four looks in a window.
    assert.equal(slowReadAt(255, 10_000_000), 30_100)
    assert.equal(slowReadAt(256, 10_000_000), undefined)
  })

  test('leaves one alone that takes all there is, though it is little', () => {
    assert.equal(slowReadAt(10, 10, 10), undefined)
    assert.equal(slowReadAt(1, 1, 0), undefined)
  })

  test('a client with nothing to take is never judged, and its window begins with the next byte', () => {
    const state = row(READ_NUMBERS)
    assert.equal(readsTooSlowly(state, AT, FLOOR, 100, 50, 0), false)
    assert.equal(readsTooSlowly(state, AT, FLOOR, 200, 0, 50), false)
    assert.equal(readsTooSlowly(state, AT, FLOOR, 1e6, 50, 50), false)
    assert.equal(readsTooSlowly(state, AT, FLOOR, 1e6 + 29_999, 50, 50), false)
    assert.equal(readsTooSlowly(state, AT, FLOOR, 1e6 + 30_000, 50, 50), true)
  })

  test('whoever keeps twice the floor at every moment is never slow, however its looks fall', () => {
    const look = fc.integer({ min: 1, max: 7500 })
    fc.assert(
      fc.property(fc.array(look, { maxLength: 200 }), fc.integer({ min: 0, max: 5000 }), (gapsMs, extra) => {
        const state = row(READ_NUMBERS)
        let [nowMs, taken] = [1, 0]
        for (const gapMs of gapsMs) {
          assert.equal(readsTooSlowly(state, AT, FLOOR, nowMs, 1_000_000 + extra, taken), false)
          nowMs += gapMs
          taken += Math.ceil((gapMs * 2 * FLOOR.bytes) / FLOOR.withinMs)
        }
      }),
    )
  })

  test('whoever stays under half the floor ends within three windows, however its looks fall', () => {
    const look = fc.integer({ min: 1, max: 7500 })
    fc.assert(
      fc.property(fc.infiniteStream(look), (gapsMs) => {
        const state = row(READ_NUMBERS)
        let [nowMs, taken] = [1, 0]
        for (const gapMs of gapsMs) {
          if (readsTooSlowly(state, AT, FLOOR, nowMs, 1_000_000, taken)) return
          assert.ok(nowMs < 3 * FLOOR.withinMs, `still there at ${nowMs}`)
          nowMs += gapMs
          taken += (gapMs * FLOOR.bytes) / FLOOR.withinMs / 2
        }
      }),
    )
  })
})

describe('tiny segments', () => {
  function tinyAt(perSecond: number, bytes: number, startAt = 0): number | undefined {
    const state = row(TINY_NUMBERS)
    let nowMs = 100
    for (let i = 0; i < 20; i++) {
      const segments = Math.floor((nowMs * perSecond) / SECOND)
      if (sendsTinySegments(state, AT, TINY, nowMs, (startAt + segments) % 2 ** 32, segments * bytes)) return nowMs
      nowMs = nextTinyLookMs(state, AT, TINY)
    }
    assertNeighboursUntouched(state)
    return undefined
  }

  test('ends a flood of small segments after one window', () => {
    assert.equal(tinyAt(501, 1), 10_100)
    assert.equal(tinyAt(20_000, 63), 10_100)
  })

  test('leaves alone what is fast, what is small, and what types', () => {
    for (const [perSecond, bytes] of [
      [50_000, 64],
      [500, 1],
      [30, 36],
      [100_000, 1400],
    ]) {
      assert.equal(tinyAt(perSecond, bytes), undefined, `${perSecond} a second of ${bytes}`)
    }
  })

  test('a count of 32 bits may wrap', () => {
    assert.equal(tinyAt(501, 1, 2 ** 32 - 3000), 10_100)
    assert.equal(tinyAt(400, 1, 2 ** 32 - 3000), undefined)
  })

  test('more looks than needed change nothing', () => {
    const state = row(TINY_NUMBERS)
    for (let nowMs = 100; nowMs < 10_100; nowMs += 37) {
      assert.equal(sendsTinySegments(state, AT, TINY, nowMs, nowMs, nowMs), false)
    }
    assert.equal(sendsTinySegments(state, AT, TINY, 10_100, 10_100, 10_100), true)
  })
})

test('a rule on watch that has counted a connection has done with it', () => {
  const [send, read, tiny] = [row(SEND_NUMBERS), row(READ_NUMBERS), row(TINY_NUMBERS)]
  for (const state of [send, read, tiny]) state[AT] = COUNTED
  for (let nowMs = 0; nowMs < MINUTE; nowMs += SECOND) {
    assert.equal(sendsTooSlowly(send, AT, FLOOR, nowMs, nowMs / SECOND, 0), false)
    forgetSending(send, AT, nowMs, 0)
    assert.equal(readsTooSlowly(read, AT, FLOOR, nowMs, nowMs % 2, 0), false)
    assert.equal(sendsTinySegments(tiny, AT, TINY, nowMs, nowMs, nowMs), false)
  }
  assert.deepEqual([send[AT], read[AT], tiny[AT]], [COUNTED, COUNTED, COUNTED])
  assert.equal(nextTinyLookMs(tiny, AT, TINY), Infinity)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Alarm } from './message.ts'
import { GROUP_MS, RuleWatch } from './rule-watch.ts'

const GAP_MS = 600_000
const SECOND = 1_000

function alarmsOf(...keys: string[]): Map<string, Alarm> {
  return new Map(
    keys.map((key) => [key, { service: key, upstream: null, summary: `${key} down`, over: `${key} up`, values: {} }]),
  )
}

/** One look a second; what is told, as `time: kind key`. */
class Bench {
  watch = new RuleWatch(GAP_MS)
  nowMs = 0
  readonly told: string[] = []

  run(seconds: number, keysAt: (second: number) => readonly string[]): this {
    for (let i = 0; i < seconds; i++) {
      const second = this.nowMs / SECOND
      const changes = this.watch.look(alarmsOf(...keysAt(second)), this.nowMs)
      if (changes.length > 0)
        this.told.push(`${second}: ${changes.map(({ kind, service }) => `${kind} ${service}`).join(', ')}`)
      this.nowMs += SECOND
    }
    return this
  }
}

test('what begins and what ends is told once each', () => {
  const { told } = new Bench().run(100, (s) => (s >= 10 && s < 50 ? ['a'] : []))
  assert.deepEqual(told, ['12: began a', '52: ended a'])
})

test('what happens together is one message, and what is over within two seconds is none', () => {
  const { told } = new Bench().run(20, (s) => (s < 1 ? ['blip'] : s < 5 ? [] : s === 5 ? ['a'] : ['a', 'b']))
  assert.deepEqual(told, ['7: began a, began b'])
})

test('what comes and goes is told once in a gap, with how often it did', () => {
  const bench = new Bench().run(GAP_MS / SECOND, (s) => (s % 20 < 10 ? ['a'] : []))
  assert.deepEqual(bench.told, ['2: began a', '12: ended a'])
  const changes = new Map<number, number>()
  for (; bench.nowMs < GAP_MS + 20 * SECOND; bench.nowMs += SECOND) {
    for (const { cameAndWent } of bench.watch.look(alarmsOf('a'), bench.nowMs)) changes.set(bench.nowMs, cameAndWent)
  }
  assert.deepEqual([...changes.values()], [29])
})

test('a storm over many is told less and less often, at last once in a gap, and nobody is left out', () => {
  const bench = new Bench().run(3_600, (s) => Array.from({ length: Math.min(s, 3_000) }, (_, i) => `u${i}`))
  const times = bench.told.map((line) => Number.parseInt(line, 10))
  assert.ok(times.length <= 16, `${times.length} messages in an hour`)
  assert.deepEqual(times.slice(0, 5), [3, 6, 10, 18, 34])
  assert.equal(bench.watch.told.length, 3_000)
})

test('after a gap of quiet it is told at once again', () => {
  const { told } = new Bench().run(3_000, (s) => (s < 10 || (s >= 2_000 && s < 2_010) ? ['a'] : []))
  assert.deepEqual(told, ['2: began a', '12: ended a', '2002: began a', '2012: ended a'])
})

test('after a restart it goes on: nothing is told twice, and nothing is called over before it could be seen', () => {
  const before = new Bench().run(5, () => ['a', 'b'])
  const state = JSON.parse(JSON.stringify(before.watch.state())) as ReturnType<RuleWatch['state']>
  const after = new Bench()
  after.watch = new RuleWatch(GAP_MS, state, 90 * SECOND)
  // Checks find a down again after half a minute; b is up.
  after.run(200, (s) => (s < 30 ? [] : s < 40 ? ['a', 'new'] : ['a']))
  assert.deepEqual(after.told, ['32: began new', '42: ended new', `${90 + GROUP_MS / SECOND}: ended b`])
})

test('another gap leaves what is told as it is', () => {
  const bench = new Bench().run(5, () => ['a'])
  bench.watch = bench.watch.withGap(30 * SECOND)
  bench.run(100, () => ['a'])
  assert.deepEqual(bench.told, ['2: began a'])
})

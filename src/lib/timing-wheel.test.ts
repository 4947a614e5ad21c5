import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NOT_SCHEDULED, TICK_MS, TimingWheel } from './timing-wheel.ts'

class Entry {
  wheelNext: Entry | null = null
  wheelPrevious: Entry | null = null
  wheelBucket = NOT_SCHEDULED
  readonly name: string
  constructor(name: string) {
    this.name = name
  }
}

function dueBy(wheel: TimingWheel<Entry>, nowMs: number): string[] {
  const names: string[] = []
  wheel.advance(nowMs, (entry) => names.push(entry.name))
  return names
}

test('an entry comes up once, never before its time', () => {
  const wheel = new TimingWheel<Entry>(1000)
  wheel.schedule(new Entry('a'), 1500)
  assert.deepEqual(dueBy(wheel, 1499), [])
  assert.deepEqual(dueBy(wheel, 1500 + TICK_MS), ['a'])
  assert.deepEqual(dueBy(wheel, 99_000), [])
})

test('cancel takes an entry out from the head, the middle and the tail of its bucket', () => {
  for (const gone of ['a', 'b', 'c']) {
    const wheel = new TimingWheel<Entry>(0)
    const entries = ['a', 'b', 'c'].map((name) => new Entry(name))
    for (const entry of entries) wheel.schedule(entry, 100)
    wheel.cancel(entries.find((entry) => entry.name === gone) as Entry)
    assert.deepEqual(
      dueBy(wheel, 1000).sort(),
      ['a', 'b', 'c'].filter((name) => name !== gone),
    )
  }
})

test('an entry beyond the ring comes up early, so that its owner can schedule it again', () => {
  const wheel = new TimingWheel<Entry>(0)
  wheel.schedule(new Entry('hour'), 3_600_000)
  const early = dueBy(wheel, 70_000)
  assert.deepEqual(early, ['hour'])
})

test('due may schedule the same entry again without coming round in the same advance', () => {
  const wheel = new TimingWheel<Entry>(0)
  const entry = new Entry('again')
  wheel.schedule(entry, 64)
  let times = 0
  wheel.advance(64, (due) => {
    times++
    wheel.schedule(due, 64)
  })
  assert.equal(times, 1)
  assert.deepEqual(dueBy(wheel, 128), ['again'])
})

test('a stop longer than the ring loses no entry', () => {
  const wheel = new TimingWheel<Entry>(0)
  for (let i = 0; i < 100; i++) wheel.schedule(new Entry(String(i)), i * 700)
  assert.equal(dueBy(wheel, 10_000_000).length, 100)
})

test('untilNextMs is -1 when empty and reaches the first tick otherwise', () => {
  const wheel = new TimingWheel<Entry>(0)
  assert.equal(wheel.untilNextMs(0), -1)
  wheel.schedule(new Entry('a'), 640)
  const ms = wheel.untilNextMs(10)
  assert.deepEqual(dueBy(wheel, 10 + ms), ['a'])
})

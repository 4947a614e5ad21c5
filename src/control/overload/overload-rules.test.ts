import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeOverloadMemory, OverloadState } from '../../traffic/admit/overload-state.ts'
import { ordersFor, type OverloadRules } from './overload-rules.ts'

const RULES: OverloadRules = { rule: 'on', reservePercent: 5, idleAtLeastMs: 10_000, firstByteAtLeastMs: 5000 }
const HOUR = 3_600_000

function stateAt(level: number, changes: Partial<OverloadRules> = {}, connectionsMax = 1000): OverloadState {
  const state = new OverloadState(makeOverloadMemory())
  state.order(ordersFor({ ...RULES, ...changes }, level, connectionsMax))
  return state
}

test('each level halves deadlines, up to an eighth, and never below the least', () => {
  const idle = (level: number, ms: number) => stateAt(level).idleMs(ms)
  assert.deepEqual(
    [0, 1, 2, 3, 4].map((level) => idle(level, HOUR)),
    [HOUR, HOUR / 2, HOUR / 4, HOUR / 8, HOUR / 8],
  )
  assert.deepEqual([idle(3, 30_000), idle(3, 10_000), idle(3, 400)], [10_000, 10_000, 400])
  assert.equal(stateAt(3).firstByteMs(300_000), 37_500)
  assert.equal(stateAt(3).firstByteMs(30_000), 5000)
})

test('a deadline that is off stays off', () => {
  assert.deepEqual(
    [0, 4].map((level) => stateAt(level).idleMs(0)),
    [0, 0],
  )
})

test('strangers have all but the reserve, and nothing at the last level', () => {
  const strangers = (level: number, reservePercent: number, max: number) =>
    stateAt(level, { reservePercent }, max).strangersMax
  assert.deepEqual(
    [0, 3, 4].map((level) => strangers(level, 5, 1000)),
    [950, 950, 0],
  )
  assert.deepEqual([strangers(0, 5, 20), strangers(0, 5, 10), strangers(0, 5, 1), strangers(0, 0, 10)], [19, 9, 1, 10])
})

test('on watch nothing is shortened; off, it is as if there were no rule', () => {
  const watched = stateAt(3, { rule: 'watch' })
  assert.deepEqual([watched.idleMs(HOUR), watched.isWatched, watched.strangersMax, watched.level], [HOUR, true, 950, 3])
  const off = stateAt(0, { rule: 'off' })
  assert.deepEqual([off.idleMs(HOUR), off.isWatched, off.learns], [HOUR, false, false])
  assert.ok(off.strangersMax > 1e9)
})

test('clients become known in calm only', () => {
  assert.deepEqual(
    [0, 1, 4].map((level) => stateAt(level).learns),
    [true, false, false],
  )
})

test('memory that nobody has written to asks for nothing', () => {
  const state = new OverloadState(makeOverloadMemory())
  assert.deepEqual([state.level, state.idleMs(HOUR), state.isWatched, state.learns], [0, HOUR, false, false])
  assert.ok(state.strangersMax > 1e9)
})

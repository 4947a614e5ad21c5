import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MeasureResult, RowResult } from '../measures/measure.ts'
import { judgeAttacks } from './attack-goals.ts'

const ATTACK = 'idle, 2,000 networks'

function row(peer: RowResult['peer'], ofCalm: number[], underP99Ms: number[]): RowResult {
  return { name: `${peer}, ${ATTACK}`, peer, samples: { ofCalm, underP99Ms }, disturbedRounds: 0 }
}

function judged(...rows: RowResult[]) {
  const metrics = [{ key: 'underP99Ms', label: '', better: 'less', digits: 1 }] as const
  const result: MeasureResult = { name: 'attack', title: '', notes: [], metrics, rows }
  const [verdict] = judgeAttacks([result])
  assert.equal(verdict.attack, ATTACK)
  return verdict
}

test('where both others fall below a half, 0.95 of the calm is the goal', () => {
  const others = [row('haproxy', [0.4, 0.2, 0.49], [5]), row('nginx', [0], [2000])]
  const { goal, goalMet, holder, p99Ratio } = judged(...others, row('tidegate', [0.96, 0.2, 1], [9]))
  assert.deepEqual(
    { goal, goalMet, holder, p99Ratio },
    { goal: 0.95, goalMet: true, holder: undefined, p99Ratio: undefined },
  )
  assert.equal(judged(...others, row('tidegate', [0.94], [9])).goalMet, false)
})

test('where one of them holds, the better one is to be matched', () => {
  const others = [row('haproxy', [1], [10]), row('nginx', [0.1], [2])]
  const { goal, reachMet, goalMet, holder, p99Ratio, p99Met } = judged(...others, row('tidegate', [0.995], [15]))
  assert.deepEqual({ goal, reachMet, goalMet, holder }, { goal: 1, reachMet: true, goalMet: false, holder: 'haproxy' })
  // Against haproxy, though nginx was faster with the few whom it served.
  assert.deepEqual({ p99Ratio, p99Met }, { p99Ratio: 1.5, p99Met: false })
})

test('nobody has to serve more than all', () => {
  assert.equal(judged(row('haproxy', [1.01], [1]), row('tidegate', [1], [1])).goalMet, true)
})

test('p99 is held against the fastest of those that hold', () => {
  const others = [row('haproxy', [1], [1600]), row('nginx', [0.99], [8])]
  assert.equal(judged(...others, row('tidegate', [1], [4])).p99Ratio, 0.5)
  assert.equal(judged(...others, row('tidegate', [1], [8])).p99Met, true)
})

test('nothing is said where somebody is missing', () => {
  assert.equal(judged(row('haproxy', [1], [1])).goalMet, undefined)
  assert.equal(judged(row('tidegate', [1], [1])).goalMet, undefined)
  assert.deepEqual(judgeAttacks([]), [])
})

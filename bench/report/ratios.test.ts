import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MeasureResult, Metric, RowResult } from '../measures/measure.ts'
import { betterPeer, ratioOf } from './ratios.ts'

const rate: Metric = { key: 'rate', label: 'rate', better: 'more', digits: 0 }

function row(peer: RowResult['peer'], samples: number[]): RowResult {
  return { name: peer, peer, samples: { rate: samples }, disturbedRounds: 0 }
}

test('a ratio pairs the rounds, so that a slow round of both does not show', () => {
  assert.equal(ratioOf(row('tidegate', [110, 55, 111]), row('haproxy', [100, 50, 100]), rate)?.median, 1.1)
})

test('a metric of differences is compared by its medians', () => {
  const added: Metric = { ...rate, ofMedians: true }
  assert.equal(ratioOf(row('tidegate', [8, 1, 9]), row('haproxy', [10, -1, 11]), added)?.median, 0.8)
})

test('a round without a partner is left out', () => {
  assert.deepEqual(ratioOf(row('tidegate', [2]), row('haproxy', [1, 4]), rate)?.samples, [2])
  assert.equal(ratioOf(row('tidegate', []), row('haproxy', [1]), rate), undefined)
})

test('the better peer is the one with the better median, whichever way is better', () => {
  const rows = [row('direct', [9]), row('haproxy', [3]), row('nginx', [2]), row('tidegate', [9])]
  const result: MeasureResult = { name: 'm', title: '', notes: [], metrics: [rate], rows }
  assert.equal(betterPeer(result, rate)?.name, 'haproxy')
  assert.equal(betterPeer(result, { ...rate, better: 'less' })?.name, 'nginx')
})

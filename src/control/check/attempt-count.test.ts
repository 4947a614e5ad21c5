import assert from 'node:assert/strict'
import { test } from 'node:test'
import { countAttempt, intervalWithJitter, newsOf, NO_ATTEMPTS } from './attempt-count.ts'

/** `+` is a good attempt, `-` a bad one; attempts behind the decision are never made. */
function decide(successes: number, failures: number, attempts: string): { decision: string; made: number } {
  let count = NO_ATTEMPTS
  let made = 0
  for (const attempt of attempts) {
    const step = countAttempt({ successes, failures }, count, attempt === '+')
    made++
    if (step.decision !== 'undecided') return { decision: step.decision, made }
    count = step.count
  }
  return { decision: 'undecided', made }
}

for (const [rule, successes, failures, attempts, decision, made] of [
  ['the defaults: the first error disconnects', 1, 1, '-+++', 'down', 1],
  ['the defaults: the first success connects', 1, 1, '+---', 'up', 1],
  ['no attempt decides nothing', 1, 1, '', 'undecided', 0],
  ['one success is enough, however many errors came before', 1, 3, '--+', 'up', 3],
  ['the last error that is allowed', 1, 3, '---', 'down', 3],
  ['one error is enough, however many successes came before', 3, 1, '++-', 'down', 3],
  ['the last success that is wanted', 3, 1, '+++', 'up', 3],
  ['successes need not be in a row', 2, 3, '+--+', 'up', 4],
  ['errors need not be in a row', 3, 2, '-++-', 'down', 4],
  ['whichever comes first: up', 2, 3, '-+-+', 'up', 4],
  ['whichever comes first: down', 2, 3, '-+--', 'down', 4],
  ['the longest row there can be, up', 3, 3, '--+-+', 'down', 4],
  ['the longest row there can be, decided by its last', 3, 3, '--++-', 'down', 5],
  ['the longest row there can be, decided by its last the other way', 3, 3, '--+++', 'up', 5],
  ['one attempt short of either', 3, 3, '--++', 'undecided', 4],
  ['many', 100, 1, '+'.repeat(100), 'up', 100],
] as const) {
  test(`${successes} successes or ${failures} failures of ${attempts}: ${rule}`, () => {
    assert.deepEqual(decide(successes, failures, attempts), { decision, made })
  })
}

test('every row ends after successes + failures - 1 attempts at the latest', () => {
  for (let successes = 1; successes <= 4; successes++) {
    for (let failures = 1; failures <= 4; failures++) {
      const longest = successes + failures - 1
      for (let bits = 0; bits < 2 ** longest; bits++) {
        const attempts = Array.from({ length: longest }, (_, i) => ((bits >> i) & 1 ? '+' : '-')).join('')
        assert.notEqual(decide(successes, failures, attempts).decision, 'undecided', attempts)
      }
    }
  }
})

test('only a change is news, and unknown counts as up', () => {
  assert.deepEqual(
    (['unknown', 'up', 'down'] as const).map((before) => [newsOf(before, 'up'), newsOf(before, 'down')]),
    [
      [undefined, 'left'],
      [undefined, 'left'],
      ['back', undefined],
    ],
  )
})

test('jitter makes an interval longer or shorter by its part at most', () => {
  assert.equal(intervalWithJitter(15_000, 0.1, 0), 13_500)
  assert.equal(intervalWithJitter(15_000, 0.1, 0.5), 15_000)
  assert.ok(intervalWithJitter(15_000, 0.1, 0.999_999) < 16_500)
  assert.equal(intervalWithJitter(15_000, 0, 0.9), 15_000)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { didYouMean, editDistance } from './did-you-mean.ts'

const KEYS = ['name', 'listen', 'mode', 'upstreams', 'idleTimeout', 'connectTimeout', 'maxLifetime', 'socket']

const CASES: readonly (readonly [word: string, meant: string | undefined])[] = [
  ['listn', 'listen'],
  ['lsiten', 'listen'],
  ['upstream', 'upstreams'],
  ['idle_timeout', 'idleTimeout'],
  ['IDLE-TIMEOUT', 'idleTimeout'],
  ['conectTimeOut', 'connectTimeout'],
  ['mod', 'mode'],
  ['con', 'connectTimeout'],
  ['sockets', 'socket'],
  ['x', undefined],
  ['', undefined],
  ['colour', undefined],
  ['timeout', undefined],
  ['listen'.repeat(20), undefined],
]

for (const [word, meant] of CASES) {
  test(`didYouMean ${JSON.stringify(word.slice(0, 20))}: ${meant ?? 'nothing'}`, () => {
    assert.equal(didYouMean(word, KEYS), meant)
  })
}

test('a known word after one slip of the finger is found again', () => {
  const slip = fc.tuple(fc.constantFrom(...KEYS.filter((key) => key.length > 5)), fc.nat(), fc.constantFrom('q', '7'))
  fc.assert(
    fc.property(slip, ([key, at, letter]) => {
      const place = at % key.length
      assert.equal(didYouMean(key.slice(0, place) + letter + key.slice(place + 1), KEYS), key)
    }),
  )
})

test('editDistance counts insertions, deletions, replacements and swaps', () => {
  assert.deepEqual(
    [editDistance('', 'abc'), editDistance('abc', 'abc'), editDistance('abc', 'acb'), editDistance('abc', 'axc')],
    [3, 0, 1, 1],
  )
})

test('editDistance is symmetric', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (a, b) => {
      assert.equal(editDistance(a, b), editDistance(b, a))
    }),
  )
})

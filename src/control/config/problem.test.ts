import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ConfigError, showValue } from './problem.ts'
import type { ConfigProblem } from './problem.ts'

function problem(line: number, column = 1): ConfigProblem {
  return {
    code: 'E_CONFIG_PORT',
    file: 'a.yaml',
    line,
    column,
    key: 'admin.listen',
    value: '"x"',
    message: 'has no port',
  }
}

test('a ConfigError puts its problems in the order of the file, one line each', () => {
  const error = new ConfigError([problem(10), problem(2, 7), problem(2, 3)])
  assert.deepEqual(error.format().split('\n'), [
    'a.yaml:2:3: admin.listen: "x" has no port [E_CONFIG_PORT]',
    'a.yaml:2:7: admin.listen: "x" has no port [E_CONFIG_PORT]',
    'a.yaml:10:1: admin.listen: "x" has no port [E_CONFIG_PORT]',
  ])
  assert.equal(error.message, error.format())
})

test('a ConfigError as JSON has every problem with its parts', () => {
  assert.deepEqual(JSON.parse(JSON.stringify(new ConfigError([problem(1)]))), {
    error: 'ConfigError',
    problems: [problem(1)],
  })
})

test('a file full of mistakes prints a hundred and counts the rest', () => {
  const lines = new ConfigError(Array.from({ length: 250 }, (_, i) => problem(i + 1))).format().split('\n')
  assert.equal(lines.length, 101)
  assert.equal(lines.at(-1), '… and 150 more')
})

const SHOWN: readonly (readonly [text: string, shown: string])[] = [
  ['', '""'],
  ['plain', '"plain"'],
  ['a"b\\c', '"a\\"b\\\\c"'],
  ['a\nb\tc\u0000', '"a\\nb\\tc\\u0000"'],
  ['\u001b[31mred', '"\\u001b[31mred"'],
  ['\u009b31m', '"\\u009b31m"'],
  ['a\u202eb\u200bc\u2028', '"a\\u202eb\\u200bc\\u2028"'],
  ['x'.repeat(60), `"${'x'.repeat(60)}"`],
  ['x'.repeat(61), `"${'x'.repeat(60)}…"`],
  ['😀'.repeat(61), `"${'😀'.repeat(60)}…"`],
]

for (const [text, shown] of SHOWN) {
  test(`showValue(${JSON.stringify(text.slice(0, 12))}, ${text.length} long) is safe to print`, () => {
    assert.equal(showValue(text), shown)
  })
}

test('showValue never lets a control character, a line break or a long secret through', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
      const shown = showValue(text)
      assert.doesNotMatch(shown, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u)
      assert.ok(shown.length <= 60 * '\\u{10ffff}'.length + 3)
    }),
  )
})

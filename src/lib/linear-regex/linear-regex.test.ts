import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { LinearRegex } from './linear-regex.ts'

function compiled(source: string, flags = ''): LinearRegex {
  const regex = LinearRegex.parse(source, flags)
  assert.ok(regex.ok, `${source}: ${regex.ok ? '' : regex.problem}`)
  return regex.value
}

function problemOf(source: string, flags = ''): string {
  const regex = LinearRegex.parse(source, flags)
  return regex.ok ? 'none' : regex.problem
}

const TEXTS = [
  '',
  'a',
  'ab',
  'b\na',
  'aab',
  'OK',
  'ok 1',
  'status: ok',
  '{"status":"UP"}',
  'x-1_',
  'ü',
  '😀',
  'a\r\nb',
  '  ',
  'aaaaab',
]

for (const [source, flags] of [
  ['', ''],
  ['ok', ''],
  ['ok', 'i'],
  ['^a', ''],
  ['^a', 'm'],
  ['a$', 'm'],
  ['a$', ''],
  ['^$', ''],
  ['a.b', ''],
  ['a..b', 's'],
  ['\\{"status":"(UP|OK)"\\}', ''],
  ['{"status":"(?:UP|OK)"}', ''],
  ['[a-c]+b', ''],
  ['[^a-c]', ''],
  ['[^\\d\\s]', ''],
  ['[\\W]', ''],
  ['[\\]a-]', ''],
  ['[]', ''],
  ['[^]', ''],
  ['\\bok\\b', ''],
  ['\\Ba', ''],
  ['a{2}', ''],
  ['^a{2,3}b', ''],
  ['^a{2,}b$', ''],
  ['^(a|b)*?$', ''],
  ['(a*)*b', ''],
  ['(|a)+$', ''],
  ['\\x61\\u0062', ''],
  ['[\\u{1F600}]', ''],
  ['(?<word>ok) \\d', ''],
  ['a{', ''],
  ['Ü', 'i'],
  ['[A-Z]{2}', 'i'],
  ['[^a]', 'i'],
] as const) {
  test(`/${source}/${flags} says what JavaScript's engine says`, () => {
    const unicode = source.includes('{1F600}') ? 'u' : ''
    const own = compiled(source, flags)
    // oxlint-disable-next-line detect-unsafe-regex
    const theirs = new RegExp(source, flags + unicode)
    for (const text of TEXTS) assert.equal(own.test(text), theirs.test(text), JSON.stringify(text))
  })
}

test("random patterns say what JavaScript's engine says", () => {
  const atom = fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', '\\w', '\\s', '\\b', '^', '$', '\\n')
  const repeat = fc.constantFrom('', '', '', '*', '+', '?', '{2}', '{1,2}', '{0,}', '*?')
  const { pattern } = fc.letrec<{ pattern: string; group: string }>((tie) => ({
    group: fc.tuple(fc.constantFrom('(', '(?:'), tie('pattern')).map(([open, inner]) => `${open}${inner})`),
    pattern: fc
      .array(
        fc.oneof(
          { depthSize: 'small' },
          fc.tuple(atom, repeat).map(([one, times]) => (/^(\\b|\^|\$)$/.test(one) ? one : one + times)),
          fc.tuple(tie('group'), repeat).map(([one, times]) => one + times),
          fc.constant('|'),
        ),
        { maxLength: 4 },
      )
      .map((parts) => parts.join('')),
  }))
  const text = fc.string({ unit: fc.constantFrom('a', 'b', ' ', '\n', '_'), maxLength: 6 })
  fc.assert(
    fc.property(pattern, text, fc.constantFrom('', 'm', 's', 'i'), (source, body, flags) => {
      const own = LinearRegex.parse(source, flags)
      if (!own.ok) return
      assert.equal(
        own.value.test(body),
        new RegExp(source, flags).test(body),
        `/${source}/${flags} on ${JSON.stringify(body)}`,
      )
    }),
    { numRuns: 3000 },
  )
})

test('what makes other engines hang is read in one pass', () => {
  const text = `${'a'.repeat(65_535)}!`
  assert.equal(compiled('^(a+)+$').test(text), false)
  assert.equal(compiled('(a|a)*b').test(text), false)
  assert.equal(compiled('^(.*a){10}b').test(text), false)
})

test('what cannot be matched in one pass, or is no expression, is refused with its reason', () => {
  const refused = [
    '(a)\\1',
    '(?=a)',
    '(?<!a)b',
    '(?i:a)',
    'a)',
    '(a',
    '[a',
    'a**',
    '*',
    'a\\',
    '[b-a]',
    '[\\d-z]',
    'a{2,1}',
    '\\p{L}',
    '\\xg',
    'a{1001}',
    '(a{1000}){1000}',
    '(((){1000}){1000}){1000}',
    '^*',
  ]
  assert.deepEqual(
    refused.map((source) => [source, problemOf(source)]),
    [
      ['(a)\\1', 'refers back to a group, which cannot be matched in one pass'],
      ['(?=a)', 'looks ahead or behind, which cannot be matched in one pass'],
      ['(?<!a)b', 'looks ahead or behind, which cannot be matched in one pass'],
      ['(?i:a)', 'has a kind of group that is not supported; write (?:…)'],
      ['a)', 'has a ) without a ('],
      ['(a', 'has a ( without a )'],
      ['[a', 'has a [ without a ]'],
      ['a**', 'repeats a repetition; put it in (?:…)'],
      ['*', 'has a * with nothing before it to repeat'],
      ['a\\', 'ends in a backslash'],
      ['[b-a]', 'has a range in [ ] that ends before it begins'],
      ['[\\d-z]', 'has a range in [ ] whose end is a set'],
      ['a{2,1}', 'has a {m,n} whose n is below its m'],
      ['\\p{L}', 'has \\p, which is not supported'],
      ['\\xg', 'has a \\x or \\u without its hexadecimal digits'],
      ['a{1001}', 'repeats more than 1000 times'],
      ['(a{1000}){1000}', 'is too large; written out it may have 250 steps'],
      ['(((){1000}){1000}){1000}', 'is too large; written out it may have 250 steps'],
      ['^*', 'repeats something that has no length'],
    ],
  )
  assert.equal(problemOf('a', 'g'), 'has the flag g; expected any of i, m and s')
})

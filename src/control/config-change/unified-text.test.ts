import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { unifiedText } from './unified-text.ts'

test('a change is shown with three lines around it, as diff -u does', () => {
  const lines = Array.from({ length: 20 }, (_, i) => `line ${i + 1}\n`)
  const after = lines.with(4, 'five\n').toSpliced(15, 1)
  assert.equal(
    unifiedText(lines.join(''), after.join(''), 'f'),
    [
      '--- f',
      '+++ f',
      '@@ -2,7 +2,7 @@',
      ' line 2',
      ' line 3',
      ' line 4',
      '-line 5',
      '+five',
      ' line 6',
      ' line 7',
      ' line 8',
      '@@ -13,7 +13,6 @@',
      ' line 13',
      ' line 14',
      ' line 15',
      '-line 16',
      ' line 17',
      ' line 18',
      ' line 19',
      '',
    ].join('\n'),
  )
})

test('a last line without its break is told of; the same text has no difference', () => {
  assert.equal(unifiedText('a\n', 'a\n', 'f'), '')
  const wanted = '--- f\n+++ f\n@@ -1,1 +1,1 @@\n-a\n+a\n\\ No newline at end of file\n'
  assert.equal(unifiedText('a\n', 'a', 'f'), wanted)
})

const texts = fc
  .array(fc.constantFrom('a', 'b', 'c', '', '+', '-'), { maxLength: 40 })
  .map((lines) => lines.map((line) => `${line}\n`).join(''))

test('the old text and the difference give the new one', () => {
  fc.assert(
    fc.property(texts, texts, (before, after) => {
      assert.equal(patched(before, unifiedText(before, after, 'f')), after)
    }),
    { numRuns: 1_000 },
  )
})

test('texts of many lines that have nothing in common are one change', () => {
  const text = (word: string): string => Array.from({ length: 20_000 }, (_, i) => `${word} ${i}\n`).join('')
  assert.equal(unifiedText(text('a'), text('b'), 'f').match(/^@@/gm)?.length, 1)
})

/** What `patch` does. */
function patched(before: string, unified: string): string {
  if (unified === '') return before
  const old = before.split(/(?<=\n)/).filter((line) => line !== '')
  const out: string[] = []
  let at = 0
  for (const line of unified.replace(/\n$/, '').split('\n').slice(2)) {
    const hunk = /^@@ -(\d+),(\d+)/.exec(line)
    if (hunk !== null) {
      const from = hunk[2] === '0' ? Number(hunk[1]) : Number(hunk[1]) - 1
      out.push(...old.slice(at, from))
      at = from
    } else if (line.startsWith('+')) {
      out.push(`${line.slice(1)}\n`)
    } else {
      assert.equal(old[at], `${line.slice(1)}\n`)
      if (line.startsWith(' ')) out.push(old[at])
      at++
    }
  }
  return [...out, ...old.slice(at)].join('')
}

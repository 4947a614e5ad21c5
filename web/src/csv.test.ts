import assert from 'node:assert/strict'
import { test } from 'node:test'
import { csv, fileName } from './csv.ts'

test('cells with commas, quotes and line breaks are quoted; nothing is an empty cell', () => {
  const text = csv(
    ['a', 'b, c'],
    [
      ['x "y"', 1.5],
      ['line\nbreak', null],
      [undefined, Number.NaN],
    ],
  )
  assert.equal(text, 'a,"b, c"\r\n"x ""y""",1.5\r\n"line\nbreak",\r\n,\r\n')
})

test('no text becomes a formula of a spreadsheet; numbers stay numbers', () => {
  const cells = ['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', '\n=1', "=cmd|' /C calc'!A0", 'a=1']
  const [, ...lines] = csv(
    ['x'],
    cells.map((cell) => [cell, -1]),
  ).split('\r\n')
  assert.deepEqual(lines.slice(0, 4), ["'=1+1,-1", "'+1,-1", "'-1,-1", "'@SUM(A1),-1"])
  for (const cell of cells.slice(0, -1)) assert.match(csv(['x'], [[cell]]), /\r\n"?'/)
  assert.equal(csv(['=x'], [['a=1']]), "'=x\r\na=1\r\n")
})

test('names of files have words only', () => {
  assert.equal(fileName('tidegate', '../../etc/passwd', 'Open connections'), 'tidegate-etc-passwd-Open-connections')
  assert.equal(fileName('/', '..'), 'tidegate')
  assert.equal(fileName('x'.repeat(200)).length, 80)
})

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { ALL_MEASURES } from '../measures/all-measures.ts'
import { withTable } from './readme.ts'

test('a table takes the place of the one before, and leaves all others', () => {
  const readme = 'a\n<!-- latest one: begin -->\nold\n<!-- latest one: end -->\n<!-- latest two: begin -->\nold\n'
  assert.equal(
    withTable(readme, 'one', 'new\n'),
    'a\n<!-- latest one: begin -->\n\nnew\n\n<!-- latest one: end -->\n<!-- latest two: begin -->\nold\n',
  )
})

test('README.md has a place for every table', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
  for (const { name, hasOwnTable } of [{ name: 'table', hasOwnTable: true }, ...ALL_MEASURES]) {
    if (hasOwnTable) assert.match(withTable(readme, name, 'new'), /new/)
  }
})

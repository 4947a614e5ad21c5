import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { PROBLEMS } from './contract.ts'

test('docs/api.md has every code with its status and title', () => {
  const docs = readFileSync(new URL('../../docs/api.md', import.meta.url), 'utf8')
  assert.deepEqual(
    docs.split('\n').filter((line) => line.startsWith('| `E_')),
    Object.entries(PROBLEMS).map(([code, { status, title }]) => `| \`${code}\` | ${status} | ${title} |`),
  )
})

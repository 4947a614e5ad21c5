import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { STORE_ERROR_CODES } from './store-error.ts'

const PAGE = readFileSync(new URL('../../../docs/store.md', import.meta.url), 'utf8')

test('docs/store.md has each code of a StoreError, and no other', () => {
  const named = new Set(PAGE.match(/E_STORE_[A-Z_]+/g))
  assert.deepEqual([...named].toSorted(), Object.keys(STORE_ERROR_CODES).toSorted())
})

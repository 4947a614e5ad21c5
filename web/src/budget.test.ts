/** What a browser loads is small: nobody waits for the dashboard of a machine under attack. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'

const ASSETS = new URL('../dist/assets/', import.meta.url)
const SCRIPT_BYTES_MAX = 150 * 1024
/** Before the first page is asked for. */
const FIRST_SCRIPT_BYTES_MAX = 30 * 1024
const skip = existsSync(ASSETS) ? false : 'web/dist is not built: npm run build'

test('all scripts together, compressed, are within their budget', { skip }, () => {
  const sizes = readdirSync(ASSETS)
    .filter((name) => name.endsWith('.js'))
    .map((name) => ({ name, bytes: gzipSync(readFileSync(new URL(name, ASSETS))).length }))
  const all = sizes.reduce((sum, { bytes }) => sum + bytes, 0)
  assert.ok(all > 0 && all <= SCRIPT_BYTES_MAX, JSON.stringify(sizes))
  const first = sizes.find(({ name }) => name.startsWith('index-'))
  assert.ok(first !== undefined && first.bytes <= FIRST_SCRIPT_BYTES_MAX, JSON.stringify(first))
})

/** docs/bans.md says what the code does. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { BAN_ORIGINS } from './ban.ts'
import { POINTS_PER_STRIKE, STRIKE_POINTS } from './strike-weights.ts'

const text = readFileSync(new URL('../../../docs/bans.md', import.meta.url), 'utf8')

test('the tables of strikes and origins are those of the code', () => {
  const rows = (first: string): string[] => {
    const lines = text.split('\n')
    const from = lines.findIndex((line) => line.startsWith(`| ${first} |`)) + 2
    return lines.slice(from, lines.indexOf('', from) === -1 ? undefined : lines.indexOf('', from))
  }
  const weights = Object.entries(STRIKE_POINTS).map(
    ([kind, points]) => `| \`${kind}\` | ${points / POINTS_PER_STRIKE} |`,
  )
  assert.deepEqual(rows('strike'), weights)
  const origins = Object.entries(BAN_ORIGINS).map(([origin, meaning]) => `| \`${origin}\` | ${meaning} |`)
  assert.deepEqual(rows('origin'), origins)
})

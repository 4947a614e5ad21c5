import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cutOverText, cutOverWish } from './cut-over.ts'

const NOW_MS = new Date(2026, 10, 21, 22, 30).getTime()

test('one wish at a time; a time of day is the next one', () => {
  assert.equal(cutOverWish({}, NOW_MS), undefined)
  assert.deepEqual(cutOverWish({ enable: true }, NOW_MS), { action: 'enable' })
  const at = (enableAt: string) => cutOverWish({ enableAt }, NOW_MS)?.at
  assert.equal(at('03:00'), new Date(2026, 10, 22, 3, 0).toISOString())
  assert.equal(at('22:31'), new Date(2026, 10, 21, 22, 31).toISOString())
  assert.equal(at('22:30'), new Date(2026, 10, 22, 22, 30).toISOString())
  assert.equal(at('2026-12-01T03:00'), new Date(2026, 11, 1, 3, 0).toISOString())
  assert.equal(at('2026-12-01T03:00:00+01:00'), '2026-12-01T02:00:00.000Z')
  for (const [wrong, why] of [
    ['soon', /expected a time/],
    ['25:00', /expected a time/],
    ['2026-13-01T03:00', /expected a time/],
    ['2020-01-01T00:00Z', /is over/],
  ] as const)
    assert.throws(() => at(wrong), why)
  assert.throws(() => cutOverWish({ enable: true, enableAt: '03:00' }, NOW_MS), /Only one/)
})

test('what holds is said, and what does not survive a restart', () => {
  const cutOver = { service: 'web', enabled: true, fileSays: true, plan: null, last: null }
  assert.equal(cutOverText({ stored: true, cutOver }), 'web is open.\n')
  assert.match(
    cutOverText({ stored: false, cutOver: { ...cutOver, enabled: false } }),
    /closed.*go on.*enabled: true.*\nIt holds until the next start only/,
  )
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { capturedLog } from '../../../../test/harness/captured-log.ts'
import { parseConfig } from '../../config/load.ts'
import { databaseForTest } from '../../store/database-for-test.ts'
import type { Store } from '../../store/store.ts'
import { EXPOSURE } from '../../store/tables/exposure.ts'
import { ExposureBook, type ExposureSender, SILENT_AFTER_MS } from './exposure-book.ts'
import type { ExposureReport, ExposureVerdict } from './report.ts'

const CONFIG = parseConfig(
  `services:
  - { name: web, listen: ["192.0.2.1:443"], upstreams: ["203.0.113.10:443"], sourceAddresses: [192.0.2.1] }
  - { name: mail, listen: ["192.0.2.1:25"], upstreams: ["mx.example.com:25"], sourceAddresses: [192.0.2.1] }`,
  'tidegate.yaml',
  {},
)
const HOUR_MS = 3_600_000
const SENDER: ExposureSender = { who: 'token cloud', source: '198.51.100.7', services: undefined }

function bookForTest() {
  const db = databaseForTest()
  const rowsRead: number[] = []
  const exposure: Store['exposure'] = {
    list: (filter) => {
      const rows = EXPOSURE.reads.list(db, filter)
      rowsRead.push(rows.length)
      return Promise.resolve(rows)
    },
    add: (result) => Promise.resolve(EXPOSURE.writes.add(db, result)),
  }
  const captured = capturedLog()
  let nowMs = Date.UTC(2026, 10, 21)
  const book = new ExposureBook({
    config: () => CONFIG,
    store: { exposure },
    log: captured.log,
    nowMs: () => nowMs,
    ownAddresses: () => ['192.0.2.1', '192.0.2.2'],
  })
  const events = (): unknown[] => captured.records().map(({ event }) => event)
  return { book, events, rowsRead, pass: (ms: number) => (nowMs += ms) }
}

function report(verdict: ExposureVerdict, more: Partial<ExposureReport> = {}): ExposureReport {
  const host = more.host ?? '203.0.113.10'
  const ports = [{ address: '203.0.113.10', port: 443, verdict, ms: 3 }]
  return { version: 1, host, at: '2026-11-21T00:00:00Z', tookMs: 1, from: ['198.51.100.7'], ports, ...more }
}

test('a report belongs to the services whose upstream it is about, and to those that the token is for', async () => {
  const { book } = bookForTest()
  assert.deepEqual((await book.take(report('filtered'), SENDER)).services, ['web'])
  const named = report('filtered', {
    host: 'MX.example.com',
    ports: [{ address: '198.51.100.99', port: 25, verdict: 'filtered', ms: 1 }],
  })
  assert.deepEqual((await book.take(named, SENDER)).services, ['mail'])
  assert.deepEqual((await book.take(named, { ...SENDER, services: ['web'] })).services, [])
  assert.equal((await book.list({ limit: 10 })).length, 2)
  assert.deepEqual(
    (await book.reportsFor('mail')).map(({ host }) => host),
    ['MX.example.com'],
  )
})

test('behind an address of ours it is kept and proves nothing', async () => {
  const { book, events } = bookForTest()
  for (const [from, source] of [
    ['192.0.2.1', '198.51.100.7'],
    ['198.51.100.7', '192.0.2.2'],
    ['127.0.0.1', '127.0.0.1'],
  ]) {
    const { counts, why } = await book.take(report('open', { from: [from] }), { ...SENDER, source })
    assert.deepEqual([counts, /an address of ours/.test(why ?? '')], [false, true])
  }
  assert.deepEqual([await book.reportsFor('web'), events()], [[], []])
  // A proxy in front of the admin API, say.
  assert.equal((await book.take(report('open'), { ...SENDER, source: '127.0.0.1' })).counts, true)
  assert.deepEqual(events(), ['exposure-open'])
})

test('strangers who get in are told of, and the end of it', async () => {
  const { book, events } = bookForTest()
  for (const verdict of ['filtered', 'open', 'open', 'filtered', 'filtered'] as const)
    await book.take(report(verdict), SENDER)
  assert.deepEqual(events(), ['exposure-open', 'exposure-open', 'exposure-over'])
})

test('however much others have sent, a report costs no look at all of it', async () => {
  const { book, events, rowsRead } = bookForTest()
  await book.take(report('open'), SENDER)
  for (let i = 0; i < 300; i++) await book.take(report('filtered', { from: [`198.51.100.${i % 100}`] }), SENDER)
  await book.take(report('filtered', { from: [] }), SENDER)
  assert.ok(Math.max(...rowsRead) <= 64)
  assert.deepEqual(events(), ['exposure-open', 'exposure-over'])
})

test('a vantage that reported regularly and stops is told of once, and again after it came back', async () => {
  const { book, events, pass } = bookForTest()
  await book.take(report('filtered', { from: ['198.51.100.8'] }), SENDER)
  for (let i = 0; i < 3; i++) {
    await book.take(report('filtered'), SENDER)
    pass(4 * HOUR_MS)
  }
  await book.lookForSilence()
  assert.deepEqual(events(), [])
  pass(SILENT_AFTER_MS)
  await book.lookForSilence()
  await book.lookForSilence()
  assert.deepEqual(events(), ['vantage-silent'])
  const views = await book.vantages()
  assert.deepEqual(
    views.map(({ vantage, isSilent }) => [vantage, isSilent]),
    [
      ['token cloud at 198.51.100.7', true],
      // One look by hand is no promise.
      ['token cloud at 198.51.100.8', false],
    ],
  )
  for (let i = 0; i < 3; i++) await book.take(report('filtered'), SENDER)
  await book.lookForSilence()
  pass(SILENT_AFTER_MS + 1)
  await book.lookForSilence()
  assert.deepEqual(events(), ['vantage-silent', 'vantage-silent'])
})

test('a vantage that looks at several hosts is known by each, and is forgotten when it was given up', async () => {
  const { book, pass } = bookForTest()
  const also = { ...report('filtered'), host: 'spare.example.com' }
  await book.take(report('open'), SENDER)
  await book.take(also, SENDER)
  assert.deepEqual(
    (await book.reportsFor('web')).map(({ host }) => host),
    ['spare.example.com', '203.0.113.10'],
  )
  pass(8 * 24 * HOUR_MS)
  assert.deepEqual(await book.reportsFor('web'), [])
})

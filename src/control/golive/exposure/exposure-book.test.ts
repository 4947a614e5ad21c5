import assert from 'node:assert/strict'
import { test } from 'node:test'
import { capturedLog } from '../../../../test/harness/captured-log.ts'
import type { Config } from '../../config/config.ts'
import { parseConfig } from '../../config/load.ts'
import { databaseForTest } from '../../store/database-for-test.ts'
import type { Store } from '../../store/store.ts'
import { EXPOSURE } from '../../store/tables/exposure.ts'
import { ExposureBook, type ExposureSender, SILENT_AFTER_MS } from './exposure-book.ts'
import type { ExposureReport, ExposureVerdict } from './report.ts'
import { REPORTS_PER_HOUR_MAX } from './report-limits.ts'

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
  const exposure: Store['exposure'] = {
    list: (filter) => Promise.resolve(EXPOSURE.reads.list(db, filter)),
    add: (result) => Promise.resolve(EXPOSURE.writes.add(db, result)),
  }
  const captured = capturedLog()
  let nowMs = Date.UTC(2026, 10, 21)
  let config = CONFIG
  const start = (): ExposureBook =>
    new ExposureBook({
      config: () => config,
      store: { exposure },
      log: captured.log,
      nowMs: () => nowMs,
      ownAddresses: () => ['192.0.2.1', '192.0.2.2'],
    })
  const book = start()
  const events = (): unknown[] => captured.records().map(({ event }) => event)
  return { book, start, events, pass: (ms: number) => (nowMs += ms), use: (next: Config) => (config = next) }
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

/** `service upstream ports`, and `silent`. */
function found(book: ExposureBook): string[] {
  return book
    .findings()
    .map(({ service, upstreams, ports, isSilent }) =>
      [service, ...upstreams, ...ports, ...(isSilent ? ['silent'] : [])].join(' '),
    )
}

test('what is wrong now is at hand: by each report, and after a start by those of before', async () => {
  const { book, start, events, pass } = bookForTest()
  await book.take(report('filtered'), SENDER)
  assert.deepEqual(found(book), [])
  await book.take(report('open', { host: 'Mx.Example.com' }), SENDER)
  assert.deepEqual(found(book), ['web 203.0.113.10:443 443', 'mail mx.example.com:25 443'])
  const next = start()
  assert.deepEqual(found(next), [])
  await next.lookForSilence()
  assert.deepEqual(found(next).toSorted(), found(book).toSorted())
  const third = start()
  await third.take(report('filtered', { host: 'mx.example.com' }), SENDER)
  assert.deepEqual([found(third), events()], [[], ['exposure-open', 'exposure-open', 'exposure-over', 'exposure-over']])
  await book.take(report('open'), SENDER)
  pass(8 * 24 * HOUR_MS)
  assert.deepEqual(found(book), [], 'given up')
})

test('who is silent is found, unless it comes back, is given up, or its upstream is gone', async () => {
  const { book, events, pass, use } = bookForTest()
  for (let i = 0; i < 3; i++) await book.take(report('filtered'), SENDER)
  pass(SILENT_AFTER_MS + 1)
  await book.lookForSilence()
  assert.deepEqual(found(book), ['web 203.0.113.10:443 silent'])
  await book.take(report('filtered'), SENDER)
  assert.deepEqual(found(book), [])
  pass(SILENT_AFTER_MS + 1)
  await book.lookForSilence()
  assert.deepEqual(found(book), ['web 203.0.113.10:443 silent'])
  use({ ...CONFIG, services: CONFIG.services.slice(1) })
  await book.lookForSilence()
  assert.deepEqual(found(book), [])
  use(CONFIG)
  await book.lookForSilence()
  pass(8 * 24 * HOUR_MS)
  await book.lookForSilence()
  assert.deepEqual([found(book), events()], [[], ['vantage-silent', 'vantage-silent', 'vantage-silent']])
})

test('one sender brings in so many in an hour: the places are for all of them', async () => {
  const { book, pass } = bookForTest()
  for (let i = 0; i < REPORTS_PER_HOUR_MAX; i++) await book.take(report('filtered'), SENDER)
  await assert.rejects(book.take(report('filtered'), SENDER), /token cloud has sent 300 reports within an hour/)
  assert.deepEqual((await book.take(report('filtered'), { ...SENDER, who: 'token office' })).services, ['web'])
  pass(HOUR_MS)
  assert.deepEqual((await book.take(report('filtered'), SENDER)).services, ['web'])
})

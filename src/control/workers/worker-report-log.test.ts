import assert from 'node:assert/strict'
import { test } from 'node:test'
import { capturedLog } from '../../../test/harness/captured-log.ts'
import { WorkerReportLog } from './worker-report-log.ts'

test('accept pauses are said once in 10 s, with how many were kept quiet', () => {
  const { log, records } = capturedLog()
  let nowMs = 0
  const events = new WorkerReportLog(log, () => nowMs)
  for (let i = 0; i < 1000; i++) events.write({ kind: 'accept-paused', code: 'EMFILE', ms: 50 }, 0)
  nowMs = 10_000
  events.write({ kind: 'accept-paused', code: 'EMFILE', ms: 50 }, 1)
  const said = records().map(({ event, code, repeated }) => ({ event, code, repeated }))
  assert.deepEqual(said, [
    { event: 'accept-paused', code: 'EMFILE', repeated: 0 },
    { event: 'accept-paused', code: 'EMFILE', repeated: 999 },
  ])
})

test('an internal error comes with its stack, cut to a bound', () => {
  const { log, records } = capturedLog()
  new WorkerReportLog(log).write({ kind: 'internal-error', message: 'no such slot', stack: 'x'.repeat(1e6) }, 0)
  const [record] = records()
  assert.equal(record['level'], 'error')
  assert.match(String(record['msg']), /no such slot/)
  assert.ok(String(record['stack']).length <= 4000)
})

test('a lost worker is fatal', () => {
  const { log, records } = capturedLog()
  new WorkerReportLog(log).writeLost(3, new Error('broken'))
  assert.equal(records()[0]['level'], 'fatal')
  assert.match(String(records()[0]['msg']), /Worker 3 is lost: broken/)
})

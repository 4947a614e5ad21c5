import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { capturedLog } from '../../../test/harness/captured-log.ts'
import { nodeForTest } from '../../../test/harness/node-for-test.ts'
import { sayDraining, sayListening, sayReady } from './daemon-lines.ts'
import { LOG_EVENTS } from './log-events.ts'
import { RefusedSums } from './refused-sums.ts'
import { formatTextLine } from './text-line.ts'

test('events are one JSON object a line, with level, time, event and a sentence', () => {
  const { log, records } = capturedLog()
  sayListening(log, 'web', '127.0.0.1:8080')
  sayReady(log, nodeForTest())
  sayDraining(log, 'SIGTERM', 3, 30_000)
  const [listening, ready, draining] = records()
  assert.deepEqual(Object.keys(listening), ['level', 'time', 'event', 'service', 'address', 'msg'])
  assert.equal(listening['level'], 'info')
  assert.match(String(listening['time']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  assert.equal(ready['pid'], process.pid)
  assert.equal(ready['maxConnections'], 1000)
  assert.equal(draining['connections'], 3)
})

test('log.format text is one readable line, and nothing in it can forge another or move the cursor', () => {
  const { log, text } = capturedLog('text')
  log.say('worker-warning', { name: 'a\nb "c"', clear: 'x:1' }, 'Evil \u001b[2J sentence\nwith lines.')
  const line = text()
  assert.equal(line.indexOf('\n'), line.length - 1)
  assert.ok(!line.includes('\u001b'))
  assert.match(line, /WARN {2}Evil \\u001b\[2J sentence\\u000awith lines\. {2}name="a\\nb \\"c\\"" clear=x:1\n$/)
})

test('a text line without details is the sentence alone', () => {
  assert.equal(formatTextLine({ level: 'info', time: 'T', event: 'x', msg: 'Done.' }), 'T INFO  Done.\n')
})

test('refused clients are counted since the last question, per service and reason', () => {
  const sums = new RefusedSums()
  const count = (clients: number) => ({ service: 'web', reason: 'refused-ceiling', clients }) as const
  assert.deepEqual(sums.since([count(5)]), [count(5)])
  assert.deepEqual(sums.since([count(5)]), [])
  assert.deepEqual(sums.since([count(12), { ...count(1), service: 'mail' }]), [
    count(7),
    { ...count(1), service: 'mail' },
  ])
})

test('docs/log-events.md lists exactly the events there are', () => {
  const text = readFileSync(new URL('../../../docs/log-events.md', import.meta.url), 'utf8')
  const rows = text.split('\n').map((line) => line.replaceAll(/ +/g, ' '))
  const written = rows.filter((row) => /^\| `[a-z-]+` \|/.test(row))
  const expected = Object.entries(LOG_EVENTS).map(
    ([event, { level, meaning }]) => `| \`${event}\` | ${level} | ${meaning} |`,
  )
  assert.deepEqual(written, expected)
})

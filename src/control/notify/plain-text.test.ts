import assert from 'node:assert/strict'
import { test } from 'node:test'
import { messageOf, shortened } from './message.ts'
import { plain, slackText } from './plain-text.ts'
import { RuleWatch } from './rule-watch.ts'
import { subjectOf } from './send-email.ts'
import { slackBody } from './send-webhook.ts'

const visible = (text: string): string => text.replaceAll('\u200B', '|')

test('text of others is one line without control characters or marks of direction, and has an end', () => {
  assert.equal(plain('a\r\nBcc: x@example.com\u0000\u202Eb\u2028c'), 'a Bcc: x@example.com b c')
  assert.equal(plain('x'.repeat(5_000)).length, 400)
  assert.equal(Array.from(plain('😀'.repeat(5_000))).length, 400)
})

for (const [text, expected] of [
  ['<!channel> & <https://evil.example|your bank>', '&lt;!channel&gt; &amp; &lt;https:|//evil.example||your bank&gt;'],
  ['@here @all #general', '@|here @|all #|general'],
  ['[bank](https://evil.example)', '[bank]|(https:|//evil.example)'],
  ['*bold* _it_ ~no~ `code`', '*|bold* _|it_ ~|no~ `|code`'],
  ['10:00, 5 * 3', '10:00, 5 * 3'],
] as const) {
  test(`for chats: ${text}`, () => assert.equal(visible(slackText(text)), expected))
}

test('what an upstream answers reaches no header and is no markup', () => {
  const reason = 'answered 500: <!channel>\r\nBcc: everybody@example.com\r\n\r\n<script>alert(1)</script>'
  const summary = `Upstream a of service web is down: ${reason}`
  const alarms = new Map([['a', { service: 'web', upstream: 'a', summary, over: summary, values: { reason } }]])
  const watch = new RuleWatch(1_000)
  watch.look(alarms, 0)
  const message = messageOf({ name: 'up', when: 'upstream' }, watch.look(alarms, 5_000), 5_000)
  for (const text of [message.title, message.changes[0].values['reason'], watch.told[0].alarm.over, subjectOf(message)])
    assert.doesNotMatch(String(text), /[\r\n]/)
  assert.ok(Array.from(subjectOf(message)).length <= 120)
  assert.doesNotMatch(String(slackBody(message)['text']), /<|>/)
})

test('what is stored of a message, and of what was told, is less than the store takes', () => {
  const reason = '😀'.repeat(5_000)
  const alarms = new Map(
    Array.from({ length: 50 }, (_, i) => [
      `u${i}`,
      { service: 'web', upstream: `u${i}`, summary: reason, over: reason, values: { reason } },
    ]),
  )
  const watch = new RuleWatch(1_000)
  watch.look(alarms, 0)
  const message = messageOf({ name: 'up', when: 'upstream' }, watch.look(alarms, 5_000), 5_000)
  const stored = shortened(message, 15_000)
  assert.ok(Buffer.byteLength(JSON.stringify(stored)) <= 15_000)
  assert.equal(stored.changes.length + stored.changesLeftOut, 50)
  assert.ok(Buffer.byteLength(JSON.stringify(watch.state())) < 16_000 && watch.state().told.length > 0)
  assert.equal(watch.told.length, 50)
})

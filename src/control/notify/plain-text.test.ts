import assert from 'node:assert/strict'
import { test } from 'node:test'
import { messageOf } from './message.ts'
import { plain, slackText } from './plain-text.ts'
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
  const message = messageOf(
    { name: 'up', when: 'upstream' },
    [
      {
        kind: 'began',
        service: 'web',
        upstream: 'a',
        summary: `Upstream a of service web is down: ${reason}`,
        values: { reason },
        sinceMs: 0,
        untilMs: null,
        cameAndWent: 0,
      },
    ],
    0,
  )
  assert.doesNotMatch(message.title, /[\r\n]/)
  assert.doesNotMatch(String(message.changes[0].values['reason']), /[\r\n]/)
  assert.doesNotMatch(subjectOf(message), /[\r\n]/)
  assert.ok(Array.from(subjectOf(message)).length <= 120)
  assert.doesNotMatch(String(slackBody(message)['text']), /<|>/)
})

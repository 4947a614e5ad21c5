import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { AdminForTest } from '../../../test/harness/admin-for-test.ts'
import { nodeForTest } from '../../../test/harness/node-for-test.ts'
import { parseConfig } from '../../control/config/load.ts'
import type { NotifyView, TestResult } from '../../control/notify/notify.ts'
import { NOTIFICATION_TEST_PATH, NotificationsAnswer, NOTIFICATIONS_PATH, NotificationTestAnswer } from '../contract.ts'
import { channelsOf } from '../../control/notify/notify-config.ts'

const { notify: CONFIG } = parseConfig(
  `
notify:
  webhooks: [{ name: ops, url: 'https://hooks.example.com/very-secret', secret: also-very-secret }]
  emails: [{ name: mail, server: 'mail.example.com:587', user: a, password: most-secret, from: a@example.com, to: [b@example.com, c@example.com] }]
  rules: [{ when: refused, above: 5, per: service, services: [web] }, { when: overload, above: 1, channels: [mail] }]
services: [{ name: web, listen: ['*:1'], upstreams: [192.0.2.1:80] }]
`,
  't.yaml',
  {},
)
const AT = Date.UTC(2026, 10, 21)
const alarm = { service: 'web', upstream: null, summary: '<b>much</b>', over: '', values: {} }
const VIEW: NotifyView = {
  channels: channelsOf(CONFIG).map((config) => ({
    config,
    waiting: 1,
    sent: 2,
    failed: 3,
    lastSentMs: AT,
    lastError: { atMs: AT, text: 'answered 500' },
    nextAttemptMs: undefined,
  })),
  rules: CONFIG.rules.map((rule) => ({ rule, told: [{ alarm, sinceMs: AT }], lastSentMs: undefined })),
  deliveries: [],
}

describe('notifications', () => {
  let admin: AdminForTest
  const asked: (string | undefined)[] = []
  const pending: PromiseWithResolvers<readonly TestResult[] | undefined>[] = []
  before(async () => {
    const notify = {
      view: () => VIEW,
      test: (who: string, channel?: string) => {
        assert.equal(who, 'local')
        asked.push(channel)
        if (channel === 'slow') {
          pending.push(Promise.withResolvers())
          return pending.at(-1)!.promise
        }
        return Promise.resolve(channel === 'nobody' ? undefined : [{ channel: 'ops', ms: 3, error: 'answered 500' }])
      },
    }
    admin = await AdminForTest.start({ node: { ...nodeForTest(), notify } })
  })
  after(() => admin.close())

  test('are shown without what makes their receivers work', async () => {
    const { text, body } = await admin.get(NOTIFICATIONS_PATH)
    assert.doesNotMatch(text, /secret/)
    const { channels, rules } = NotificationsAnswer.parse(body)
    assert.deepEqual(
      channels.map(({ to }) => to),
      ['hooks.example.com', 'b@example.com, c@example.com'],
    )
    assert.deepEqual(
      rules.map(({ about, channels }) => [about, channels]),
      [
        ['more than 5 clients a second that are refused, of a service (web)', []],
        ['the node is near its limits (above level 1)', ['mail']],
      ],
    )
    assert.equal((await admin.get(NOTIFICATIONS_PATH, { token: 'none' })).status, 401)
  })

  test('a test says what came of it, and stands in the audit log', async () => {
    const { status, body } = await admin.ask('POST', NOTIFICATION_TEST_PATH, { body: { channel: 'ops' } })
    assert.equal(status, 200)
    assert.deepEqual(NotificationTestAnswer.parse(body).results, [
      { channel: 'ops', ok: false, ms: 3, error: 'answered 500' },
    ])
    const { action, details } = admin.audited.at(-1)!
    assert.deepEqual([action, details, asked.at(-1)], ['notifications.test', 'ops', 'ops'])
  })

  for (const [body, status] of [
    [{ channel: 'nobody' }, 404],
    [{ channel: 7 }, 400],
    [{ chanel: 'ops' }, 400],
    ['[]', 400],
  ] as const) {
    test(`a test with ${JSON.stringify(body)} is answered with ${status}`, async () => {
      assert.equal((await admin.ask('POST', NOTIFICATION_TEST_PATH, { body })).status, status)
    })
  }

  test('nobody tests without credentials, from a web page, or a third time at once', async () => {
    const body = { channel: 'slow' }
    assert.equal((await admin.ask('POST', NOTIFICATION_TEST_PATH, { body, token: 'none' })).status, 401)
    const headers = { origin: 'https://evil.example' }
    assert.equal((await admin.ask('POST', NOTIFICATION_TEST_PATH, { body, headers })).status, 403)
    const firstTwo = [1, 2].map(() => admin.ask('POST', NOTIFICATION_TEST_PATH, { body }))
    const refused = await Promise.race([
      ...firstTwo,
      (async () => {
        for (;;) {
          const answer = await admin.ask('POST', NOTIFICATION_TEST_PATH, { body: { channel: 'ops' } })
          if (answer.status !== 200) return answer
        }
      })(),
    ])
    assert.equal(refused.status, 429)
    for (const { resolve } of pending) resolve([])
    assert.deepEqual(
      (await Promise.all(firstTwo)).map(({ status }) => status),
      [200, 200],
    )
  })
})

/** From what is wrong to what a receiver gets, over real HTTP. Time is ours, but the pauses between attempts. */
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { afterEach, describe, test } from 'node:test'
import { capturedLog } from '../../../test/harness/captured-log.ts'
import { waitFor } from '../../../test/harness/deadline.ts'
import { nodeForTest } from '../../../test/harness/node-for-test.ts'
import { parseConfig } from '../config/load.ts'
import type { ExposureFinding } from '../golive/exposure/exposure-findings.ts'
import { Store } from '../store/store.ts'
import type { Watched } from './alarms.ts'
import { WAITING_MAX } from './channel.ts'
import type { NotifyConfig } from './notify-config.ts'
import { Notify, type NotifyOptions } from './notify.ts'
import { HttpReceiver } from './receiver-for-test.ts'

const SECRET = 'a-secret-of-more-than-16'
/** Real milliseconds. */
const FAST = { retryPausesMs: [1, 2, 4], betweenMs: 0, attemptMsMax: 5_000, random: () => 0 }

interface Body {
  readonly type: string
  readonly data: {
    readonly id: string
    readonly title: string
    readonly changes: readonly { readonly kind: string; readonly service: string | null; readonly summary: string }[]
  }
}

describe('notifications', { timeout: 60_000 }, () => {
  const open: { close(): void }[] = []
  afterEach(() => open.splice(0).forEach((one) => one.close()))

  async function receiver(): Promise<HttpReceiver> {
    const made = await HttpReceiver.listen()
    open.push(made)
    return made
  }

  /** A node whose services `web` and `mail` can be made to go wrong. */
  class Bench {
    readonly down = new Set<string>()
    readonly means = new Map<string, number>()
    certificateEndMs = Infinity
    exposures: readonly ExposureFinding[] = []
    level = 0
    nowMs = Date.now()
    readonly said = capturedLog()
    readonly notify: Notify

    constructor(config: NotifyConfig, more: Partial<NotifyOptions> = {}) {
      const node = nodeForTest()
      const watched: Watched = {
        ...node,
        checks: {
          viewOf: () => undefined,
          isAllDown: (index) => this.down.has(index === 0 ? 'web' : 'mail'),
        },
        overload: { view: () => ({ ...node.overload.view(), level: this.level }) },
        series: Object.assign(Object.create(node.series) as typeof node.series, {
          mean: (service: string, field: string) => this.means.get(`${service} ${field}`) ?? 0,
        }),
        certificates: () => [{ name: 'admin', notAfterMs: this.certificateEndMs }],
        exposures: () => this.exposures,
      }
      this.notify = new Notify({
        config,
        node: watched,
        store: Store.none(),
        log: this.said.log,
        now: () => this.nowMs,
        channel: FAST,
        ...more,
      })
      open.push(this.notify)
    }

    look(seconds: number): void {
      for (let i = 0; i < seconds; i++) {
        this.notify.look()
        this.nowMs += 1_000
      }
    }
  }

  function configOf(lines: string): NotifyConfig {
    const services = ['web', 'mail'].map(
      (name, i) => `{ name: ${name}, listen: ['*:${i + 1}'], upstreams: [192.0.2.1:80] }`,
    )
    return parseConfig(`notify: ${lines}\nservices: [${services.join(', ')}]`, 't.yaml', {}).notify
  }

  const hook = (url: string, rules: string, more = '') =>
    configOf(`{ webhooks: [{ name: ops, url: '${url}', secret: ${SECRET} }${more}], rules: ${rules} }`)

  const bodies = ({ received }: HttpReceiver): Body[] => received.map(({ body }) => JSON.parse(body) as Body)

  test('what begins and ends comes signed, as JSON', async () => {
    const ops = await receiver()
    const bench = new Bench(hook(ops.url, '[{ when: all-upstreams-down }]'))
    bench.down.add('web')
    bench.look(5)
    await waitFor('the alarm', () => ops.received.length === 1)
    bench.down.clear()
    bench.look(10)
    await waitFor('its end', () => ops.received.length === 2)
    assert.deepEqual(
      bodies(ops).map(({ type, data: { changes } }) => [
        type,
        changes.map(({ kind, service }) => `${kind} ${service}`).join(),
      ]),
      [
        ['tidegate.all-upstreams-down', 'began web'],
        ['tidegate.all-upstreams-down', 'ended web'],
      ],
    )
    for (const { headers, body } of ops.received) {
      const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature } = headers
      const right = createHmac('sha256', SECRET).update(`${id}.${timestamp}.${body}`).digest('base64')
      assert.equal(signature, `v1,${right}`)
      assert.ok(Math.abs(Number(timestamp) * 1000 - Date.now()) < 60_000)
      assert.equal(headers['content-type'], 'application/json')
    }
    assert.equal(new Set(ops.received.map(({ headers }) => headers['webhook-id'])).size, 2)
  })

  test('a vantage that says this and that every minute is no storm: one beginning and one end in each gap', async () => {
    const ops = await receiver()
    const bench = new Bench(hook(ops.url, '[{ when: exposure-open, gap: 1h }, { when: vantage-silent, gap: 1h }]'))
    const one = { service: 'web', vantage: 'v', host: 'h', at: '', upstreams: ['main'], ports: [22], isSilent: true }
    for (let minute = 0; minute < 59; minute++) {
      bench.exposures = minute % 2 === 0 ? [one] : []
      bench.look(60)
    }
    await waitFor('what was told', () => ops.received.length === 4)
    bench.look(60)
    const told = bodies(ops).map(({ type, data: { changes } }) => `${type} ${changes.map(({ kind }) => kind).join()}`)
    assert.deepEqual(told.toSorted(), [
      'tidegate.exposure-open began',
      'tidegate.exposure-open ended',
      'tidegate.vantage-silent began',
      'tidegate.vantage-silent ended',
    ])
    assert.match(bodies(ops)[0].data.title, /^Upstream main of service web answers strangers on 22, says v: /)
  })

  test('thresholds are about the node or a service, and around a threshold nothing is told', async () => {
    const ops = await receiver()
    const rules =
      '[{ when: refused, above: 100/s }, { name: web-in, when: incoming, above: 1MiB, per: service, services: [web] }]'
    const bench = new Bench(hook(ops.url, rules))
    bench.means.set(' refused', 101).set('mail bytesToUpstream', 2 ** 30)
    bench.look(3)
    for (let i = 0; i < 60; i++) {
      bench.means.set(' refused', i % 2 === 0 ? 99 : 101)
      bench.look(1)
    }
    bench.means.set('web bytesToUpstream', 1.5 * 2 ** 20)
    bench.look(3)
    bench.means.set(' refused', 89)
    bench.look(10)
    await waitFor('three messages', () => ops.received.length === 3)
    assert.deepEqual(
      bodies(ops).map(({ data }) => data.title),
      [
        'Over the last minute 101 clients a second that are refused, of the node: more than 100 clients a second that are refused.',
        'Over the last minute 1.5 MiB a second from clients, of service web: more than 1 MiB a second from clients.',
        'It is not more than 100 clients a second that are refused, of the node, any more.',
      ],
    )
  })

  test('overload above a level, the end of a certificate, and who is told of it', async () => {
    const [ops, other] = [await receiver(), await receiver()]
    const rules = '[{ when: overload, above: 1, channels: [ops] }, { when: certificate, before: 7d }]'
    const bench = new Bench(hook(ops.url, rules, `, { name: other, url: '${other.url}' }`))
    bench.level = 1
    bench.look(5)
    bench.level = 2
    bench.certificateEndMs = bench.nowMs + 6 * 86_400_000 + 3_600_000
    bench.look(5)
    await waitFor('both', () => ops.received.length === 2 && other.received.length === 1)
    assert.match(bodies(other)[0].data.title, /^The certificate admin ends at .*, in 6 days\.$/)
    assert.ok(bodies(ops).some(({ data }) => data.title.startsWith('The node is near its limits: overload level 2')))
    assert.equal(other.received[0].headers['webhook-signature'], undefined)
  })

  test('a receiver that fails gets it later, once; the log says so once, and when it is over', async () => {
    const ops = await receiver()
    let failures = 3
    ops.answer = () => ({ status: failures-- > 0 ? 503 : 204 })
    const bench = new Bench(hook(ops.url, '[{ when: all-upstreams-down }]'))
    bench.down.add('web')
    bench.look(3)
    await waitFor('the fourth attempt', () => bench.notify.view().channels[0].sent === 1)
    assert.equal(ops.received.length, 4)
    assert.equal(new Set(ops.received.map(({ headers }) => headers['webhook-id'])).size, 1)
    assert.deepEqual(
      bench.said.records().map(({ event }) => event),
      ['notify-failing', 'notify-back'],
    )
    const [{ lastError, waiting, failed }] = bench.notify.view().channels
    assert.deepEqual([lastError?.text, waiting, failed], ['answered 503', 0, 0])
  })

  for (const [what, status, attempts] of [
    ['who refuses for good is not asked again', 404, 1],
    ['a redirect is not followed', 307, 1],
    ['who never recovers is given up', 500, 4],
    ['who is asked too often is asked again', 429, 4],
  ] as const) {
    test(what, async () => {
      const [ops, elsewhere] = [await receiver(), await receiver()]
      ops.answer = () => ({ status, headers: { location: elsewhere.url }, text: '<b>no</b>\r\nnever' })
      const bench = new Bench(hook(ops.url, '[{ when: all-upstreams-down }]'))
      bench.down.add('web')
      bench.look(3)
      await waitFor('it to be given up', () => bench.notify.view().channels[0].failed === 1)
      assert.deepEqual([ops.received.length, elsewhere.received.length], [attempts, 0])
      const [{ state, error }] = bench.notify.view().deliveries
      assert.equal(state, 'failed')
      assert.match(error ?? '', new RegExp(`^answered ${status}.*<b>no</b> never$`))
      assert.equal(bench.said.records().at(-1)?.['event'], 'notify-lost')
    })
  }

  test('a dead receiver delays nobody, and what waits for it has an end', async () => {
    const [dead, alive] = [await receiver(), await receiver()]
    dead.answer = () => 'never'
    const rules = '[{ when: all-upstreams-down, gap: 1s }]'
    const bench = new Bench(hook(dead.url, rules, `, { name: alive, url: '${alive.url}' }`))
    for (let i = 0; i < 2 * WAITING_MAX; i++) {
      if (i % 2 === 0) bench.down.add('web')
      else bench.down.clear()
      bench.look(5)
    }
    await waitFor('all for the other', () => bench.notify.view().channels[1].waiting === 0)
    const [blocked, other] = bench.notify.view().channels
    assert.deepEqual([blocked.waiting, blocked.sent], [WAITING_MAX, 0])
    assert.ok(other.sent > WAITING_MAX / 2 && other.failed + other.sent > WAITING_MAX)
    assert.equal(dead.received.length, 1)
  })

  test('other rules and channels are taken over while it runs; what waits goes where it says now', async () => {
    const [old, next] = [await receiver(), await receiver()]
    old.answer = () => ({ status: 500 })
    const bench = new Bench(hook(old.url, '[{ when: all-upstreams-down }]'), {
      channel: { ...FAST, retryPausesMs: [3_600_000] },
    })
    bench.down.add('web')
    bench.look(3)
    await waitFor('a failed attempt', () => bench.notify.view().channels[0].nextAttemptMs !== undefined)
    bench.notify.use(hook(next.url, '[{ when: all-upstreams-down, gap: 1m }, { when: overload }]'))
    await waitFor('the message', () => next.received.length === 1)
    bench.level = 1
    bench.look(5)
    await waitFor('the new rule', () => next.received.length === 2)
    // It was told, and is not told again by the same rule with another gap.
    assert.deepEqual(
      bodies(next).map(({ type }) => type),
      ['tidegate.all-upstreams-down', 'tidegate.overload'],
    )
    bench.notify.use(configOf('{}'))
    bench.level = 0
    bench.look(10)
    assert.deepEqual([bench.notify.view().channels, bench.notify.view().rules], [[], []])
    assert.equal(old.received.length, 1)
  })

  test('the end of the daemon waits for no receiver', async () => {
    const ops = await receiver()
    ops.answer = () => 'never'
    const bench = new Bench(hook(ops.url, '[{ when: all-upstreams-down }]'))
    const tested = bench.notify.test('root')
    bench.down.add('web')
    bench.look(3)
    await waitFor('both', () => ops.received.length === 2)
    bench.notify.close()
    assert.equal((await tested)?.[0].error, 'no answer in time')
    assert.equal(bench.notify.view().channels[0].waiting, 1)
  })

  test('a test is sent past what waits, and its error is told', async () => {
    const [ops, chat] = [await receiver(), await receiver()]
    chat.answer = () => ({ status: 403, text: 'invalid_token' })
    const config = configOf(
      `{ webhooks: [{ name: ops, url: '${ops.url}' }], slack: [{ name: chat, url: '${chat.url}' }] }`,
    )
    const bench = new Bench(config)
    const results = await bench.notify.test('root')
    assert.deepEqual(
      results?.map(({ channel, error }) => [channel, error]),
      [
        ['ops', undefined],
        ['chat', 'answered 403: invalid_token'],
      ],
    )
    assert.equal(bodies(ops)[0].type, 'tidegate.test')
    assert.match((JSON.parse(chat.received[0].body) as { text: string }).text, /^This is a test of the channel chat/)
    assert.equal(await bench.notify.test('root', 'nobody'), undefined)
    assert.equal((await bench.notify.test('root', 'ops'))?.length, 1)
  })
})

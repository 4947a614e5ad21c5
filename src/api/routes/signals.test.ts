import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { AdminForTest, NO_ACTIONS } from '../../../test/harness/admin-for-test.ts'
import { NO_BANS } from '../../../test/harness/no-bans.ts'
import { makeBan } from '../../control/bans/ban.ts'
import type { BanSignal, SignalledBan } from '../../control/bans/ban-signal.ts'
import { TooManyLooks } from '../../control/operator/open-connections.ts'
import { formatIp, parseIp, parseNetwork } from '../../lib/ip.ts'
import { Problem, SignalAnswer, signalsPath } from '../contract.ts'

const UNTIL_MS = Date.UTC(2026, 10, 22)
const BAN = makeBan(parseNetwork('192.0.2.7')!, {
  origin: 'signals',
  sinceMs: 0,
  untilMs: UNTIL_MS,
  why: 'x',
  by: 'me',
  repeated: 0,
  isWatched: false,
})
/** Service `web` has it. */
const OPEN = 'ab'.repeat(12)
const BUSY = 'bb'.repeat(12)

describe('/api/v1/services/…/signals', () => {
  let admin: AdminForTest
  let signals: BanSignal[] = []
  let outcome: SignalledBan
  const bans = { ...NO_BANS, signal: (signal: BanSignal) => (signals.push(signal), outcome) }
  const clientOf = async (id: string, serviceIndex: number): Promise<Uint8Array | undefined> => {
    if (id === BUSY) throw new TooManyLooks('Many ask.')
    return id === OPEN && serviceIndex === 0 ? parseIp('2001:db8::7') : undefined
  }
  before(
    async () =>
      (admin = await AdminForTest.start({
        actions: { ...NO_ACTIONS, bans, connections: { ...NO_ACTIONS.connections, clientOf } },
      })),
  )
  after(() => admin.close())
  beforeEach(() => {
    signals = []
    outcome = { kind: 'banned', ban: BAN, isNew: true }
  })

  const ask = (body: unknown, path = signalsPath('web')) => admin.ask('POST', path, { body })

  test('a client is banned by its address, for the time that is asked for or ten minutes', async () => {
    const { status, body } = await ask({ client: '192.0.2.7', reason: 'spam', ttlMs: 60_000 })
    assert.equal(status, 200)
    const until = new Date(UNTIL_MS).toISOString()
    assert.deepEqual(SignalAnswer.parse(body), { prefix: '192.0.2.7', until, changed: true })
    await ask({ client: '192.0.2.7', reason: 'spam' })
    assert.deepEqual(
      signals.map(({ client, ttlMs, why, by }) => [formatIp(client), ttlMs, why, by]),
      [
        ['192.0.2.7', 60_000, 'spam', 'local for web'],
        ['192.0.2.7', 600_000, 'spam', 'local for web'],
      ],
    )
  })

  test('or by the id of its connection, which must be one of the service', async () => {
    assert.equal((await ask({ connection: OPEN, reason: 'spam' })).status, 200)
    assert.equal(formatIp(signals[0].client), '2001:db8::7')
    for (const [connection, path, status] of [
      [OPEN, signalsPath('mail'), 404],
      ['cd'.repeat(12), signalsPath('web'), 404],
      [BUSY, signalsPath('web'), 429],
    ] as const) {
      assert.equal((await ask({ connection, reason: 'spam' }, path)).status, status)
    }
    assert.equal(signals.length, 1)
  })

  test('who is never banned is told with the reason', async () => {
    outcome = { kind: 'never', prefix: '192.0.2.7', why: 'is on the allow list' }
    const { status, body } = await ask({ client: '192.0.2.7', reason: 'spam' })
    const { code, detail } = Problem.parse(body)
    assert.deepEqual(
      [status, code, detail],
      [409, 'E_NEVER_BANNED', '192.0.2.7 is on the allow list, and is not banned.'],
    )
  })

  for (const [body, detail] of [
    [{ reason: 'x' }, /expected either client or connection/],
    [{ client: '192.0.2.7', connection: OPEN, reason: 'x' }, /expected either client or connection/],
    [{ client: '192.0.2.7' }, /reason/],
    [{ client: '192.0.2.7', reason: '' }, /reason/],
    [{ client: '192.0.2.7', reason: 'x'.repeat(201) }, /reason/],
    [{ client: '192.0.2.0/24', reason: 'x' }, /expected one IP address/],
    [{ client: 'web.example', reason: 'x' }, /expected one IP address/],
    [{ connection: 'AB'.repeat(12), reason: 'x' }, /expected 24 hex digits/],
    [{ client: '192.0.2.7', reason: 'x', ttlMs: 0 }, /ttlMs is 0/],
    [{ client: '192.0.2.7', reason: 'x', force: true }, /force/],
  ] as const) {
    test(`bans nobody: ${JSON.stringify(body).slice(0, 60)}`, async () => {
      const answer = await ask(body)
      assert.equal(answer.status, 400)
      assert.match(Problem.parse(answer.body).detail, detail)
      assert.deepEqual(signals, [])
    })
  }

  test('an unknown service is 404; the audit log has whom it was about', async () => {
    const { status, body } = await ask({ client: '192.0.2.7', reason: 'x' }, signalsPath('wbe'))
    assert.equal(status, 404)
    assert.match(Problem.parse(body).detail, /Did you mean web/)
    admin.audited.length = 0
    await ask({ client: '192.0.2.7', reason: 'spam' })
    assert.deepEqual(
      admin.audited.map(({ action, details }) => [action, details]),
      [['signals.add', '192.0.2.7: spam']],
    )
  })
})

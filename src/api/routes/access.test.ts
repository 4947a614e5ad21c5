/** Users, sessions, tokens and the audit log as a browser and a program meet them. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { Secret, TOTP } from 'otpauth'
import { type AdminAnswer, AdminForTest, type Asking } from '../../../test/harness/admin-for-test.ts'
import { Access } from '../../control/access/access.ts'
import { LocalToken } from '../../control/access/local-token.ts'
import { FREE_FAILURES_PER_ACCOUNT, FREE_FAILURES_PER_ADDRESS } from '../../control/access/login-limits.ts'
import { MemoryAccessStore } from '../../control/access/memory-access-store.ts'
import { SESSION_IDLE_MS, SESSION_MS_MAX } from '../../control/access/sessions.ts'
import {
  ACCESS_PATHS,
  AuditAnswer,
  NewTokenAnswer,
  Problem,
  RecoveryCodesAnswer,
  SecondFactorAnswer,
  SessionAnswer,
  SessionsAnswer,
  SetUpLinkAnswer,
  TokensAnswer,
  tokenPath,
  userPath,
  UsersAnswer,
} from '../contract.ts'

const PASSWORD = 'correct horse battery'
const START_MS = Date.UTC(2026, 10, 21, 18)

describe('access', () => {
  let admin: AdminForTest
  let nowMs = START_MS
  const failed: string[] = []

  before(async () => {
    const store = new MemoryAccessStore()
    const token = new LocalToken('/nowhere/admin-token', AdminForTest.token)
    const onFailedLogin = (name: string, address: string): number => failed.push(`${name} ${address}`)
    const access = new Access(token, { store, onFailedLogin, nowMs: () => nowMs })
    admin = await AdminForTest.start({ access, auditLog: store.audit })
    await access.users.add('ann', PASSWORD, 'admin')
    await access.users.add('bob', PASSWORD, 'operator')
  })
  after(() => admin.close())
  // Whoever failed before may try again.
  beforeEach(() => {
    nowMs += 25 * 3_600_000
  })

  /** As the dashboard does. */
  function page(method: string, path: string, { cookie, body }: { cookie?: string; body?: unknown } = {}) {
    const headers: Record<string, string> = { origin: `http://127.0.0.1:${admin.port}`, 'x-tidegate': '1' }
    if (cookie !== undefined) headers['cookie'] = cookie
    return admin.ask(method, path, { token: 'none', headers, body } satisfies Asking)
  }

  const tryLogin = (name: string, password: string, more: { code?: string; cookie?: string } = {}) =>
    page('POST', ACCESS_PATHS.session, {
      ...(more.cookie === undefined ? {} : { cookie: more.cookie }),
      body: { name, password, ...(more.code === undefined ? {} : { code: more.code }) },
    })

  async function logIn(name = 'ann', code?: string): Promise<string> {
    const answer = await tryLogin(name, PASSWORD, code === undefined ? {} : { code })
    assert.equal(answer.status, 200, answer.text)
    return cookieOf(answer)
  }

  const whoIs = async (cookie: string): Promise<string | undefined> =>
    SessionAnswer.parse((await page('GET', ACCESS_PATHS.session, { cookie })).body).identity?.who

  test('name and password get a cookie that no script can read and no other site sends', async () => {
    const answer = await tryLogin('ANN', PASSWORD)
    const [cookie] = answer.headers['set-cookie'] ?? []
    assert.match(cookie, /^tidegate=[\w-]{43}; Path=\/; Max-Age=\d+; HttpOnly; SameSite=Strict$/)
    const { identity } = SessionAnswer.parse(answer.body)
    assert.deepEqual(identity, { who: 'ann', kind: 'user', role: 'admin' })
    assert.equal(await whoIs(cookieOf(answer)), 'ann')
    assert.equal(await whoIs('tidegate=another'), undefined)
  })

  test('a session that an attacker has put into the browser is not the one that is logged in', async () => {
    const planted = await logIn('bob')
    const answer = await tryLogin('ann', PASSWORD, { cookie: planted })
    assert.notEqual(cookieOf(answer), planted)
    assert.equal(await whoIs(planted), undefined)
    const made = `tidegate=${'A'.repeat(43)}`
    assert.notEqual(cookieOf(await tryLogin('ann', PASSWORD, { cookie: made })), made)
    assert.equal(await whoIs(made), undefined)
  })

  test('logging out ends the session, everywhere all of them', async () => {
    const [one, two, three] = [await logIn(), await logIn(), await logIn()]
    const answer = await page('DELETE', ACCESS_PATHS.session, { cookie: one })
    assert.match(answer.headers['set-cookie']?.[0] ?? '', /^tidegate=; Path=\/; Max-Age=0/)
    assert.deepEqual([await whoIs(one), await whoIs(two)], [undefined, 'ann'])
    const listed = SessionsAnswer.parse((await page('GET', ACCESS_PATHS.ownSessions, { cookie: two })).body).sessions
    assert.equal(listed.filter(({ isThis }) => isThis).length, 1)
    const other = listed.find(({ isThis }) => !isThis)!
    await page('DELETE', `${ACCESS_PATHS.ownSessions}/${other.id}`, { cookie: two })
    assert.deepEqual([await whoIs(two), await whoIs(three)], ['ann', undefined])
    await page('DELETE', ACCESS_PATHS.ownSessions, { cookie: two })
    assert.equal(await whoIs(two), undefined)
  })

  test('nobody ends the session of somebody else', async () => {
    const [ann, bob] = [await logIn(), await logIn('bob')]
    const { sessions } = SessionsAnswer.parse((await page('GET', ACCESS_PATHS.ownSessions, { cookie: ann })).body)
    const id = sessions.find(({ isThis }) => isThis)!.id
    assert.equal((await page('DELETE', `${ACCESS_PATHS.ownSessions}/${id}`, { cookie: bob })).status, 404)
    assert.equal(await whoIs(ann), 'ann')
  })

  test('a session ends when it was not used for long, and in the end in any case', async () => {
    const idle = await logIn()
    nowMs += SESSION_IDLE_MS - 1
    assert.equal(await whoIs(idle), 'ann')
    nowMs += SESSION_IDLE_MS
    assert.equal(await whoIs(idle), undefined)
    const busy = await logIn()
    const endMs = nowMs + SESSION_MS_MAX
    for (; nowMs + SESSION_IDLE_MS / 2 < endMs; nowMs += SESSION_IDLE_MS / 2) assert.equal(await whoIs(busy), 'ann')
    nowMs = endMs
    assert.equal(await whoIs(busy), undefined)
  })

  test('whoever looks on does not keep a session alive', async () => {
    const id = (await logIn()).split('=')[1]
    nowMs += SESSION_IDLE_MS - 1
    assert.ok(await admin.access.identify({ session: id, isLookOnly: true }))
    nowMs += 1
    assert.equal(await admin.access.identify({ session: id, isLookOnly: true }), undefined)
  })

  test('a page that asks again and again by itself does not keep a session alive, and what changes something does', async () => {
    const [looking, using] = [await logIn(), await logIn()]
    const half = SESSION_IDLE_MS / 2
    const ask = (cookie: string, how: string) =>
      admin.ask('GET', '/status.json', { token: 'none', headers: { cookie, 'x-tidegate': how } })
    for (let passedMs = 0; passedMs < SESSION_IDLE_MS; passedMs += half) {
      assert.equal((await ask(looking, 'look')).status, 200)
      assert.equal((await ask(using, '1')).status, 200)
      nowMs += half
    }
    assert.deepEqual([(await ask(looking, 'look')).status, (await ask(using, 'look')).status], [401, 200])
  })

  test('a name that nobody has, a wrong password and a disabled user are told the same', async () => {
    await admin.access.users.add('eve', PASSWORD, 'viewer')
    await admin.access.users.change('eve', { isDisabled: true })
    const answers = [
      await tryLogin('nobody', PASSWORD),
      await tryLogin('ann', 'wrong password'),
      await tryLogin('eve', PASSWORD),
    ]
    assert.deepEqual(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size, 1)
    assert.equal(answers[0].status, 401)
    assert.ok(answers.every(({ headers }) => headers['set-cookie'] === undefined))
    assert.deepEqual(failed.slice(-3), ['nobody 127.0.0.1', 'ann 127.0.0.1', 'eve 127.0.0.1'])
  })

  test('guessing is slowed down, for names that nobody has as for others, and the right password does not help', async () => {
    await admin.access.users.add('mia', PASSWORD, 'viewer')
    for (const name of ['mia', 'nobody-else']) {
      nowMs += 25 * 3_600_000
      for (let i = 0; i < FREE_FAILURES_PER_ACCOUNT; i++) await tryLogin(name, `guess number ${i}`)
      const locked = await tryLogin(name, PASSWORD)
      assert.equal(locked.status, 401)
      assert.match(Problem.parse(locked.body).detail, /^Name or password is wrong, or there were too many wrong ones/)
    }
    for (let i = 0; i < FREE_FAILURES_PER_ADDRESS; i++) await tryLogin(`name-${i}`, PASSWORD)
    const refused = await tryLogin('ann', PASSWORD)
    assert.equal(refused.status, 429)
    assert.ok(Number(refused.headers['retry-after']) > 0)
    nowMs += 3_600_000
    assert.equal(await whoIs(await logIn('mia')), 'mia')
  })

  test('many guesses at once are counted one by one', async () => {
    const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => tryLogin('ann', `guess number ${i}`)))
    assert.equal(answers.filter(({ status }) => status === 429).length >= 40 - FREE_FAILURES_PER_ADDRESS, true)
  })

  test('the set-up link makes one admin, once', async () => {
    const link = await admin.ask('POST', ACCESS_PATHS.setUpLink)
    assert.equal(link.status, 409, 'there are users')
    const access = new Access(new LocalToken('/nowhere/admin-token', AdminForTest.token), { nowMs: () => nowMs })
    const fresh = await AdminForTest.start({ access })
    try {
      const setUp = (secret: string, name = 'root', password = PASSWORD): Promise<AdminAnswer> =>
        fresh.ask('POST', ACCESS_PATHS.setUp, { token: 'none', body: { secret, name, password } })
      assert.equal((await setUp('')).status, 401)
      const old = SetUpLinkAnswer.parse((await fresh.ask('POST', ACCESS_PATHS.setUpLink)).body).secret
      const { secret } = SetUpLinkAnswer.parse((await fresh.ask('POST', ACCESS_PATHS.setUpLink)).body)
      assert.equal((await setUp(old)).status, 401, 'another link was made since')
      assert.equal((await setUp(secret, 'root', 'short')).status, 400)
      assert.equal((await setUp(secret, '<b>root</b>')).status, 400)
      nowMs += 3_600_001
      assert.equal((await setUp(secret)).status, 401, 'its hour is over')
      const again = SetUpLinkAnswer.parse((await fresh.ask('POST', ACCESS_PATHS.setUpLink)).body).secret
      const made = await setUp(again)
      assert.deepEqual(SessionAnswer.parse(made.body).identity, { who: 'root', kind: 'user', role: 'admin' })
      assert.equal((await setUp(again, 'second')).status, 401)
      assert.equal((await fresh.ask('POST', ACCESS_PATHS.setUpLink)).status, 409)
    } finally {
      await fresh.close()
    }
  })

  test('another password ends all other sessions, and this one gets another id', async () => {
    await admin.access.users.add('kim', PASSWORD, 'viewer')
    const [one, two] = [await logIn('kim'), await logIn('kim')]
    const change = (from: string, to: string): Promise<AdminAnswer> =>
      page('PUT', ACCESS_PATHS.ownPassword, { cookie: one, body: { from, to } })
    assert.equal((await change('wrong password', 'another long phrase')).status, 403)
    assert.equal((await change(PASSWORD, 'short')).status, 400)
    assert.equal((await change(PASSWORD, 'kim is my name')).status, 400)
    const changed = await change(PASSWORD, 'another long phrase')
    assert.equal(changed.status, 200, changed.text)
    assert.deepEqual([await whoIs(one), await whoIs(two)], [undefined, undefined])
    assert.equal(await whoIs(cookieOf(changed)), 'kim')
    assert.equal((await tryLogin('kim', PASSWORD)).status, 401)
    assert.equal((await tryLogin('kim', 'another long phrase')).status, 200)
  })

  test('another role counts at once, and the sessions of before are over', async () => {
    const bob = await logIn('bob')
    assert.equal((await admin.ask('PATCH', userPath('bob'), { body: { role: 'viewer' } })).status, 200)
    assert.equal(await whoIs(bob), undefined)
    // Of oneself: the session goes on under another id.
    const ann = await logIn()
    await admin.access.users.add('second', PASSWORD, 'admin')
    const answer = await page('PATCH', userPath('ann'), { cookie: ann, body: { role: 'operator' } })
    assert.equal(answer.status, 200, answer.text)
    assert.deepEqual([await whoIs(ann), await whoIs(cookieOf(answer))], [undefined, 'ann'])
    assert.equal((await page('GET', ACCESS_PATHS.users, { cookie: cookieOf(answer) })).status, 403)
    await admin.access.users.change('ann', { role: 'admin' })
    await admin.access.users.remove('second')
  })

  test('one admin who can log in is always left', async () => {
    for (const change of [{ role: 'viewer' }, { disabled: true }]) {
      const { status, body } = await admin.ask('PATCH', userPath('ann'), { body: change })
      assert.deepEqual([status, Problem.parse(body).code], [409, 'E_CONFLICT'])
    }
    assert.equal((await admin.ask('DELETE', userPath('ann'))).status, 409)
    assert.equal((await admin.ask('DELETE', userPath('nobody'))).status, 404)
    const { users } = UsersAnswer.parse((await admin.get(ACCESS_PATHS.users)).body)
    assert.ok(users.some(({ name, role, disabled }) => name === 'ann' && role === 'admin' && !disabled))
    assert.ok(!JSON.stringify(users).includes('argon2'))
  })

  test('a second factor: each code works once, a recovery code too, and no password skips it', async () => {
    await admin.access.users.add('tim', PASSWORD, 'viewer')
    const cookie = await logIn('tim')
    const at = ACCESS_PATHS.secondFactor
    assert.equal((await page('POST', at, { cookie, body: { password: 'wrong password' } })).status, 403)
    const offer = SecondFactorAnswer.parse((await page('POST', at, { cookie, body: { password: PASSWORD } })).body)
    assert.match(offer.uri, /^otpauth:\/\/totp\/Tidegate:tim\?issuer=Tidegate&secret=/)
    const codeOf = (ms: number): string =>
      new TOTP({ secret: Secret.fromBase32(offer.secret) }).generate({ timestamp: ms })
    assert.equal((await page('PUT', at, { cookie, body: { code: '000000' } })).status, 400)
    const on = await page('PUT', at, { cookie, body: { code: codeOf(nowMs) } })
    const { recoveryCodes } = RecoveryCodesAnswer.parse(on.body)
    assert.equal(recoveryCodes.length, 10)

    const needed = await tryLogin('tim', PASSWORD)
    assert.deepEqual([needed.status, Problem.parse(needed.body).code], [401, 'E_SECOND_FACTOR'])
    assert.equal(needed.headers['set-cookie'], undefined)
    assert.equal((await tryLogin('tim', PASSWORD, { code: codeOf(nowMs) })).status, 401, 'it was used to turn it on')
    assert.equal((await tryLogin('tim', PASSWORD, { code: codeOf(nowMs - 3_600_000) })).status, 401)
    nowMs += 60_000
    assert.equal((await tryLogin('tim', PASSWORD, { code: codeOf(nowMs) })).status, 200)
    assert.equal((await tryLogin('tim', PASSWORD, { code: codeOf(nowMs) })).status, 401, 'used')
    const written = recoveryCodes[3].toUpperCase().replaceAll('-', ' ')
    const atOnce = await Promise.all([1, 2].map(() => tryLogin('tim', PASSWORD, { code: written })))
    assert.deepEqual(
      atOnce.map(({ status }) => status).toSorted((a, b) => a - b),
      [200, 401],
    )
    assert.equal((await tryLogin('tim', PASSWORD, { code: written })).status, 401, 'used')

    const off = await page('DELETE', at, { cookie: await logIn('tim', recoveryCodes[4]), body: { password: PASSWORD } })
    assert.equal(off.status, 200, off.text)
    assert.equal((await tryLogin('tim', PASSWORD)).status, 200)
  })

  test('codes can not be guessed on and on with the right password', async () => {
    await admin.access.users.add('una', PASSWORD, 'viewer')
    const user = await admin.access.users.find('una')
    const { secret } = await admin.access.account.beginSecondFactor(user, PASSWORD, '127.0.0.1')
    const code = new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp: nowMs })
    await admin.access.account.confirmSecondFactor(user, code)
    nowMs += 25 * 3_600_000
    const statuses: number[] = []
    for (let i = 0; i < 2 * FREE_FAILURES_PER_ADDRESS; i++) {
      // Asking without a code in between gives no new guesses.
      statuses.push((await tryLogin('una', PASSWORD, { code: String(i).padStart(6, '0') })).status)
      await tryLogin('una', PASSWORD)
    }
    assert.ok(statuses.includes(429), statuses.join(' '))
  })

  test('a token is shown once, has its role, and ends when it is over or taken back', async () => {
    const add = (body: unknown): Promise<AdminAnswer> => admin.ask('POST', ACCESS_PATHS.tokens, { body })
    const made = await add({ name: '<img src=x onerror=alert(1)>', role: 'viewer', ttlMs: 60_000 })
    assert.equal(made.status, 201, made.text)
    const { token, secret } = NewTokenAnswer.parse(made.body)
    assert.match(secret, /^tdg_[\w-]{43}$/)
    const listed = await admin.get(ACCESS_PATHS.tokens)
    assert.ok(!listed.text.includes(secret) && !listed.text.includes('hash'))
    assert.equal(TokensAnswer.parse(listed.body).tokens[0].by, 'local')
    assert.equal((await admin.get('/status.json', { token: secret })).status, 200)
    assert.equal((await admin.get(ACCESS_PATHS.users, { token: secret })).status, 403)
    assert.equal((await admin.get(ACCESS_PATHS.ownSessions, { token: secret })).status, 403, 'it has no account')
    assert.equal((await add({ name: token.name, role: 'viewer' })).status, 409)
    assert.equal((await add({ name: 'x', role: 'viewer', services: ['wbe'] })).status, 400)
    assert.equal((await add({ name: 'a\u202eb', role: 'viewer' })).status, 400)
    assert.equal((await admin.ask('DELETE', tokenPath(token.id))).status, 200)
    assert.equal((await admin.get('/status.json', { token: secret })).status, 401)
    const over = await admin.access.tokens.add({
      name: 'over',
      role: 'admin',
      services: null,
      ttlMs: 0,
      by: 'test',
    })
    assert.equal((await admin.get('/status.json', { token: over.secret })).status, 401)
  })

  test('the audit log names who did what from where, a page at a time, and no secret', async () => {
    const ann = await logIn()
    await page('POST', ACCESS_PATHS.users, { cookie: ann, body: { name: 'zoe', password: PASSWORD, role: 'viewer' } })
    const entries = admin.audited.filter(({ target }) => target === ACCESS_PATHS.users)
    const { who, from, action, details, status } = entries.at(-1)!
    assert.deepEqual([who, from, action, details, status], ['ann', '127.0.0.1', 'users.add', 'zoe as viewer', 201])
    assert.ok(admin.audited.some(({ action, who: by }) => action === 'login' && by === 'ann'))
    assert.ok(!JSON.stringify(admin.audited).includes(PASSWORD))
    for (const query of ['limit=0', 'limit=5000', 'before=x', 'from=yesterday', 'no=such']) {
      assert.equal((await admin.get(`${ACCESS_PATHS.audit}?${query}`)).status, 400, query)
    }
    assert.deepEqual(AuditAnswer.parse((await admin.get(ACCESS_PATHS.audit)).body), { entries: [], next: null })
  })
})

function cookieOf({ headers }: AdminAnswer): string {
  return (headers['set-cookie']?.[0] ?? '').split(';', 1)[0]
}

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  type Attempt,
  FREE_FAILURES_PER_ACCOUNT,
  FREE_FAILURES_PER_ADDRESS,
  LOGIN_ENTRIES_MAX,
  LoginLimits,
  PAUSE_MS_MAX,
  sourceOf,
} from './login-limits.ts'

const ANN: Attempt = { name: 'ann', isKnown: true, address: '192.0.2.1' }

describe('limits of logging in', () => {
  let nowMs = 0
  const limits = (): LoginLimits => {
    nowMs = 1_000_000
    return new LoginLimits(() => nowMs)
  }

  test('each failure of an address beyond the free ones makes the pause twice as long, up to a bound', () => {
    const of = limits()
    for (let i = 0; i < FREE_FAILURES_PER_ADDRESS; i++) assert.equal(of.tryAddress('192.0.2.1'), 0)
    const pauses: number[] = []
    for (let i = 0; i < 12; i++) {
      pauses.push(of.tryAddress('192.0.2.1'))
      nowMs += pauses[i]
      assert.equal(of.tryAddress('192.0.2.1'), 0)
    }
    assert.deepEqual(pauses.slice(0, 4), [1_000, 2_000, 4_000, 8_000])
    assert.equal(pauses.at(-1), PAUSE_MS_MAX)
    assert.equal(of.tryAddress('192.0.2.2'), 0, 'others may')
  })

  test('a /64 is one address, an IPv4 address inside IPv6 is IPv4', () => {
    assert.equal(sourceOf('2001:db8::1:2:3:4'), sourceOf('2001:db8::9'))
    assert.notEqual(sourceOf('2001:db8:0:1::1'), sourceOf('2001:db8::1'))
    assert.equal(sourceOf('::ffff:192.0.2.1'), '192.0.2.1')
    assert.equal(sourceOf('fe80::1%eth0'), 'fe80::')
  })

  test('an account that is guessed at from everywhere is still open to who has logged in from there before', () => {
    const of = limits()
    of.noteSuccess(ANN)
    for (let i = 0; i < 100; i++) of.tryAccount({ ...ANN, address: `198.51.100.${i}` })
    assert.equal(of.tryAccount({ ...ANN, address: '203.0.113.1' }), false)
    assert.equal(of.tryAccount(ANN), true)
    assert.equal(of.tryAccount({ ...ANN, name: 'ANN' }), true)
    assert.equal(of.tryAccount({ ...ANN, address: '203.0.113.1', hasSessionThere: true }), true, 'of before the start')
  })

  test('a user at the same address can not guess on and on at the account of another by logging in between', () => {
    const of = limits()
    of.noteSuccess(ANN)
    const answers: boolean[] = []
    for (let i = 0; i < 3 * FREE_FAILURES_PER_ACCOUNT; i++) {
      answers.push(of.tryAddress(ANN.address) === 0 && of.tryAccount(ANN))
      of.noteSuccess({ ...ANN, name: 'bob' })
    }
    assert.equal(answers.filter(Boolean).length, FREE_FAILURES_PER_ACCOUNT)
  })

  test('what was neither failure nor success leaves no trace', () => {
    const of = limits()
    for (let i = 0; i < 3 * FREE_FAILURES_PER_ACCOUNT; i++) {
      assert.equal(of.tryAddress(ANN.address), 0)
      assert.equal(of.tryAccount(ANN), true)
      of.takeBack(ANN)
    }
  })

  test('a million addresses and names push out no account, and take no more than their bound', () => {
    const of = limits()
    for (let i = 0; i < FREE_FAILURES_PER_ACCOUNT; i++) of.tryAccount(ANN)
    for (let i = 0; i < 3 * LOGIN_ENTRIES_MAX; i++) {
      of.tryAccount({ name: `nobody-${i}`, isKnown: false, address: '198.51.100.1' })
    }
    assert.equal(of.tryAccount(ANN), false)
  })
})

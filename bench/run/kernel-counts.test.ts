import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cpuTimes, type KernelCounts, snmpCount, turnedAwayBetween } from './kernel-counts.ts'

const NONE: KernelCounts = {
  atMs: 0,
  inReceives: 0,
  inDelivers: 0,
  passiveOpens: 0,
  idleSeconds: 0,
  softirqSeconds: 0,
}

test('what nftables drops is what was received and not delivered', () => {
  const after = { ...NONE, atMs: 2000, inReceives: 200_500, inDelivers: 500, idleSeconds: 1.6, softirqSeconds: 0.3 }
  const { softirqShare, cpuMsPerThousand, ...rest } = turnedAwayBetween(NONE, after)
  assert.deepEqual(rest, { perSecond: 100_000, shareInKernel: 1 })
  assert.equal(cpuMsPerThousand.toFixed(6), '2.000000')
  assert.equal(softirqShare.toFixed(6), '0.750000')
})

test('what a program refuses is a handshake that was completed', () => {
  const after = { ...NONE, atMs: 1000, inReceives: 90_000, inDelivers: 90_000, passiveOpens: 30_000 }
  const { perSecond, shareInKernel, cpuMsPerThousand } = turnedAwayBetween(NONE, after)
  assert.deepEqual({ perSecond, shareInKernel }, { perSecond: 30_000, shareInKernel: 0 })
  assert.equal(cpuMsPerThousand.toFixed(3), '33.333')
})

test('without a CPU of its own nothing is said of CPU time', () => {
  const { idleSeconds, softirqSeconds } = cpuTimes('cpu0 1 1 1 1 1 1 1 1 0 0\n', undefined)
  const after = { ...NONE, atMs: 1000, passiveOpens: 10, idleSeconds, softirqSeconds }
  const { perSecond, cpuMsPerThousand, softirqShare } = turnedAwayBetween(NONE, after)
  assert.equal(perSecond, 10)
  assert.ok(Number.isNaN(cpuMsPerThousand) && Number.isNaN(softirqShare))
})

test('stolen time is idle time: nobody here was busy', () => {
  const stat = 'cpu  9 9 9 9 9 9 9 9 0 0\ncpu0 100 0 50 700 20 10 40 30 0 0\ncpu1 1 1 1 1 1 1 1 1 0 0\n'
  assert.deepEqual(cpuTimes(stat, '0'), { idleSeconds: 7.5, softirqSeconds: 0.4 })
})

test('a count is found by its name, whatever stands before it', () => {
  const text = 'Ip: Forwarding InReceives InDelivers\nIp: 2 7 5\nTcp: RtoMin PassiveOpens\nTcp: 200 3\n'
  assert.equal(snmpCount(text, 'Ip', 'InDelivers'), 5)
  assert.equal(snmpCount(text, 'Tcp', 'PassiveOpens'), 3)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseIp } from '../../lib/ip.ts'
import { CLOSE_REASON_CODES, CLOSE_REASON_NAMES, type CloseReason } from '../close-reason.ts'
import { Counters, SERVICE } from '../counters.ts'
import { NodeWide } from '../node-wide.ts'
import { serviceForTest } from '../service-for-test.ts'
import type { Rule } from '../tables.ts'
import { ADMITTED, type Source } from './admission.ts'
import { makeKnownClientsMemory } from './known-clients.ts'
import { OverloadGate } from './overload-gate.ts'
import { makeOverloadMemory, OverloadState } from './overload-state.ts'

const SHAPE = { services: 1, upstreams: 1 }
const NOW_MS = 1000
const DEADLINES = { halvings: 0, idleMsMin: 0, firstByteMsMin: 0 }

function sourceOf(text: string): Source {
  const addressBytes = parseIp(text)!
  return { addressBytes, addressAt: 0, family: addressBytes.length === 4 ? 4 : 6 }
}

/** A node of 10 places, 8 of them for strangers, asked in words. */
function gateFor() {
  const service = serviceForTest([])
  const counters = new Counters(new SharedArrayBuffer(Counters.bytes(SHAPE)), SHAPE)
  const nodeWide = new NodeWide(new SharedArrayBuffer(NodeWide.bytes(1)))
  const overloadMemory = makeOverloadMemory()
  const limits = { connectionsMax: 10, pipesMax: 0, spillBytesMax: 0 }
  const gate = new OverloadGate(
    { limits, overloadMemory, knownClientsMemory: makeKnownClientsMemory(100) },
    counters,
    nodeWide,
  )
  const order = (level: number, rule: Rule = 'on') => {
    const strangersMax = level === 4 ? 0 : 8
    new OverloadState(overloadMemory).order({ ...DEADLINES, level, rule, strangersMax })
  }
  order(0)
  const word = (code: number) => (code === ADMITTED ? 'admitted' : CLOSE_REASON_NAMES[code])
  return {
    gate,
    nodeWide,
    order,
    take: (text: string, isSpared = false) => word(gate.takePlace(service, sourceOf(text), isSpared, NOW_MS)),
    judgeNamed: (text: string, isSpared = false) => word(gate.judgeNamed(service, sourceOf(text), isSpared, NOW_MS)),
    end: (text: string, reason: CloseReason, toUpstream: number, toClient: number, ms = 100) => {
      const { addressBytes, family } = sourceOf(text)
      gate.noteEnd(CLOSE_REASON_CODES[reason], toUpstream, toClient, ms, addressBytes, 0, family, NOW_MS)
    },
    watched: () => counters.services[SERVICE.watched + CLOSE_REASON_CODES['refused-overload']],
  }
}

const STRANGER = '192.0.2.1'
const KNOWN = '198.51.100.1'

test('strangers have all places but the reserve; known ones and the spared have that, too, up to the ceiling', () => {
  const { take, end, nodeWide } = gateFor()
  end(KNOWN, 'client-closed', 500, 2000)
  for (let i = 0; i < 8; i++) assert.equal(take(STRANGER), 'admitted')
  assert.equal(take(STRANGER), 'refused-overload')
  assert.deepEqual([take(KNOWN), take('203.0.113.1', true)], ['admitted', 'admitted'])
  assert.deepEqual([take(KNOWN), take(STRANGER), take('203.0.113.1', true)], Array(3).fill('refused-ceiling'))
  assert.equal(nodeWide.openConnections, 10)
  nodeWide.givePlaceBack()
  assert.deepEqual([take(STRANGER), take(KNOWN)], ['refused-overload', 'admitted'])
})

test('at the last level no stranger comes in, however many places are free', () => {
  const { take, end, order, nodeWide } = gateFor()
  end(KNOWN, 'upstream-closed', 500, 2000)
  order(4)
  assert.deepEqual([take(STRANGER), take(KNOWN), take(STRANGER, true)], ['refused-overload', 'admitted', 'admitted'])
  assert.equal(nodeWide.openConnections, 2)
  order(3)
  assert.equal(take(STRANGER), 'admitted')
})

test('on watch everybody comes in up to the ceiling, and strangers beyond their places are counted', () => {
  const { take, end, order, watched, gate } = gateFor()
  end(KNOWN, 'upstream-closed', 500, 2000)
  order(0, 'watch')
  for (let i = 0; i < 9; i++) assert.equal(take(STRANGER), 'admitted')
  assert.equal(take(KNOWN), 'admitted')
  assert.equal(take(STRANGER), 'refused-ceiling')
  assert.equal(watched(), 1)
  assert.equal(gate.strangersMax, 10)
})

test('a client that a header names is judged with its place among the open ones', () => {
  const { take, judgeNamed, end, order, watched } = gateFor()
  end(KNOWN, 'client-closed', 500, 2000)
  for (let i = 0; i < 8; i++) take('203.0.113.1', true)
  assert.equal(judgeNamed(STRANGER), 'admitted')
  take('203.0.113.1', true)
  assert.deepEqual(
    [judgeNamed(STRANGER), judgeNamed(KNOWN), judgeNamed(STRANGER, true)],
    ['refused-overload', 'admitted', 'admitted'],
  )
  order(0, 'watch')
  assert.deepEqual([judgeNamed(STRANGER), watched()], ['admitted', 1])
})

test('known is who carried bytes both ways to an orderly end, and more than a look in', () => {
  const useful: [CloseReason, number, number, number][] = [
    ['client-closed', 24, 1000, 5],
    ['upstream-closed', 1000, 24, 5],
    ['client-closed', 1, 1, 10_000],
  ]
  const useless: [CloseReason, number, number, number][] = [
    ['client-closed', 23, 1000, 9999],
    ['client-closed', 0, 1e6, 60_000],
    ['client-closed', 1e6, 0, 60_000],
    ['client-reset', 1e6, 1e6, 60_000],
    ['idle-timeout', 1e6, 1e6, 60_000],
    ['slow-read', 1e6, 1e6, 60_000],
    ['drained', 1e6, 1e6, 60_000],
  ]
  for (const [cases, expected] of [
    [useful, 'admitted'],
    [useless, 'refused-overload'],
  ] as const) {
    for (const [reason, toUpstream, toClient, ms] of cases) {
      const { take, end, order } = gateFor()
      end(KNOWN, reason, toUpstream, toClient, ms)
      order(4)
      assert.equal(take(KNOWN), expected, `${reason} ${toUpstream} ${toClient} ${ms}`)
    }
  }
})

test('nobody becomes known while there is an overload, or while the rule is off', () => {
  const { take, end, order } = gateFor()
  for (const [level, rule] of [
    [1, 'on'],
    [4, 'on'],
    [0, 'off'],
  ] as const) {
    order(level, rule)
    end(KNOWN, 'client-closed', 1e6, 1e6)
    order(4)
    assert.equal(take(KNOWN), 'refused-overload')
  }
})

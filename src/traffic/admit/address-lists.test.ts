import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Network, parseIp, parseNetwork } from '../../lib/ip.ts'
import { CLOSE_REASON_NAMES } from '../close-reason.ts'
import { Counters } from '../counters.ts'
import { serviceForTest } from '../service-for-test.ts'
import { ADMITTED, Admission } from './admission.ts'
import { AddressLists } from './address-lists.ts'
import { BanTable } from './ban-table.ts'
import { KnownClients, makeKnownClientsMemory } from './known-clients.ts'
import { newcomerRingBytes, NewcomersWriter } from './newcomers.ts'
import { listOf } from './list-for-test.ts'
import { makeSourceMemory, SOURCE_MEMORY_BYTES_MIN } from './source-table.ts'
import { strikeRingBytes, StrikesWriter } from './strikes.ts'

const NOW_MS = 1_000_000

function network(text: string): Network {
  return parseNetwork(text)!
}

describe('address lists', () => {
  test('bans end by the clock; the longest of all that cover an address counts', () => {
    const bans = new BanTable(10)
    const lists = new AddressLists(undefined, bans.memory)
    const isBanned = (text: string, nowMs: number) => {
      const bytes = parseIp(text)!
      return lists.isBanned(bytes, 0, bytes.length === 4 ? 4 : 6, nowMs)
    }
    assert.equal(isBanned('192.0.2.1', NOW_MS), false)
    bans.set(network('192.0.2.0/24'), NOW_MS + 10_000)
    bans.set(network('192.0.2.1'), NOW_MS + 1_000)
    bans.set(network('2001:db8::/64'), Infinity)
    assert.equal(isBanned('192.0.2.1', NOW_MS), true)
    assert.equal(isBanned('192.0.2.1', NOW_MS + 9_999), true)
    assert.equal(isBanned('192.0.2.1', NOW_MS + 10_000), false)
    assert.equal(isBanned('2001:db8::1', 1e15), true)
    assert.equal(bans.untilMs(network('2001:db8::/64')), Infinity)
    assert.equal(bans.untilMs(network('192.0.2.1')), NOW_MS + 1_000)
    assert.equal(bans.untilMs(network('192.0.2.2')), undefined)
    assert.equal(bans.deleteAll([network('2001:db8::/64'), network('2001:db8::/65')]), 1)
    assert.equal(isBanned('2001:db8::1', NOW_MS), false)
  })

  test('a full table of bans takes as many as there is room for', () => {
    const bans = new BanTable(2)
    const networks = ['192.0.2.1', '192.0.2.2', '192.0.2.3'].map((text) => ({
      network: network(text),
      untilMs: NOW_MS,
    }))
    assert.equal(bans.setAll(networks), 2)
    assert.equal(bans.count, 2)
  })

  test('other lists replace those there were, and none clears them', () => {
    const lists = new AddressLists({ allow: undefined, deny: listOf('192.0.2.0/24') }, new BanTable(1).memory)
    const address = parseIp('192.0.2.1')!
    assert.equal(lists.isDenied(address, 0, 4), true)
    lists.use({ allow: listOf('192.0.2.1'), deny: undefined })
    assert.equal(lists.isDenied(address, 0, 4), false)
    assert.equal(lists.isAllowed(address, 0, 4), true)
    lists.use(undefined)
    assert.equal(lists.isAllowed(address, 0, 4), false)
  })
})

test('admission asks in order: allow, bans, deny', () => {
  const shape = { services: 1, upstreams: 1 }
  const bans = new BanTable(10)
  const lists = { allow: listOf('192.0.2.1'), deny: listOf('192.0.0.0/16') }
  const counters = new Counters(new SharedArrayBuffer(Counters.bytes(shape)), shape)
  const sources = makeSourceMemory(SOURCE_MEMORY_BYTES_MIN, shape.services)
  const known = new KnownClients(makeKnownClientsMemory(1))
  const newcomers = new NewcomersWriter(new SharedArrayBuffer(newcomerRingBytes(4)))
  const strikes = new StrikesWriter(new SharedArrayBuffer(strikeRingBytes(4)), counters)
  const parts = { counters, lists, bansMemory: bans.memory, sourceMemory: sources, strikes, newcomers, known }
  const admission = new Admission(parts)
  const verdict = (text: string) => {
    const addressBytes = parseIp(text)!
    const code = admission.judgeAddress(serviceForTest([]), { addressBytes, addressAt: 0, family: 4 }, NOW_MS)
    return code === ADMITTED ? 'admitted' : CLOSE_REASON_NAMES[code]
  }
  for (const text of ['192.0.2.1', '192.0.2.2', '198.51.100.1']) bans.set(network(text), Infinity)
  assert.equal(verdict('192.0.2.1'), 'admitted')
  assert.equal(admission.isAllowed, true)
  assert.equal(verdict('192.0.2.2'), 'refused-ban')
  assert.equal(admission.isAllowed, false)
  assert.equal(verdict('198.51.100.1'), 'refused-ban')
  assert.equal(verdict('192.0.2.3'), 'refused-deny-list')
  assert.equal(verdict('198.51.100.2'), 'admitted')
})

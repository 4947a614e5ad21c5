import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatNetwork, parseNetwork } from '../../lib/ip.ts'
import { coverOf } from './cover.ts'

const cover = (...texts: string[]): string[] =>
  coverOf(texts.map((text) => ({ network: parseNetwork(text)! }))).map(({ network }) => formatNetwork(network))

test('of nested prefixes the widest stays, whatever their order', () => {
  assert.deepEqual(cover('192.0.2.7', '192.0.2.0/24', '192.0.2.0/25'), ['192.0.2.0/24'])
  assert.deepEqual(cover('192.0.2.0/25', '192.0.2.128/25'), ['192.0.2.0/25', '192.0.2.128/25'])
  assert.deepEqual(cover('2001:db8::/48', '2001:db8::/32', '2001:db9::/48'), ['2001:db8::/32', '2001:db9::/48'])
})

test('of equal ones one stays', () => {
  assert.deepEqual(cover('192.0.2.0/24', '192.0.2.0/24'), ['192.0.2.0/24'])
})

test('everything in one family does not cover the other', () => {
  assert.deepEqual(cover('0.0.0.0/0', '192.0.2.0/24', '2001:db8::/32'), ['0.0.0.0/0', '2001:db8::/32'])
  assert.deepEqual(cover('::/0', '192.0.2.0/24', '2001:db8::/32'), ['::/0', '192.0.2.0/24'])
})

test('the halves of the address space, and all of it', () => {
  assert.deepEqual(cover('0.0.0.0/1', '128.0.0.0/1', '255.255.255.255'), ['0.0.0.0/1', '128.0.0.0/1'])
  assert.deepEqual(cover('0.0.0.0', '255.0.0.0/8', '255.255.255.255'), ['255.0.0.0/8', '0.0.0.0/32'])
  assert.deepEqual(cover('0.0.0.0/0', '0.0.0.0', '128.0.0.0/1'), ['0.0.0.0/0'])
})

test('prefixes that end within a byte', () => {
  assert.deepEqual(cover('10.16.0.0/12', '10.31.255.0/24', '10.32.0.0/24'), ['10.16.0.0/12', '10.32.0.0/24'])
})

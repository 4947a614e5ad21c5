import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listenersOverlap, listenerTakes } from './listener-overlap.ts'
import type { ListenerAddress } from './listener-overlap.ts'
import { readListenAddress } from './read-address.ts'

function listener(text: string): ListenerAddress {
  const reading = readListenAddress(text)
  assert.ok(reading.ok)
  return reading.value
}

const PAIRS: readonly (readonly [a: string, b: string, overlap: boolean])[] = [
  ['0.0.0.0:443', '0.0.0.0:443', true],
  ['0.0.0.0:443', '203.0.113.1:443', true],
  ['203.0.113.1:443', '203.0.113.1:443', true],
  ['203.0.113.1:443', '203.0.113.2:443', false],
  ['203.0.113.1:443', '203.0.113.1:444', false],
  ['0.0.0.0:443', '[::]:443', false],
  ['[::]:443', '[2001:db8::1]:443', true],
  ['[2001:db8::1]:443', '[2001:0db8:0::1]:443', true],
  ['*:443', '*:443', true],
  ['*:443', '0.0.0.0:443', true],
  ['*:443', '[::]:443', true],
  ['*:443', '203.0.113.1:443', true],
  ['*:443', '[2001:db8::1]:443', true],
  ['*:443', '*:444', false],
  ['[::ffff:203.0.113.1]:443', '203.0.113.1:443', true],
  ['[::ffff:203.0.113.1]:443', '[::]:443', false],
  ['0.0.0.0:0', '0.0.0.0:0', false],
  ['*:0', '*:0', false],
]

for (const [a, b, overlap] of PAIRS) {
  test(`${a} and ${b} ${overlap ? 'overlap' : 'do not overlap'}, both ways round`, () => {
    assert.equal(listenersOverlap(listener(a), listener(b)), overlap)
    assert.equal(listenersOverlap(listener(b), listener(a)), overlap)
  })
}

const TAKES: readonly (readonly [listen: string, target: string, takes: boolean])[] = [
  ['203.0.113.1:443', '203.0.113.1:443', true],
  ['203.0.113.1:443', '203.0.113.1:444', false],
  ['0.0.0.0:443', '127.0.0.1:443', true],
  ['0.0.0.0:443', '127.8.8.8:443', true],
  ['0.0.0.0:443', '[::1]:443', false],
  ['[::]:443', '[::1]:443', true],
  ['[::]:443', '127.0.0.1:443', false],
  ['*:443', '127.0.0.1:443', true],
  ['*:443', '[::1]:443', true],
  // Another machine's, or one of ours that is not known: nobody is refused on a guess.
  ['0.0.0.0:443', '203.0.113.1:443', false],
  ['0.0.0.0:443', '198.51.100.1:443', true],
  ['*:443', '198.51.100.1:443', true],
  ['[::]:443', '198.51.100.1:443', false],
  ['203.0.113.1:443', '198.51.100.1:443', false],
]

const LOCAL_IPS = new Set(['198.51.100.1'])

for (const [listen, target, takes] of TAKES) {
  test(`${listen} ${takes ? 'takes' : 'is not known to take'} a connection to ${target}`, () => {
    assert.equal(listenerTakes(listener(listen), listener(target).address, LOCAL_IPS), takes)
  })
}

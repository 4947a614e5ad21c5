import assert from 'node:assert/strict'
import { test } from 'node:test'
import { capturedLog } from '../../../test/harness/captured-log.ts'
import { parseNetwork } from '../../lib/ip.ts'
import { type Ban, makeBan } from '../bans/ban.ts'
import { BanMirror, bansInStore } from './ban-mirror.ts'
import { StoreError } from './store-error.ts'
import type { BanByHand } from './tables/bans.ts'

function ban(prefix: string, untilMs: number): Ban {
  const rest = { sinceMs: 5, why: 'scanner', by: 'ann', repeated: 0, isWatched: false }
  return makeBan(parseNetwork(prefix)!, { origin: 'manual', untilMs, ...rest })
}

function mirrored() {
  let bans: readonly Ban[] = []
  let stored: readonly BanByHand[] = []
  let isOff = false
  let made = 0
  let writes = 0
  const none = { strikes: 0, neighbours: 0, signals: 0 }
  const store = {
    list: async () => [...stored],
    replace: async (next: readonly BanByHand[]) => {
      writes++
      if (isOff) throw new StoreError('E_STORE_OFF', 'off')
      stored = next
    },
  }
  const view = () => ({
    total: bans.length,
    active: { ...none, manual: bans.length },
    made: { ...none, manual: made },
    watched: { ...none, manual: 0 },
    displaced: 0,
    spared: 0,
    sourcesForgotten: 0,
  })
  const mirror = new BanMirror({ view, list: () => bans }, { bans: store })
  return {
    mirror,
    store,
    stored: () => stored.map(({ prefix }) => prefix),
    writes: () => writes,
    turnOff: (off: boolean) => (isOff = off),
    set: (next: readonly Ban[], more: number) => {
      bans = next
      made += more
    },
  }
}

test('what operators ban and take back is copied when it changes, and only then', async () => {
  const { mirror, stored, writes, set } = mirrored()
  set([ban('192.0.2.1', Infinity), ban('192.0.2.2', 9)], 2)
  await mirror.copy()
  await mirror.copy()
  assert.deepEqual([stored(), writes()], [['192.0.2.1', '192.0.2.2'], 1])
  set([ban('192.0.2.1', Infinity)], 0)
  await mirror.copy()
  assert.deepEqual([stored(), writes()], [['192.0.2.1'], 2])
  set([ban('192.0.2.3', Infinity)], 1)
  await mirror.copy()
  assert.deepEqual([stored(), writes()], [['192.0.2.3'], 3])
})

test('what the store did not take is offered again', async () => {
  const { mirror, stored, writes, set, turnOff } = mirrored()
  set([ban('192.0.2.1', Infinity)], 1)
  turnOff(true)
  await mirror.copy()
  turnOff(false)
  await mirror.copy()
  assert.deepEqual([stored(), writes()], [['192.0.2.1'], 2])
})

test('a row that can not be read is left out: it stops no start', async () => {
  const { store } = mirrored()
  await store.replace([
    { prefix: 'x', sinceMs: 5, untilMs: null, why: '', by: '' },
    { prefix: '192.0.2.2', sinceMs: 5, untilMs: 1e300, why: '', by: '' },
    { prefix: '192.0.2.1', sinceMs: 5, untilMs: null, why: '', by: '' },
  ])
  const bans = await bansInStore({ bans: store }, capturedLog().log)
  assert.deepEqual(
    bans.map(({ text }) => text),
    ['192.0.2.1'],
  )
})

test('bans come back as they were, and the log says so; a store that is off has none', async () => {
  const { mirror, store, set } = mirrored()
  const bans = [ban('192.0.2.1', Infinity), ban('2001:db8::/64', 9)]
  set(bans, 2)
  await mirror.copy()
  const { log, records } = capturedLog()
  assert.deepEqual(await bansInStore({ bans: store }, log), bans)
  assert.deepEqual(
    records().map(({ event, bans: count }) => [event, count]),
    [['bans-from-store', 2]],
  )
  const off = { ...store, list: () => Promise.reject(new StoreError('E_STORE_OFF', 'off')) }
  assert.deepEqual(await bansInStore({ bans: off }, log), [])
})

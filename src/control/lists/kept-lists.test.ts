import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { capturedLog } from '../../../test/harness/captured-log.ts'
import { storeForLists } from '../../../test/harness/store-for-lists.ts'
import { formatNetwork, parseNetwork } from '../../lib/ip.ts'
import { type AskedEntry, KEPT_LISTS_MAX, KeptLists } from './kept-lists.ts'

function entry(network: string, ttlMs = Infinity, comment = ''): AskedEntry {
  return { network: parseNetwork(network)!, comment, ttlMs }
}

async function listsFor(store = storeForLists(), nowMs = 1_000_000) {
  const { log, records } = capturedLog()
  const lists = await KeptLists.load(store, log, () => nowMs)
  return { lists, store, records, pass: (ms: number) => (nowMs += ms) }
}

function inForce(lists: KeptLists): string[] {
  return lists.all.flatMap(({ name, action, entries }) =>
    Array.from({ length: entries.count }, (_, i) => `${action} ${name} ${formatNetwork(entries.at(i).network)}`),
  )
}

describe('lists that operators keep', () => {
  test('what was kept is there again, less what has ended meanwhile', async () => {
    const { lists, store } = await listsFor()
    await lists.put('deny', 'a', [entry('192.0.2.1', 500), entry('192.0.2.2', Infinity, 'stays')], 'ann')
    await lists.put('allow', 'a', [entry('192.0.2.3')], 'ann')
    const later = await listsFor(store, 1_001_000)
    assert.deepEqual(inForce(later.lists), ['allow kept/a 192.0.2.3/32', 'deny kept/a 192.0.2.2/32'])
    assert.deepEqual(later.lists.of('deny', 'a').all()[0].comment, 'stays')
  })

  test('before the store has said what was kept, nothing changes', async () => {
    const store = storeForLists()
    store.break('E_STORE_OFF')
    const { lists } = await listsFor(store)
    store.mend()
    await assert.rejects(lists.put('deny', 'a', [entry('192.0.2.1')], 'ann'), { code: 'E_STORE_OFF' })
    await assert.rejects(lists.replace('deny', 'a', [], 'ann'), { code: 'E_STORE_OFF' })
    assert.deepEqual(await store.listEntries.all(), [])
  })

  test('changes that come at once are made one after the other, each against what the one before has left', async () => {
    const { lists, store } = await listsFor()
    const [first, second] = await Promise.all([
      lists.replace('deny', 'a', [entry('192.0.2.1'), entry('192.0.2.2')], 'ann'),
      lists.replace('deny', 'a', [entry('192.0.2.2'), entry('192.0.2.3')], 'bob'),
    ])
    assert.deepEqual(
      [first.added.length, second.added, second.removed, second.unchanged],
      [2, ['192.0.2.3/32'], ['192.0.2.1/32'], 1],
    )
    const kept = await store.listEntries.all()
    assert.deepEqual(
      kept.map(({ network, by }) => [network, by]),
      [
        ['192.0.2.2/32', 'ann'],
        ['192.0.2.3/32', 'bob'],
      ],
    )
  })

  test('many changes are one change of the tables', async () => {
    let applied = 0
    const first = Promise.withResolvers<void>()
    const { lists } = await listsFor()
    lists.start(async () => {
      applied++
      await first.promise
      return true
    }, false)
    const changes = Array.from({ length: 20 }, (_, i) => lists.put('deny', 'a', [entry(`192.0.2.${i}`)], 'ann'))
    await lists.put('allow', 'b', [], 'ann')
    first.resolve()
    await Promise.all(changes)
    assert.ok(applied <= 2, `${applied}`)
    lists.leave()
    await assert.rejects(lists.put('deny', 'a', [entry('192.0.2.99')], 'ann'), { code: 'E_STORE_OFF' })
  })

  test('what the store refuses is not in force', async () => {
    const { lists, store } = await listsFor()
    await lists.put('deny', 'a', [entry('192.0.2.1')], 'ann')
    store.break()
    await assert.rejects(lists.put('deny', 'a', [entry('192.0.2.2')], 'ann'), { code: 'E_STORE_FULL' })
    await assert.rejects(lists.remove('deny', 'a', ['192.0.2.1/32']), { code: 'E_STORE_FULL' })
    assert.deepEqual(inForce(lists), ['deny kept/a 192.0.2.1/32'])
  })

  test('of a network that is named twice the last counts; the same again changes nothing', async () => {
    const { lists } = await listsFor()
    const twice = [entry('192.0.2.1', Infinity, 'one'), entry('192.0.2.1', Infinity, 'two')]
    assert.deepEqual((await lists.put('deny', 'a', twice, 'ann')).added, ['192.0.2.1/32'])
    const { changed, unchanged } = await lists.put('deny', 'a', [entry('192.0.2.1', Infinity, 'two')], 'bob')
    assert.deepEqual([changed, unchanged], [[], 1])
    const { changed: renamed } = await lists.put('deny', 'a', [entry('192.0.2.1', Infinity, 'three')], 'bob')
    assert.deepEqual(renamed, ['192.0.2.1/32'])
  })

  test('there are only so many lists; one that is empty makes room', async () => {
    const { lists } = await listsFor()
    for (let i = 0; i < KEPT_LISTS_MAX; i++) await lists.put('deny', `l${i}`, [entry('192.0.2.1')], 'ann')
    await assert.rejects(lists.put('deny', 'more', [entry('192.0.2.1')], 'ann'), { code: 'E_STORE_VALUE' })
    await lists.replace('deny', 'l0', [], 'ann')
    await lists.put('deny', 'more', [entry('192.0.2.1')], 'ann')
    assert.equal(lists.all.length, KEPT_LISTS_MAX)
  })

  test('an end is noticed without anybody asking, and a list that could not be had is asked for again', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const applied: number[] = []
    const store = storeForLists()
    store.break('E_STORE_OFF')
    const { lists, pass, records } = await listsFor(store)
    lists.start(async () => applied.push(1) > 0, false)
    store.mend()
    t.mock.timers.tick(5_000)
    await settled()
    await lists.put('deny', 'a', [entry('192.0.2.1', 1_000), entry('192.0.2.2')], 'ann')
    const before = applied.length
    pass(1_000)
    t.mock.timers.tick(1_000)
    await settled()
    assert.deepEqual(inForce(lists), ['deny kept/a 192.0.2.2/32'])
    assert.equal(applied.length, before + 1)
    assert.equal((await store.listEntries.all()).length, 1)
    assert.deepEqual(
      records().map(({ event, entries }) => [event, entries]),
      [['list-entries-ended', 1]],
    )
    lists.leave()
  })

  test('a change of which the store did not say what became of it is undone there', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const { lists, store } = await listsFor()
    await lists.put('deny', 'a', [entry('192.0.2.1')], 'ann')
    store.break('E_STORE_LATE')
    await assert.rejects(lists.put('deny', 'a', [entry('192.0.2.2')], 'ann'), { code: 'E_STORE_LATE' })
    store.mend()
    // It was done after all.
    const late = { list: 'deny/a', network: '192.0.2.2/32', comment: '', untilMs: null, by: 'ann', sinceMs: 1 }
    await store.listEntries.put([late])
    t.mock.timers.tick(5_000)
    await settled()
    assert.deepEqual(
      (await store.listEntries.all()).map(({ network }) => network),
      ['192.0.2.1/32'],
    )
    lists.leave()
  })
})

/** Promises that nothing but each other hold up. */
async function settled(): Promise<void> {
  for (let i = 0; i < 50; i++) await Promise.resolve()
}

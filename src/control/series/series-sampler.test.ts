/** The sampler against counters as workers write them, a clock of our own, and the store's tables in memory. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeForTest } from '../../../test/harness/node-for-test.ts'
import { CLOSE_REASON_CODES } from '../../traffic/close-reason.ts'
import { SERVICE, SERVICE_STRIDE, UPSTREAM, UPSTREAM_STRIDE } from '../../traffic/counters.ts'
import type { Tables } from '../../traffic/tables.ts'
import { databaseForTest } from '../store/database-for-test.ts'
import type { Database } from '../store/database.ts'
import { Store, StoreError } from '../store/store.ts'
import { SERIES, type SeriesBatch } from '../store/tables/series.ts'
import { TOTALS } from '../store/tables/totals.ts'
import { SeriesSampler } from './series-sampler.ts'

/** A whole hour. */
const START_S = 1_795_280_400
const NO_CLIENTS = { series: Store.none().series, totals: Store.none().totals }

/** What the thread would do, without it. */
function storeOn(
  db: Database,
  state: { broken?: 'before' | 'after' | undefined } = {},
): Pick<Store, 'series' | 'totals'> {
  const late = new StoreError('E_STORE_LATE', 'late')
  return {
    series: {
      ...NO_CLIENTS.series,
      seconds: async (fromS) => structuredClone(SERIES.reads.seconds(db, fromS)),
      query: async (query) => structuredClone(SERIES.reads.query(db, query)),
      write: async (batch: SeriesBatch) => {
        if (state.broken === 'before') throw late
        const totals = structuredClone(SERIES.writes.write(db, structuredClone(batch)))
        if (state.broken === 'after') throw late
        return totals
      },
    },
    totals: { ...NO_CLIENTS.totals, all: async () => TOTALS.reads.all(db) },
  }
}

class Bench {
  readonly node = nodeForTest()
  nowMs = START_S * 1000
  tables: Tables = this.node.tables()
  readonly sampler: SeriesSampler

  constructor(store: Pick<Store, 'series' | 'totals'> = Store.none(), nowS = START_S) {
    this.nowMs = nowS * 1000
    const { memory, bans } = this.node
    this.sampler = new SeriesSampler({ memory, bans, store, tables: () => this.tables, now: () => this.nowMs })
  }

  count(place: number, more: number, service = 0, worker = 0): void {
    this.node.memory.workers[worker].counters.services[service * SERVICE_STRIDE + place] += more
  }

  second(seconds = 1): void {
    this.nowMs += seconds * 1000
    this.sampler.sample()
  }
}

/** Promises of the sampler that nobody waits for. */
async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve))
}

test('each second has what the counters of all workers and services have become more', () => {
  const bench = new Bench()
  bench.count(SERVICE.total, 5)
  bench.count(SERVICE.total, 2, 0, 1)
  bench.count(SERVICE.total, 4, 1)
  bench.count(SERVICE.open, 3)
  bench.count(SERVICE.refused + CLOSE_REASON_CODES['refused-ban'], 6)
  bench.count(SERVICE.closed + CLOSE_REASON_CODES['refused-ban'], 1)
  bench.node.memory.workers[0].counters.upstreams[UPSTREAM_STRIDE + UPSTREAM.connectFailures] = 9
  bench.node.memory.nodeWide.takePlace(10)
  bench.second()
  const web = bench.sampler.latest('web')
  assert.deepEqual(
    [web.connectionsNew, web.connectionsOpen, web.refused, web['refused:refused-ban'], web.connectFailures],
    [7, 3, 7, 7, 9],
  )
  const node = bench.sampler.latest()
  assert.deepEqual([node.connectionsNew, node.connectionsOpen, node.bansActive, node.bansMade], [11, 1, 3, 7])
  bench.second()
  assert.deepEqual([bench.sampler.latest().connectionsNew, bench.sampler.latest('web').connectionsOpen], [0, 3])
  assert.deepEqual(bench.sampler.recent('web', 'connectionsNew', 60), { mean: 3.5, min: 0, max: 7 })
  assert.equal(new Bench().sampler.recent('', 'connectionsNew', 60), undefined)
})

test('a short stall is spread over its seconds, a clock that is set back starts anew', async () => {
  const bench = new Bench()
  bench.second()
  bench.count(SERVICE.bytesToClient, 300)
  bench.second(3)
  const question = { fromMs: (START_S + 1) * 1000, toMs: bench.nowMs + 1000, stepMs: 1000, services: ['web'] }
  const answer = await bench.sampler.query({ ...question, fields: ['bytesToClient'] })
  assert.deepEqual(answer.series[0].mean, [0, 100, 100, 100])
  bench.second(-1)
  bench.second(-7200)
  bench.count(SERVICE.bytesToClient, 5)
  bench.second()
  assert.equal(bench.sampler.latest('web').bytesToClient, 5)
})

test('an upstream, and a service, that is gone is counted on while it has connections', () => {
  const bench = new Bench()
  bench.second()
  const [web] = bench.tables.services
  bench.tables = { ...bench.tables, services: [{ ...web, upstreams: web.upstreams.slice(0, 1) }] }
  bench.node.memory.workers[0].counters.upstreams[UPSTREAM_STRIDE + UPSTREAM.connectFailures] = 2
  bench.count(SERVICE.bytesToClient, 70, 1)
  bench.second()
  assert.equal(bench.sampler.latest('web').connectFailures, 2)
  assert.equal(bench.sampler.latest('mail').bytesToClient, 70)
  assert.equal(bench.sampler.latest().bytesToClient, 70)
})

test('questions are answered from memory and store together, without a gap and without counting twice', async () => {
  const db = databaseForTest()
  const bench = new Bench(storeOn(db))
  for (let i = 0; i < 2 * 3_600 + 90; i++) {
    bench.count(SERVICE.total, 2)
    bench.second()
    if (i % 60 === 59) await settle()
  }
  const fields = ['connectionsNew'] as const
  const ask = (agoS: number, stepS: number) =>
    bench.sampler.query({
      fromMs: (START_S + 7_290 - agoS) * 1000,
      toMs: bench.nowMs + 1000,
      stepMs: stepS * 1000,
      services: ['web', ''],
      fields,
    })
  for (const [agoS, stepS] of [
    [60, 1],
    [3_000, 1],
    [7_200, 60],
    [7_200, 600],
    [7_200, 3_600],
  ]) {
    const answer = await ask(agoS, stepS)
    assert.equal(answer.isComplete, true)
    for (const { mean, min, max } of answer.series)
      for (const values of [mean, min, max]) assert.deepEqual(new Set(values), new Set([2]), `${agoS} s by ${stepS} s`)
  }
  assert.equal(TOTALS.reads.all(db).find(({ service }) => service === 'web')?.counts['connectionsNew'], 2 * 7_260)
  assert.equal(bench.sampler.totals('web').counts.connectionsNew, 2 * 7_290)
})

test('totals and the last hour go on after a restart, to the last client', async () => {
  const db = databaseForTest()
  const first = new Bench(storeOn(db))
  first.sampler.start()
  for (let i = 0; i < 90; i++) {
    first.count(SERVICE.total, 1)
    first.second()
  }
  first.count(SERVICE.total, 10)
  await first.sampler.close()
  const second = new Bench(storeOn(db), START_S + 120)
  second.sampler.start()
  await settle()
  second.count(SERVICE.total, 3)
  second.second()
  assert.deepEqual(second.sampler.totals('web').counts, { connectionsNew: 103 })
  assert.deepEqual(second.sampler.recent('web', 'connectionsNew', 3_600), { mean: 103 / 91, min: 1, max: 11 })
  await second.sampler.close()
  assert.deepEqual(TOTALS.reads.all(db).find(({ service }) => service === 'web')?.counts, { connectionsNew: 103 })
})

test('what the store did not confirm is sent again and counted once; what it did not take is not lost', async () => {
  for (const broken of ['before', 'after'] as const) {
    const db = databaseForTest()
    const state: { broken?: 'before' | 'after' | undefined } = {}
    const bench = new Bench(storeOn(db, state))
    const minutes = async (count: number): Promise<void> => {
      for (let i = 0; i < count * 60; i++) {
        bench.count(SERVICE.total, 1)
        bench.second()
        if (i % 60 === 0) await settle()
      }
      await settle()
    }
    await minutes(2)
    state.broken = broken
    await minutes(25)
    assert.equal(bench.sampler.totals('web').counts.connectionsNew, 27 * 60)
    state.broken = undefined
    await minutes(3)
    await bench.sampler.close()
    assert.equal(
      TOTALS.reads.all(db).find(({ service }) => service === 'web')?.counts['connectionsNew'],
      30 * 60,
      broken,
    )
    const answer = await bench.sampler.query({
      fromMs: START_S * 1000,
      toMs: bench.nowMs,
      stepMs: 60_000,
      services: ['web'],
      fields: ['connectionsNew'],
    })
    assert.deepEqual(new Set(answer.series[0].mean), new Set([1]), broken)
  }
})

test('without a store the last hour is answered, and the answer says that it is not all', async () => {
  const bench = new Bench()
  bench.sampler.start()
  for (let i = 0; i < 130; i++) {
    bench.count(SERVICE.total, 1)
    bench.second()
  }
  const question = { fromMs: (START_S - 86_400) * 1000, toMs: bench.nowMs, services: ['web'] }
  const answer = await bench.sampler.query({ ...question, stepMs: 60_000, fields: ['connectionsNew'] })
  assert.equal(answer.isComplete, false)
  assert.deepEqual(
    answer.series[0].mean.filter((value) => value !== null),
    [1, 1, 1],
  )
  assert.deepEqual(bench.sampler.totals('web'), { sinceMs: START_S * 1000, counts: { connectionsNew: 130 } })
  await bench.sampler.close()
})

test('who follows hears of each second, until they do not want to', () => {
  const bench = new Bench()
  const heard: number[] = []
  const unfollow = bench.sampler.follow((atS) => heard.push(atS - START_S))
  bench.second()
  bench.second()
  unfollow()
  bench.second()
  assert.deepEqual(heard, [1, 2])
})

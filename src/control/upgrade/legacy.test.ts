import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { capturedLog } from '../../../test/harness/captured-log.ts'
import { parseIp, parseNetwork } from '../../lib/ip.ts'
import { monotonicMs } from '../../lib/clock.ts'
import { BanTable } from '../../traffic/admit/ban-table.ts'
import { KnownClients, makeKnownClientsMemory } from '../../traffic/admit/known-clients.ts'
import { makeBan } from '../bans/ban.ts'
import { BanFile, storedOf } from '../bans/ban-file.ts'
import { Bans } from '../bans/bans.ts'
import { KnownClientsFile } from '../overload/known-clients-file.ts'
import { SharedMemory } from '../workers/shared-memory.ts'
import { Legacy } from './legacy.ts'
import type { HandOverEnd, News, NewsReader } from './news.ts'

const RULES = {
  rule: 'on',
  strikes: 1,
  withinMs: 1_000,
  ttlMs: 10_000,
  ttlMaxMs: 40_000,
  max: 100,
  spare: [],
  prefix: { rule: 'off', after: 3, withinMs: 1_000 },
} as const

const root = mkdtempSync(join(tmpdir(), 'tidegate-legacy-'))
after(() => rmSync(root, { recursive: true }))
let folders = 0

const banOf = (prefix: string) => {
  const rest = { sinceMs: 1, untilMs: Infinity, why: 'x', by: 'y', repeated: 0, isWatched: false }
  return makeBan(parseNetwork(prefix)!, { ...rest, origin: 'manual' })
}

/** A process that follows another, which ends its hand-over in this way. */
function follower(end: HandOverEnd) {
  const folder = join(root, String(++folders))
  const { log, records } = capturedLog()
  const banFile = new BanFile(folder)
  const memory = new SharedMemory(1, { services: 1, upstreams: 1 }, 1, { knownClientsMax: 100 })
  const known = new KnownClients(memory.knownClientsMemory)
  const knownFile = new KnownClientsFile(folder)
  const bans = new Bans({
    rules: RULES,
    table: new BanTable(RULES.max),
    rings: [],
    log,
    file: banFile,
    hasPredecessor: true,
    serviceName: () => undefined,
    closeBanned: () => {},
    ownAddresses: () => [],
  })
  let tell: (news: News) => void = () => {}
  const news = {
    follow: (take: typeof tell) => {
      tell = take
    },
    handedOver: () => Promise.resolve(end),
  } as unknown as NewsReader
  let statesRead = 0
  const operatorStates = { readAgain: async (): Promise<void> => void statesRead++ }
  const node = { bans, attacks: { store: async () => {}, leave: () => {} }, memory, tables: () => ({}) as never }
  const legacy = new Legacy({ node, banFile, knownFile, operatorStates, log, news })
  return {
    banFile,
    knownFile,
    legacy,
    known,
    statesRead: () => statesRead,
    tell: (one: News) => tell(one),
    banned: () => [...bans.list(10)].map(({ text }) => text).sort(),
    events: () => records().map(({ event }) => event),
  }
}

test('what the version before tells is true here, what a later one may make of it is left out', () => {
  const { tell, banned } = follower('handed-over')
  const wrong = { ...storedOf(banOf('192.0.2.1')), prefix: 'everybody' }
  tell({ kind: 'banned', bans: [storedOf(banOf('192.0.2.1')), wrong, storedOf(banOf('192.0.2.2'))] })
  tell({ kind: 'unbanned', prefixes: ['192.0.2.1'] })
  assert.deepEqual(banned(), ['192.0.2.2'])
})

test('who became known in the version before while this one started is known, too', async () => {
  const { legacy, known, knownFile, events, statesRead } = follower('handed-over')
  await legacy.start()
  const before = new KnownClients(makeKnownClientsMemory(100))
  before.add(parseIp('192.0.2.1')!, 0, 4, monotonicMs())
  await knownFile.write(before)
  await legacy.takeOver()
  assert.equal(known.has(parseIp('192.0.2.1')!, 0, 4, monotonicMs()), true)
  assert.deepEqual([events(), statesRead()], [[], 1])
  legacy.own()
  await legacy.close()
})

test('who becomes known while a process lingers is known in the next one, and told on by those between', async () => {
  const told: News[] = []
  const lingering = async () => {
    const one = follower('handed-over')
    one.legacy.own()
    const heir = await one.legacy.prepare()
    heir.say = (news) => void told.push(news)
    return one
  }
  const [first, second, third] = [await lingering(), await lingering(), follower('handed-over')]
  const long = monotonicMs() - 3_600_000
  first.known.add(parseIp('192.0.2.1')!, 0, 4, long)
  await first.legacy.handOver()
  await second.legacy.handOver()
  first.known.add(parseIp('192.0.2.2')!, 0, 4, monotonicMs())
  first.known.add(parseIp('2001:db8:1:2::3')!, 0, 6, monotonicMs())
  for (const [from, to] of [
    [first, second],
    [second, third],
  ] as const) {
    told.length = 0
    await from.legacy.close()
    // As the pipe has it.
    for (const news of JSON.parse(JSON.stringify(told)) as News[]) to.tell(news)
  }
  const isKnown = (address: string, family: 4 | 6) => third.known.has(parseIp(address)!, 0, family, monotonicMs())
  assert.deepEqual([isKnown('192.0.2.2', 4), isKnown('2001:db8:1:2::', 6)], [true, true])
  assert.equal(isKnown('192.0.2.1', 4), false, 'the file had that one')
})

test('where the version before has died or stands still, its file has what it did not tell, and the log says so', async () => {
  for (const end of ['lost', 'silent'] as const) {
    const { legacy, banFile, tell, banned, events } = follower(end)
    tell({ kind: 'banned', bans: [storedOf(banOf('192.0.2.1'))] })
    await banFile.write([banOf('192.0.2.1'), banOf('192.0.2.3')])
    await legacy.takeOver()
    assert.deepEqual([banned(), events()], [['192.0.2.1', '192.0.2.3'], ['not-handed-over']])
    legacy.own()
    await legacy.close()
  }
})

import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { capturedLog } from '../../../test/harness/captured-log.ts'
import { parseIp, parseNetwork } from '../../lib/ip.ts'
import { monotonicMs } from '../../lib/clock.ts'
import { AddressLists } from '../../traffic/admit/address-lists.ts'
import { BanTable, REAL_BAN, WATCHED_BAN, NO_BAN } from '../../traffic/admit/ban-table.ts'
import { STRIKE_CODES, strikeRingBytes, StrikesWriter } from '../../traffic/admit/strikes.ts'
import { Counters } from '../../traffic/counters.ts'
import { makeBan } from './ban.ts'
import { BanFile } from './ban-file.ts'
import { BANNED_LINES_MAX } from './ban-lines.ts'
import type { BanRules } from './ban-rules.ts'
import type { BanChange } from './ban-news.ts'
import { Bans, type BansOptions } from './bans.ts'
import { banText } from './source.ts'

const RULES: BanRules = {
  rule: 'on',
  strikes: 1,
  withinMs: 1_000,
  ttlMs: 10_000,
  ttlMaxMs: 40_000,
  max: 100,
  spare: [],
  prefix: { rule: 'watch', after: 3, withinMs: 1_000 },
}
const NO_TABLES = { version: 1, logConnections: 'all' as const, services: [] }
const BY_HAND = { ttlMs: 5_000, comment: 'x', force: false }

const root = mkdtempSync(join(tmpdir(), 'tidegate-bans-'))
after(() => rmSync(root, { recursive: true }))
let folders = 0
const newFolder = (): string => join(root, String(++folders))

/** Bans of a node with two workers and a clock of our own, and what a worker finds in the table. */
function running(changes: Partial<BanRules> = {}, options: Partial<BansOptions> = {}) {
  const rules = { ...RULES, ...changes }
  const clock = { nowMs: 1_000_000 }
  const shape = { services: 1, upstreams: 1 }
  const counters = new Counters(new SharedArrayBuffer(Counters.bytes(shape)), shape)
  const rings = [0, 1].map(() => new SharedArrayBuffer(strikeRingBytes(13)))
  const writers = rings.map((ring) => new StrikesWriter(ring, counters))
  const table = new BanTable(rules.max)
  const worker = new AddressLists(undefined, table.memory)
  const told: string[] = []
  let closings = 0
  const { log, records } = capturedLog()
  const bans = new Bans({
    rules,
    table,
    rings,
    log,
    serviceName: () => 'web',
    closeBanned: () => closings++,
    ownAddresses: () => ['198.51.100.1'],
    nowMs: () => clock.nowMs,
    ...options,
  })
  bans.useTables(NO_TABLES)
  bans.follow(({ add = [], remove = [] }: BanChange) => {
    for (const { prefix, timeoutMs } of add) told.push(`+${banText(prefix)} ${timeoutMs}`)
    for (const prefix of remove) told.push(`-${banText(prefix)}`)
  })
  const strike = (address: string, ring = 0): void => {
    const bytes = parseIp(address)!
    writers[ring].write(0, STRIKE_CODES['slow-read'], bytes, 0, bytes.length === 4 ? 4 : 6)
  }
  const found = (address: string): number => {
    const bytes = parseIp(address)!
    return worker.banOf(bytes, 0, bytes.length === 4 ? 4 : 6, monotonicMs())
  }
  return { bans, clock, table, told, strike, found, records, closings: () => closings }
}

describe('bans of a running node', () => {
  test('who is banned no more is not listed, and covered by nothing, before the next tick', async () => {
    const { bans, clock } = running()
    await bans.add({ prefixes: ['192.0.2.1', '192.0.2.0/24'], ...BY_HAND }, 'me')
    const covering = () => bans.covering({ family: 4, bytes: parseIp('192.0.2.1')!, prefixLength: 32 }).length
    clock.nowMs += BY_HAND.ttlMs - 1
    assert.deepEqual([bans.list(10).length, covering()], [2, 2])
    clock.nowMs += 1
    assert.deepEqual([bans.list(10).length, covering()], [0, 0])
    bans.tick()
    assert.equal(bans.view().total, 0)
  })

  test('strikes of all workers are read, and who is banned is in the table when the tick is over', () => {
    const { bans, strike, found, told, closings, clock, table } = running()
    strike('192.0.2.1')
    strike('2001:db8::7', 1)
    assert.equal(found('192.0.2.1'), NO_BAN)
    bans.tick()
    assert.deepEqual([found('192.0.2.1'), found('2001:db8::ffff'), found('192.0.2.2')], [REAL_BAN, REAL_BAN, NO_BAN])
    assert.deepEqual(told, ['+192.0.2.1 10000', '+2001:db8::/64 10000'])
    assert.equal(closings(), 1)
    clock.nowMs += 9_999
    bans.tick()
    assert.equal(table.count, 2)
    clock.nowMs += 1
    bans.tick()
    assert.deepEqual([table.count, found('192.0.2.1')], [0, NO_BAN])
    assert.deepEqual(told.slice(2), ['-192.0.2.1', '-2001:db8::/64'])
  })

  test('watched bans are for counting, and nobody but the log hears of them', () => {
    const { bans, strike, found, told, closings } = running({ rule: 'watch' })
    strike('192.0.2.1')
    bans.tick()
    assert.deepEqual([found('192.0.2.1'), told, closings()], [WATCHED_BAN, [], 0])
    const { active, watched, total } = bans.view()
    assert.deepEqual([active.strikes, watched.strikes, total], [0, 1, 1])
  })

  test('10,000 bans come in one go, and end so', async () => {
    const { bans, found, table, closings } = running({ max: 20_000 })
    const prefixes = Array.from({ length: 10_000 }, (_, i) => `10.${i >> 8}.${i & 255}.7`)
    const { changed, refused } = await bans.add({ prefixes, ...BY_HAND }, 'x')
    assert.deepEqual([changed.length, refused, closings()], [10_000, [], 1])
    for (const prefix of prefixes) assert.equal(found(prefix), REAL_BAN)
    assert.equal((await bans.flush(undefined, 'x')).bans, 10_000)
    assert.deepEqual([table.count, bans.view().total], [0, 0])
  })

  test('looks for connections to close are few, however often somebody is banned', () => {
    const { bans, strike, closings, clock } = running()
    for (let i = 0; i < 40; i++) {
      strike(`192.0.${i}.1`)
      bans.tick()
      clock.nowMs += 25
    }
    assert.equal(closings(), 2)
    clock.nowMs += 500
    bans.tick()
    assert.equal(closings(), 3, 'the last ones are looked for too')
  })

  test('when the book is full the table follows it, and the log says so', () => {
    const { bans, strike, found, table, clock, records } = running({ max: 3 })
    for (const i of [1, 2, 3, 4]) strike(`192.0.${i}.1`)
    bans.tick()
    assert.deepEqual(
      [1, 2, 3, 4].map((i) => found(`192.0.${i}.1`)),
      [NO_BAN, REAL_BAN, REAL_BAN, REAL_BAN],
    )
    assert.deepEqual([table.count, bans.view().displaced], [3, 1])
    clock.nowMs += 10_000
    bans.tick()
    assert.equal(records().find(({ event }) => event === 'bans-full')?.['displaced'], 1)
  })

  test('a flood of bans is a few lines and a sum', () => {
    const { bans, strike, clock, records } = running({ prefix: { ...RULES.prefix, rule: 'off' } })
    for (let i = 0; i < 50; i++) strike(`192.0.2.${i}`)
    bans.tick()
    clock.nowMs += 10_000
    bans.tick()
    assert.equal(records().filter(({ event }) => event === 'banned').length, BANNED_LINES_MAX)
    assert.equal(records().find(({ event }) => event === 'bans-summed')?.['bans'], 50 - BANNED_LINES_MAX)
  })

  test('what an operator bans again is banned anew; what is refused is told, one by one', async () => {
    const { bans, found } = running()
    await bans.add({ prefixes: ['192.0.2.1'], ...BY_HAND }, 'x')
    const { changed, refused } = await bans.add(
      { prefixes: ['192.0.2.1', '198.51.100.1', 'x', '192.0.2.0/24'], ...BY_HAND, ttlMs: Infinity },
      'y',
    )
    assert.deepEqual(changed, ['192.0.2.1', '192.0.2.0/24'])
    assert.deepEqual(
      refused.map(({ prefix }) => prefix),
      ['198.51.100.1', 'x'],
    )
    assert.equal(found('192.0.2.200'), REAL_BAN)
    assert.deepEqual(
      bans.list(10).map(({ text, by, untilMs }) => [text, by, untilMs]),
      [
        ['192.0.2.0/24', 'y', Infinity],
        ['192.0.2.1', 'y', Infinity],
      ],
    )
    assert.deepEqual(bans.list(1, 'strikes'), [])
    const gone = await bans.remove(['192.0.2.1', '192.0.2.1', '192.0.2.5'], 'y')
    assert.deepEqual(gone.changed, ['192.0.2.1'])
    assert.deepEqual(
      gone.refused.map(({ why }) => why),
      Array(2).fill('is not banned by itself, but with 192.0.2.0/24'),
    )
  })

  test('who becomes an upstream is banned no more', async () => {
    const { bans, found, records } = running()
    await bans.add({ prefixes: ['192.0.2.0/24'], ...BY_HAND }, 'x')
    const candidates = [{ address: { family: 4, address: '192.0.2.9', port: 1 } }]
    bans.useTables({ ...NO_TABLES, services: [{ candidates, acceptProxyFrom: [] }] as never })
    assert.equal(found('192.0.2.9'), NO_BAN)
    assert.deepEqual(records().find(({ event }) => event === 'unbanned')?.['by'], 'tidegate')
  })

  test('other rules begin anew: watched bans go, real ones stay', () => {
    const { bans, strike, found } = running()
    strike('192.0.2.1')
    bans.tick()
    bans.useRules({ ...RULES, rule: 'watch' })
    strike('192.0.2.2')
    bans.tick()
    assert.deepEqual([found('192.0.2.1'), found('192.0.2.2')], [REAL_BAN, WATCHED_BAN])
    bans.useRules({ ...RULES, rule: 'off' })
    strike('192.0.2.3')
    bans.tick()
    assert.deepEqual(['192.0.2.1', '192.0.2.2', '192.0.2.3'].map(found), [REAL_BAN, NO_BAN, NO_BAN])
  })
})

describe('the file of bans', () => {
  test('what was banned is banned again, with its time, and what has ended is remembered', async () => {
    const file = new BanFile(newFolder())
    const first = running({ ttlMs: 10_000 }, { file })
    first.strike('192.0.2.1')
    first.strike('192.0.2.2')
    first.bans.tick()
    await first.bans.add({ prefixes: ['2001:db8::/48'], ...BY_HAND, ttlMs: Infinity }, 'me')
    first.clock.nowMs += 10_000
    first.strike('192.0.3.3')
    first.bans.tick()
    await first.bans.close()

    const { log } = capturedLog()
    const again = running({}, { file, stored: (await file.read(log))! })
    again.clock.nowMs = first.clock.nowMs + 1_000
    again.bans.tick()
    assert.deepEqual(
      again.bans.list(10).map(({ text, origin, by, untilMs }) => [text, origin, by, untilMs - again.clock.nowMs]),
      [
        ['192.0.3.3', 'strikes', 'strikes', 9_000],
        ['2001:db8::/48', 'manual', 'me', Infinity],
      ],
    )
    assert.deepEqual([again.found('192.0.3.3'), again.found('2001:db8::1')], [REAL_BAN, REAL_BAN])
    again.strike('192.0.2.1')
    again.bans.tick()
    assert.equal(again.bans.list(1)[0].repeated, 1)
    await again.bans.close()
  })

  test('a clock that was wrong bans nobody for longer than the rules would', async () => {
    const far = { sinceMs: 5e12, untilMs: 6e12, why: 'x', by: 'x', repeated: 0, isWatched: false }
    const network = parseNetwork('192.0.2.1')!
    const { bans, clock } = running({}, { stored: [makeBan(network, { ...far, origin: 'strikes' })] })
    assert.equal(bans.list(1)[0].untilMs, clock.nowMs + RULES.ttlMaxMs)
  })

  test('more than there is room for now: the newest stay, in book and table', () => {
    const rest = {
      sinceMs: 0,
      untilMs: Infinity,
      why: 'x',
      by: 'x',
      repeated: 0,
      isWatched: false,
      origin: 'strikes' as const,
    }
    const stored = [1, 2, 3].map((i) => makeBan(parseNetwork(`192.0.2.${i}`)!, rest))
    const { bans, table } = running({ max: 2 }, { stored })
    assert.deepEqual([bans.list(9).map(({ text }) => text), table.count], [['192.0.2.3', '192.0.2.2'], 2])
  })

  test('damaged in any way it is moved aside, and the log says why', async () => {
    const texts = ['', '{', '[]', '{"version":2,"bans":[]}', '{"version":1,"bans":[{"prefix":"192.0.2.1"}]}', '\0\0\0']
    const good = { origin: 'manual', since: '2026-11-21T00:00:00.000Z', until: null, why: '', by: '', repeated: 0 }
    texts.push(JSON.stringify({ version: 1, bans: [{ prefix: '192.0.2.1/8', ...good }] }))
    for (const text of texts) {
      const file = new BanFile(newFolder())
      await file.write([])
      writeFileSync(file.path, text)
      const { log, records } = capturedLog()
      assert.equal(await file.read(log), undefined, text)
      assert.deepEqual(
        records().map(({ event, movedTo }) => [event, movedTo]),
        [['bans-not-read', `${file.path}.damaged`]],
      )
      assert.equal(await file.read(log), undefined)
    }
  })

  test('100,000 bans are written and read again, without holding up anybody for long', async () => {
    const file = new BanFile(newFolder())
    const rest = {
      sinceMs: 1e12,
      untilMs: 2e12,
      why: 'x',
      by: 'x',
      repeated: 0,
      isWatched: false,
      origin: 'strikes' as const,
    }
    const bans = Array.from({ length: 100_000 }, (_, i) => {
      return makeBan({ family: 4, bytes: Uint8Array.of(10, i >> 16, i >> 8, i), prefixLength: 32 }, rest)
    })
    let turns = 0
    const counting = setInterval(() => turns++, 0)
    await file.write(bans)
    clearInterval(counting)
    assert.ok(turns > 20, `${turns} turns of the loop`)
    assert.deepEqual(await file.read(capturedLog().log), bans)
  })

  test('changes by hand that come together are one write more, and each waits for its own', async () => {
    const folder = newFolder()
    const file = new BanFile(folder)
    let writes = 0
    const write = file.write.bind(file)
    file.write = async (bans) => {
      writes++
      await write(bans)
    }
    const { bans } = running({}, { file })
    const changes = Array.from({ length: 50 }, (_, i) => bans.add({ prefixes: [`192.0.2.${i}`], ...BY_HAND }, 'x'))
    assert.ok((await Promise.all(changes)).every(({ stored }) => stored))
    assert.ok(writes <= 3, String(writes))
    assert.equal(readFileSync(file.path, 'utf8').split('"prefix"').length - 1, 50)
    assert.deepEqual(readdirSync(folder), ['bans.json'])
    await bans.close()
  })

  test('a folder that can not be made is told once, and what is asked by hand is told that it is not stored', async () => {
    const folder = newFolder()
    writeFileSync(folder, '')
    const { bans, records, found } = running({}, { file: new BanFile(folder) })
    for (const prefix of ['192.0.2.1', '192.0.2.2']) {
      assert.equal((await bans.add({ prefixes: [prefix], ...BY_HAND }, 'x')).stored, false)
      assert.equal(found(prefix), REAL_BAN)
    }
    assert.equal(records().filter(({ event }) => event === 'bans-not-stored').length, 1)
    await bans.close()
  })

  test('after it was left to the next version nothing is written any more', async () => {
    const file = new BanFile(newFolder())
    const { bans } = running({}, { file })
    await bans.leave()
    assert.equal((await bans.add({ prefixes: ['192.0.2.1'], ...BY_HAND }, 'x')).stored, false)
    await bans.close()
    assert.throws(() => readFileSync(file.path), /ENOENT/)
  })
})

describe('bans of another process of this node', () => {
  const rest = { sinceMs: 500_000, untilMs: 1_005_000, why: 'x', by: 'y', repeated: 0, isWatched: false }
  const banOf = (prefix: string, more: object = {}) =>
    makeBan(parseNetwork(prefix)!, { ...rest, origin: 'manual', ...more })

  test('they hold here, end what is open, and end in time; the kernel and the next version hear of them', () => {
    const { bans, found, told, closings, clock, records } = running()
    const news: string[] = []
    bans.tellOf({ banned: (stored) => news.push(...stored.map(({ prefix }) => prefix)), unbanned: () => {} })
    bans.adopt([banOf('192.0.2.1')], true)
    bans.adopt([banOf('192.0.2.2')], false)
    assert.deepEqual([found('192.0.2.1'), found('192.0.2.2'), closings()], [REAL_BAN, REAL_BAN, 1])
    assert.deepEqual(told, ['+192.0.2.1 5000', '+192.0.2.2 5000'])
    assert.deepEqual(news, ['192.0.2.1'])
    assert.deepEqual([bans.view().active.manual, bans.view().made.manual], [2, 0], 'they were made there')
    assert.deepEqual(records(), [], 'it was said there')
    clock.nowMs += 5_000
    bans.tick()
    assert.equal(bans.view().total, 0)
  })

  test('what is known, over, or of one who is never banned here changes nothing; a later end does', () => {
    const { bans, closings, told } = running()
    bans.adopt([banOf('198.51.100.1'), banOf('192.0.2.9', { untilMs: 900_000 })], true)
    assert.deepEqual([closings(), told], [0, []])
    bans.adopt([banOf('192.0.2.1')], true)
    bans.adopt([banOf('192.0.2.1')], true)
    assert.equal(told.length, 1)
    bans.adopt([banOf('192.0.2.1', { sinceMs: 500_001, untilMs: Infinity })], true)
    assert.equal(bans.list(1)[0].untilMs, Infinity)
  })

  test('for strikes no longer than the rules of here', () => {
    const { bans, clock } = running()
    bans.adopt([banOf('192.0.2.1', { origin: 'strikes', untilMs: 9e12 })], true)
    assert.equal(bans.list(1)[0].untilMs, clock.nowMs + RULES.ttlMaxMs)
  })

  test('what is made and taken back here is told, what was watched is not', async () => {
    const { bans, strike } = running()
    const news: string[] = []
    bans.tellOf({
      banned: (stored) => news.push(...stored.map(({ prefix }) => `+${prefix}`)),
      unbanned: (prefixes) => news.push(...prefixes.map((prefix) => `-${prefix}`)),
    })
    strike('192.0.2.1')
    bans.tick()
    await bans.add({ prefixes: ['192.0.2.2', '192.0.2.3'], ...BY_HAND }, 'x')
    await bans.remove(['192.0.2.2'], 'x')
    await bans.flush('manual', 'x')
    bans.useRules({ ...RULES, rule: 'watch' })
    strike('192.0.2.4')
    bans.tick()
    assert.deepEqual(
      news.filter((one) => one !== '+'),
      ['+192.0.2.1', '+192.0.2.2', '+192.0.2.3', '-192.0.2.2', '-192.0.2.3'],
    )
  })

  test('what is taken back there is taken back here', () => {
    const { bans, found, told } = running()
    bans.adopt([banOf('192.0.2.1'), banOf('2001:db8::/48')], true)
    bans.drop(['2001:db8::/48', '192.0.2.200', 'nonsense'])
    assert.deepEqual([found('2001:db8::1'), found('192.0.2.1'), told.at(-1)], [NO_BAN, REAL_BAN, '-2001:db8::/48'])
  })

  test('the file is left alone until the version before has written its last, and who asks waits for that', async () => {
    const file = new BanFile(newFolder())
    const { bans } = running({}, { file, hasPredecessor: true })
    const asked = bans.add({ prefixes: ['192.0.2.1'], ...BY_HAND }, 'x')
    await file.write([banOf('192.0.2.7')])
    bans.takeOver()
    assert.equal((await asked).stored, true)
    assert.deepEqual(
      (await file.readAgain()).map(({ text }) => text),
      ['192.0.2.1'],
    )
    await bans.close()
  })

  test('after the hand-over strikes are judged all the same', async () => {
    const file = new BanFile(newFolder())
    const { bans, strike, found } = running({}, { file })
    await bans.add({ prefixes: ['192.0.2.1'], ...BY_HAND }, 'x')
    await bans.leave()
    assert.equal(bans.isLeft, true)
    strike('192.0.2.2')
    bans.tick()
    assert.equal(found('192.0.2.2'), REAL_BAN)
    strike('192.0.2.3')
    await bans.close()
    assert.equal(found('192.0.2.3'), REAL_BAN, 'also what was struck right before the end')
    assert.deepEqual(
      (await file.readAgain()).map(({ text }) => text),
      ['192.0.2.1'],
    )
  })
})

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Random } from '../../../test/harness/random.ts'
import { parseNetwork } from '../../lib/ip.ts'
import { type Ban, type BanOrigin, makeBan } from './ban.ts'
import { BanBook } from './ban-book.ts'

const MEMORY_MS = 1_000

interface Changes {
  readonly untilMs?: number
  readonly origin?: BanOrigin
  readonly repeated?: number
  readonly isWatched?: boolean
}

function ban(text: string, changes: Changes = {}): Ban {
  const network = parseNetwork(text)
  assert.ok(network, text)
  const rest = {
    origin: 'strikes',
    sinceMs: 0,
    untilMs: 100,
    why: 'x',
    by: 'x',
    repeated: 0,
    isWatched: false,
  } as const
  return makeBan(network, { ...rest, ...changes })
}

function texts(bans: Iterable<Ban>): string[] {
  return Array.from(bans, ({ text }) => text)
}

function expired(book: BanBook, nowMs: number, bansMax = Infinity): string[] {
  const ended: string[] = []
  book.expire(nowMs, bansMax, ({ text }) => ended.push(text))
  return ended
}

describe('the book of bans', () => {
  test('bans end in the order of their time, never before it, and those for good never', () => {
    const book = new BanBook(10, MEMORY_MS)
    const untilMs = { a: 300, b: 100, c: Infinity, d: 200 }
    Object.values(untilMs).forEach((until, i) => book.put(ban(`192.0.2.${i}`, { untilMs: until })))
    assert.deepEqual(expired(book, 99), [])
    assert.deepEqual(expired(book, 250), ['192.0.2.1', '192.0.2.3'])
    assert.deepEqual(expired(book, 1e15), ['192.0.2.0'])
    assert.deepEqual([book.active, texts(book.all())], [1, ['192.0.2.2']])
  })

  test('a ban of the same prefix takes the place of the one before, and its end', () => {
    const book = new BanBook(10, MEMORY_MS)
    book.put(ban('192.0.2.1', { untilMs: 100 }))
    book.put(ban('192.0.2.1', { untilMs: 500, origin: 'manual' }))
    assert.deepEqual([book.active, book.realByOrigin], [1, { manual: 1, strikes: 0, neighbours: 0, signals: 0 }])
    assert.deepEqual(expired(book, 200), [])
    assert.deepEqual(expired(book, 500), ['192.0.2.1'])
  })

  test('it remembers how often strikes banned a prefix, for a time, and forgets what operators do', () => {
    const book = new BanBook(10, MEMORY_MS)
    const network = ban('192.0.2.1').network
    assert.equal(book.bansMadeOf(network), 0)
    book.put(ban('192.0.2.1', { untilMs: 100 }))
    expired(book, 100)
    assert.equal(book.bansMadeOf(network), 1)
    book.put(ban('192.0.2.1', { untilMs: 300, repeated: 1 }))
    expired(book, 300)
    assert.equal(book.bansMadeOf(network), 2)
    expired(book, 300 + MEMORY_MS)
    assert.equal(book.bansMadeOf(network), 0)
    book.put(ban('192.0.2.2', { origin: 'manual' }))
    expired(book, 5_000)
    assert.deepEqual([...book.remembered()], [])
    book.put(ban('192.0.2.1', { repeated: 4 }))
    book.remove(network)
    assert.equal(book.bansMadeOf(network), 0, 'who took a ban away starts anew')
  })

  test('when it is full the weakest goes first, and of those the oldest; what operators banned never', () => {
    const book = new BanBook(6, MEMORY_MS)
    book.put(ban('192.0.2.1', { untilMs: 10 }))
    expired(book, 10)
    book.put(ban('192.0.2.2', { origin: 'manual' }))
    book.put(ban('192.0.2.3', { repeated: 1 }))
    book.put(ban('192.0.2.4'))
    book.put(ban('192.0.2.5'))
    book.put(ban('192.0.2.6', { isWatched: true }))
    const displacedBy = (text: string, origin: BanOrigin = 'manual'): string | undefined => {
      const { taken, displaced } = book.put(ban(text, { origin }))
      return taken ? (displaced?.text ?? 'one that had ended') : undefined
    }
    assert.deepEqual(
      ['198.51.100.1', '198.51.100.2', '198.51.100.3', '198.51.100.4', '198.51.100.5'].map((text) => displacedBy(text)),
      ['one that had ended', '192.0.2.6', '192.0.2.4', '192.0.2.5', '192.0.2.3'],
    )
    assert.equal(displacedBy('198.51.100.6'), undefined)
    assert.equal(displacedBy('198.51.100.6', 'strikes'), undefined)
    assert.equal(book.active, 6)
    assert.deepEqual(book.put(ban('192.0.2.2', { origin: 'manual' })), { taken: true, displaced: undefined })
  })

  test('it knows every ban that a prefix is under', () => {
    const book = new BanBook(10, MEMORY_MS)
    for (const text of ['192.0.2.0/24', '192.0.2.7', '192.0.0.0/16', '2001:db8::/32', '2001:db8::/64'])
      book.put(ban(text))
    const covering = (text: string): string[] => texts(book.covering(ban(text).network))
    assert.deepEqual(covering('192.0.2.7'), ['192.0.0.0/16', '192.0.2.0/24', '192.0.2.7'])
    assert.deepEqual(covering('192.0.2.0/25'), ['192.0.0.0/16', '192.0.2.0/24'])
    assert.deepEqual(covering('198.51.100.1'), [])
    assert.deepEqual(covering('2001:db8::5'), ['2001:db8::/32', '2001:db8::/64'])
    book.remove(ban('192.0.2.0/24').network)
    assert.deepEqual(covering('192.0.2.7'), ['192.0.0.0/16', '192.0.2.7'])
  })

  /** The same book, in the plainest way. */
  class ModelBook {
    entries: { ban: Ban; endedMs: number | undefined }[] = []

    strength({ ban, endedMs }: { ban: Ban; endedMs: number | undefined }): number {
      if (endedMs !== undefined) return 0
      if (ban.origin === 'manual') return Infinity
      return ban.isWatched ? 1 : 2 + ban.repeated
    }

    put(ban: Ban, max: number): string {
      this.entries = this.entries.filter((one) => one.ban.text !== ban.text)
      let out = 'free'
      if (this.entries.length === max) {
        const weakest = Math.min(...this.entries.map((one) => this.strength(one)))
        if (weakest === Infinity) return 'refused'
        const ofThese = this.entries.filter((one) => this.strength(one) === weakest)
        const oldest = weakest === 0 ? ofThese.sort((a, b) => a.endedMs! - b.endedMs!)[0] : ofThese[0]
        this.entries.splice(this.entries.indexOf(oldest), 1)
        out = weakest === 0 ? 'ended' : oldest.ban.text
      }
      this.entries.push({ ban, endedMs: undefined })
      return out
    }

    expire(nowMs: number): string[] {
      this.entries = this.entries.filter((one) => one.endedMs === undefined || one.endedMs + MEMORY_MS > nowMs)
      const due = this.entries.filter((one) => one.endedMs === undefined && one.ban.untilMs <= nowMs)
      for (const one of due) one.endedMs = nowMs
      this.entries = this.entries.filter((one) => one.endedMs === undefined || one.ban.origin !== 'manual')
      return due.map((one) => one.ban.text)
    }

    active(): string[] {
      return this.entries.filter((one) => one.endedMs === undefined).map((one) => one.ban.text)
    }
  }

  test('20,000 random changes do what the plain model does', () => {
    const random = new Random(11)
    const max = 24
    const book = new BanBook(max, MEMORY_MS)
    const model = new ModelBook()
    let nowMs = 0
    for (let i = 0; i < 20_000; i++) {
      // Each moment once: which of two that end together ends first is nobody's promise.
      nowMs += 1 + random.integer(40)
      const text = `192.0.2.${random.integer(48)}`
      const network = ban(text).network
      if (random.chance(0.15)) {
        const isThere = model.active().includes(text)
        assert.equal(book.remove(network) !== undefined, isThere, `step ${i}`)
        model.entries = model.entries.filter((one) => one.ban.text !== text)
      } else if (random.chance(0.4)) {
        assert.deepEqual(expired(book, nowMs).sort(), model.expire(nowMs).sort(), `step ${i}`)
      } else {
        const origin = random.chance(0.2) ? 'manual' : 'strikes'
        const isWatched = origin === 'strikes' && random.chance(0.2)
        const one = ban(text, {
          origin,
          isWatched,
          untilMs: nowMs + 1 + random.integer(1_500),
          repeated: random.integer(3),
        })
        const sizeBefore = model.entries.length
        const { taken, displaced } = book.put(one)
        const wanted = model.put(one, max)
        assert.equal(taken, wanted !== 'refused', `step ${i} of ${sizeBefore}`)
        // Of those that ended in one moment, either may go.
        if (wanted !== 'ended') assert.equal(displaced?.text, wanted === 'free' ? undefined : wanted, `step ${i}`)
        else
          model.entries = model.entries.filter((entry) => entry.endedMs === undefined || isRemembered(book, entry.ban))
      }
      assert.deepEqual(texts(book.all()).sort(), model.active().sort(), `step ${i}`)
    }
  })

  function isRemembered(book: BanBook, { text }: Ban): boolean {
    return texts(book.remembered()).includes(text)
  }

  test('bans that are made and taken back without end leave nothing behind', () => {
    const book = new BanBook(100, MEMORY_MS)
    for (let i = 0; i < 50_000; i++) {
      const one = ban(`192.0.2.${i % 10}`, { untilMs: 1e12 + i })
      book.put(one)
      book.remove(one.network)
    }
    assert.ok(book.endsKept < 500, String(book.endsKept))
  })
})

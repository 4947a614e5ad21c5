/**
 * All bans there are, and how often those that have ended came back. Of bounded size: when it is full, the weakest goes
 * first, and of those the oldest. Ended ones are weaker than watched ones, those weaker than real ones, and a ban is the
 * stronger the more often it was repeated. What an operator banned never goes by itself before its time.
 */
import { AgeLinks, AgeList } from '../../lib/age-list.ts'
import type { Ban } from './ban.ts'
import { EndHeap } from './end-heap.ts'
import { banText } from './source.ts'
import type { Network } from '../../lib/ip.ts'

/** Bans that were repeated more often are as strong as these. */
const REPEATED_MAX = 31

/** Weakest rank first; manual bans have none. */
const RANK = { ended: 0, watched: 1, firstReal: 2 } as const
const RANKS = RANK.firstReal + REPEATED_MAX + 1

class Entry extends AgeLinks {
  readonly ban: Ban
  /** `ended`: kept for the count alone, until `forgetMs`. */
  state: 'active' | 'ended' | 'gone' = 'active'
  forgetMs = 0

  constructor(ban: Ban) {
    super()
    this.ban = ban
  }
}

/** What a change did to others. */
export interface PutResult {
  /** False: the book is full of what operators banned. */
  readonly taken: boolean
  /** A ban that had to go before its time. */
  readonly displaced: Ban | undefined
}

export class BanBook {
  readonly #max: number
  /** How long an ended ban is remembered, so that the next one is longer. */
  readonly #memoryMs: number
  readonly #byText = new Map<string, Entry>()
  /** Oldest first in each. */
  readonly #ranks: readonly AgeList<Entry>[] = Array.from({ length: RANKS }, () => new AgeList<Entry>())
  readonly #ends = new EndHeap<Entry>(({ state }) => state === 'active')
  /** Active bans by family and length: only lengths that exist are looked for. */
  readonly #countByLength = { 4: new Uint32Array(33), 6: new Uint32Array(129) }
  #active = 0
  /** Those that are not watched. */
  readonly realByOrigin = { manual: 0, strikes: 0, neighbours: 0, signals: 0 }

  constructor(max: number, memoryMs: number) {
    this.#max = max
    this.#memoryMs = memoryMs
  }

  /** Bans whose time is not over. */
  get active(): number {
    return this.#active
  }

  /** What the order of ends takes, chaff included. */
  get endsKept(): number {
    return this.#ends.length
  }

  /** The ban of exactly this prefix. */
  get(network: Network): Ban | undefined {
    const entry = this.#byText.get(banText(network))
    return entry?.state === 'active' ? entry.ban : undefined
  }

  /** How many bans of the prefix strikes have made, that are not forgotten yet. */
  bansMadeOf(network: Network): number {
    const ban = this.#byText.get(banText(network))?.ban
    return ban === undefined || ban.origin === 'manual' ? 0 : ban.repeated + 1
  }

  /** Oldest first. */
  *all(): Generator<Ban> {
    for (const { ban, state } of this.#byText.values()) if (state === 'active') yield ban
  }

  /** Oldest first, with those that have ended and are remembered. */
  *remembered(): Generator<Ban> {
    for (const { ban } of this.#byText.values()) yield ban
  }

  /** Every ban that has the whole prefix in it, widest first. */
  covering(network: Network): Ban[] {
    const found: Ban[] = []
    const countByLength = this.#countByLength[network.family]
    for (let prefixLength = 0; prefixLength <= network.prefixLength; prefixLength++) {
      const ban = countByLength[prefixLength] === 0 ? undefined : this.get(firstBits(network, prefixLength))
      if (ban !== undefined) found.push(ban)
    }
    return found
  }

  /** Adds a ban, or puts it in the place of the one of the same prefix. */
  put(ban: Ban): PutResult {
    const before = this.#byText.get(ban.text)
    if (before !== undefined) this.#drop(before)
    let displaced: Ban | undefined
    if (this.#byText.size >= this.#max) {
      const weakest = this.#weakest()
      if (weakest === undefined) return { taken: false, displaced: undefined }
      if (weakest.state === 'active') displaced = weakest.ban
      this.#drop(weakest)
    }
    const entry = new Entry(ban)
    this.#byText.set(ban.text, entry)
    this.#rankOf(entry)?.append(entry)
    this.#countActive(ban, 1)
    if (ban.untilMs !== Infinity) this.#ends.add(entry, ban.untilMs, this.#active)
    return { taken: true, displaced }
  }

  /** One that ended before this process began: it counts for the next one of the same prefix. */
  remember(ban: Ban): void {
    if (this.#byText.size >= this.#max || this.#byText.has(ban.text)) return
    const entry = new Entry(ban)
    entry.state = 'ended'
    entry.forgetMs = ban.untilMs + this.#memoryMs
    this.#byText.set(ban.text, entry)
    this.#ranks[RANK.ended].append(entry)
  }

  /** Takes it out and forgets it; undefined when there is no such ban. */
  remove(network: Network): Ban | undefined {
    const entry = this.#byText.get(banText(network))
    if (entry === undefined) return undefined
    const wasActive = entry.state === 'active'
    this.#drop(entry)
    return wasActive ? entry.ban : undefined
  }

  /** Hands out the bans whose time is over, at most so many; those that strikes made stay remembered. */
  expire(nowMs: number, bansMax: number, onEnd: (ban: Ban) => void): void {
    this.#forget(nowMs)
    for (let ends = 0; ends < bansMax; ends++) {
      const entry = this.#ends.takeUntil(nowMs)
      if (entry === undefined) return
      this.#end(entry, nowMs)
      onEnd(entry.ban)
    }
  }

  #end(entry: Entry, nowMs: number): void {
    this.#drop(entry)
    if (entry.ban.origin === 'manual') return
    entry.state = 'ended'
    entry.forgetMs = nowMs + this.#memoryMs
    this.#byText.set(entry.ban.text, entry)
    this.#ranks[RANK.ended].append(entry)
  }

  #forget(nowMs: number): void {
    const ended = this.#ranks[RANK.ended]
    while (ended.oldest !== undefined && ended.oldest.forgetMs <= nowMs) this.#drop(ended.oldest)
  }

  #drop(entry: Entry): void {
    this.#rankOf(entry)?.remove(entry)
    this.#byText.delete(entry.ban.text)
    if (entry.state === 'active') this.#countActive(entry.ban, -1)
    entry.state = 'gone'
  }

  #countActive({ network: { family, prefixLength }, origin, isWatched }: Ban, change: 1 | -1): void {
    this.#active += change
    if (!isWatched) this.realByOrigin[origin] += change
    this.#countByLength[family][prefixLength] += change
  }

  #rankOf({ ban, state }: Entry): AgeList<Entry> | undefined {
    if (state === 'ended') return this.#ranks[RANK.ended]
    if (ban.origin === 'manual') return undefined
    if (ban.isWatched) return this.#ranks[RANK.watched]
    return this.#ranks[RANK.firstReal + Math.min(ban.repeated, REPEATED_MAX)]
  }

  #weakest(): Entry | undefined {
    for (const { oldest } of this.#ranks) if (oldest !== undefined) return oldest
    return undefined
  }
}

function firstBits({ family, bytes }: Network, prefixLength: number): Network {
  const kept = bytes.slice()
  for (let i = prefixLength >> 3; i < kept.length; i++) {
    kept[i] &= i === prefixLength >> 3 ? 0xff00 >> (prefixLength & 7) : 0
  }
  return { family, bytes: kept, prefixLength }
}

/**
 * From strikes to bans: counts them, and decides who is banned, for how long, and when a whole neighbourhood is. Pure:
 * time is an argument, and what is decided stands in the book; bans.ts tells everybody else.
 */
import type { StrikeKind } from '../../traffic/admit/strike-kinds.ts'
import type { IpFamily, Network } from '../../lib/ip.ts'
import { type Ban, makeBan } from './ban.ts'
import type { BanBook } from './ban-book.ts'
import type { BanRules } from './ban-rules.ts'
import type { Immunity } from './immunity.ts'
import { NeighbourCounts } from './neighbour-counts.ts'
import { banText, neighbourhoodOf, overlap, type SourceKey, sourceKey, sourceOf } from './source.ts'
import { StrikeCounts } from './strike-counts.ts'
import { POINTS_PER_STRIKE, STRIKE_POINTS } from './strike-weights.ts'

/** Who was struck, for what, and at which service. */
export interface JudgedStrike {
  /** 4 or 16 bytes count, by `family`. */
  readonly address: Uint8Array
  readonly family: IpFamily
  readonly kind: StrikeKind
  readonly service: string
}

export interface Judgement {
  /** The source, and its neighbourhood after it where that is banned too. */
  readonly bans: readonly Ban[]
  readonly displaced: readonly Ban[]
}

const NOTHING: Judgement = { bans: [], displaced: [] }

export class BanJudge {
  readonly counts = new StrikeCounts()
  readonly #neighbours = new NeighbourCounts()
  readonly #book: BanBook
  readonly #immunity: Immunity
  #rules: BanRules
  /** Times that strikes would have banned somebody who is never banned. */
  spared = 0
  /** Bans that found the book full of stronger ones. */
  notTaken = 0

  constructor(book: BanBook, immunity: Immunity, rules: BanRules) {
    this.#book = book
    this.#immunity = immunity
    this.#rules = rules
  }

  /** What was counted so far counts no more. */
  use(rules: BanRules): void {
    this.#rules = rules
    this.counts.clear()
    this.#neighbours.clear()
  }

  strike({ address, family, kind, service }: JudgedStrike, nowMs: number): Judgement {
    const { rule, strikes, withinMs } = this.#rules
    const points = STRIKE_POINTS[kind]
    if (rule === 'off' || points === 0) return NOTHING
    const key = sourceKey(address, family)
    if (this.counts.add(key, points, withinMs, nowMs) < strikes * POINTS_PER_STRIKE) return NOTHING
    this.counts.forget(key)
    const why = `${strikes} ${strikes === 1 ? 'strike' : 'strikes'}, the last for ${kind} on ${service}`
    return this.#ban(key, sourceOf(address, family), why, nowMs)
  }

  #ban(key: SourceKey, source: Network, why: string, nowMs: number): Judgement {
    // A connection from before the ban, or from inside of a banned prefix.
    if (this.#isBanned(source)) return NOTHING
    if (this.#isImmune(source, nowMs)) return NOTHING
    const isWatched = this.#rules.rule === 'watch'
    const ban = this.#make(source, 'strikes', why, isWatched, nowMs)
    const bans = [ban, ...this.#banNeighbourhood(key, source, isWatched, nowMs)]
    const displaced: Ban[] = []
    const taken = bans.filter((one) => {
      const put = this.#book.put(one)
      if (put.displaced !== undefined) displaced.push(put.displaced)
      if (!put.taken) this.notTaken++
      return put.taken
    })
    return { bans: taken, displaced }
  }

  #banNeighbourhood(key: SourceKey, source: Network, isSourceWatched: boolean, nowMs: number): Ban[] {
    const { rule, after, withinMs } = this.#rules.prefix
    if (rule === 'off') return []
    const neighbourhood = neighbourhoodOf(source)
    if (!this.#neighbours.add(banText(neighbourhood), key, after, withinMs, nowMs)) return []
    if (this.#isBanned(neighbourhood) || this.#isImmune(neighbourhood, nowMs)) return []
    const why = `${after} of its sources were banned`
    return [this.#make(neighbourhood, 'neighbours', why, isSourceWatched || rule === 'watch', nowMs)]
  }

  #make(network: Network, origin: 'strikes' | 'neighbours', why: string, isWatched: boolean, nowMs: number): Ban {
    const { ttlMs, ttlMaxMs } = this.#rules
    const repeated = this.#book.bansMadeOf(network)
    const untilMs = nowMs + Math.min(ttlMaxMs, ttlMs * 2 ** repeated)
    return makeBan(network, { origin, sinceMs: nowMs, untilMs, why, by: 'strikes', repeated, isWatched })
  }

  /** Watched bans of a wider prefix stop no real one of a source. */
  #isBanned(network: Network): boolean {
    return this.#book.get(network) !== undefined || this.#book.covering(network).some(({ isWatched }) => !isWatched)
  }

  #isImmune(network: Network, nowMs: number): boolean {
    const { spare } = this.#rules
    const isImmune = spare.some((one) => overlap(one, network)) || this.#immunity.of(network, nowMs) !== undefined
    if (isImmune) this.spared++
    return isImmune
  }
}

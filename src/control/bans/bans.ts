/**
 * Bans while the node runs: reads strikes from the workers' rings, has them judged, writes the table that the workers
 * ask, ends bans whose time is over, and does what operators say. The book is what is true; table and file follow it.
 */
import { monotonicMs, steadyMs } from '../../lib/clock.ts'
import type { Network } from '../../lib/ip.ts'
import type { BanTable } from '../../traffic/admit/ban-table.ts'
import { type Strike, StrikesReader } from '../../traffic/admit/strikes.ts'
import type { Tables } from '../../traffic/tables.ts'
import type { Log } from '../log/log.ts'
import { type Ban, type BanOrigin, makeBan } from './ban.ts'
import type { AskedBans, BansByHand, BansView, RefusedPrefix } from './ban-answers.ts'
import { type BanSignal, judgeSignal, type SignalledBan } from './ban-signal.ts'
import { BanBook } from './ban-book.ts'
import { type BanFile, storedOf } from './ban-file.ts'
import { BanJudge } from './ban-judge.ts'
import { type BanChange, type BanNews, timedPrefix } from './ban-news.ts'
import { BanLines } from './ban-lines.ts'
import type { BanRules } from './ban-rules.ts'
import { BanStore } from './ban-store.ts'
import { whyNotByHand } from './by-hand.ts'
import { addressesOfThisMachine, Immunity } from './immunity.ts'
import { parseBanned } from './source.ts'

/** How late a strike may be read, and how late a ban may end. */
const TICK_MS = 25
/** In one tick over all workers: 160,000 a second. What is too much for us stays in the rings, and is dropped there. */
const STRIKES_PER_TICK_MAX = 4_000
/** In one tick: 40,000 a second. */
const ENDS_PER_TICK_MAX = 1_000
/** A look at all connections costs a worker up to tenths of a second with a million of them. */
const CLOSE_EVERY_MS = 500

export interface BansOptions {
  readonly rules: BanRules
  /** What workers ask. */
  readonly table: Pick<BanTable, 'set' | 'delete'>
  /** One ring for each worker. */
  readonly rings: readonly SharedArrayBuffer[]
  readonly log: Log
  /** Without one bans don't survive a restart; for tests. */
  readonly file?: BanFile | undefined
  /** What the file had. */
  readonly stored?: readonly Ban[]
  /** The version before writes the file, until `takeOver`. */
  readonly hasPredecessor?: boolean
  readonly serviceName: (serviceIndex: number) => string | undefined
  /** Has the workers end open connections of whoever is banned. */
  readonly closeBanned: () => void
  readonly ownAddresses?: () => readonly string[]
  readonly nowMs?: () => number
}

export class Bans {
  readonly #options: BansOptions
  readonly #nowMs: () => number
  readonly #immunity: Immunity
  readonly #book: BanBook
  readonly #judge: BanJudge
  readonly #lines: BanLines
  readonly #store: BanStore | undefined
  readonly #readers: readonly StrikesReader[]
  readonly #madeByOrigin = { manual: 0, strikes: 0, neighbours: 0, signals: 0 }
  readonly #watchedByOrigin = { manual: 0, strikes: 0, neighbours: 0, signals: 0 }
  #listeners: ((change: BanChange) => void)[] = []
  #news: BanNews | undefined
  #isLeft = false
  #timer: NodeJS.Timeout | undefined
  #firstRing = 0
  #rules: BanRules
  #displaced = 0
  #wantsClosing = false
  #closedAtMs = -Infinity

  constructor(options: BansOptions) {
    this.#options = options
    this.#rules = options.rules
    this.#nowMs = options.nowMs ?? steadyMs
    this.#immunity = new Immunity(options.ownAddresses ?? addressesOfThisMachine)
    this.#book = new BanBook(options.rules.max, options.rules.ttlMaxMs)
    this.#judge = new BanJudge(this.#book, this.#immunity, options.rules)
    this.#lines = new BanLines(options.log)
    this.#store = options.file && new BanStore(options.file, options.log, () => this.#toStore(), options.hasPredecessor)
    this.#readers = options.rings.map((memory) => new StrikesReader(memory))
    this.#restore(options.stored ?? [])
  }

  /** Bans of before hold from the first client on: to be called before the listeners open, with the tables of then. */
  start(tables: Tables): void {
    this.useTables(tables)
    this.#timer = setInterval(() => this.tick(), TICK_MS)
    this.#timer.unref()
  }

  /** Upstreams may have come, proxies in front, or friends on an allow list. */
  useTables(tables: Tables): void {
    this.#immunity.useTables(tables)
    this.#liftImmune()
  }

  useRules(rules: BanRules): void {
    if (JSON.stringify(rules) === JSON.stringify(this.#rules)) return
    this.#rules = rules
    this.#judge.use(rules)
    // They were made to be looked at, under other rules.
    for (const ban of this.#book.all()) if (ban.isWatched) this.#remove(ban)
  }

  /** Hears of bans and unbans from now on; `all` is what is banned already. */
  follow(listener: (change: BanChange) => void): void {
    this.#listeners.push(listener)
    const nowMs = this.#nowMs()
    const add = [...this.#book.all()].filter(({ isWatched }) => !isWatched).map((ban) => timedPrefix(ban, nowMs))
    if (add.length > 0) listener({ add })
  }

  noteAdminClient(address: string): void {
    this.#immunity.noteAdminClient(address, this.#nowMs())
  }

  /** Reads strikes, ends bans, and has connections closed. */
  tick(): void {
    const nowMs = this.#nowMs()
    const ended: Network[] = []
    this.#book.expire(nowMs, ENDS_PER_TICK_MAX, (ban) => {
      this.#options.table.delete(ban.network)
      if (!ban.isWatched) ended.push(ban.network)
      this.#store?.noteChange()
    })
    if (ended.length > 0) this.#tell({ remove: ended })
    this.#readStrikes(nowMs)
    this.#lines.sumUp(nowMs)
    this.#closeIfDue(nowMs)
  }

  #readStrikes(nowMs: number): void {
    const bans: Ban[] = []
    const take = (strike: Strike): void => {
      const { bans: made, displaced } = this.#judgeStrike(strike, nowMs)
      for (const ban of displaced) this.#noteDisplaced(ban)
      for (const ban of made) bans.push(ban)
    }
    let left = STRIKES_PER_TICK_MAX
    for (let i = 0; i < this.#readers.length && left > 0; i++) {
      // Another one is the first each time: a full ring does not keep the others waiting.
      left -= this.#readers[(this.#firstRing + i) % this.#readers.length].read(left, take)
    }
    this.#firstRing = (this.#firstRing + 1) % Math.max(1, this.#readers.length)
    this.#enforce(bans, nowMs)
  }

  #judgeStrike({ address, family, kind, serviceIndex }: Strike, nowMs: number): ReturnType<BanJudge['strike']> {
    const service = this.#options.serviceName(serviceIndex) ?? 'a service that is gone'
    return this.#judge.strike({ address, family, kind, service }, nowMs)
  }

  /** What stands in the book becomes true for the workers, here and now. */
  #enforce(bans: readonly Ban[], nowMs: number): void {
    if (bans.length === 0) return
    // One may have been displaced by those after it.
    const standing = bans.filter((ban) => this.#book.get(ban.network) === ban)
    // Before anybody can read of it.
    this.#hold(standing, nowMs)
    for (const ban of standing) {
      const counts = ban.isWatched ? this.#watchedByOrigin : this.#madeByOrigin
      counts[ban.origin]++
      this.#lines.banned(ban, nowMs)
    }
    this.#news?.banned(standing.filter(({ isWatched }) => !isWatched).map(storedOf))
  }

  #hold(bans: readonly Ban[], nowMs: number): void {
    for (const ban of bans) this.#write(ban, nowMs)
    const real = bans.filter(({ isWatched }) => !isWatched)
    if (real.length === 0) return
    this.#wantsClosing = true
    this.#store?.noteChange()
    this.#tell({ add: real.map((ban) => timedPrefix(ban, nowMs)) })
    this.#closeIfDue(nowMs)
  }

  /** The table has room for as many as the book. */
  #write({ network, untilMs, isWatched }: Ban, nowMs: number): void {
    this.#options.table.set(network, monotonicMs() + (untilMs - nowMs), isWatched)
  }

  #closeIfDue(nowMs: number): void {
    if (!this.#wantsClosing || nowMs - this.#closedAtMs < CLOSE_EVERY_MS) return
    this.#wantsClosing = false
    this.#closedAtMs = nowMs
    this.#options.closeBanned()
  }

  #noteDisplaced(ban: Ban): void {
    this.#displaced++
    this.#lines.displaced(1)
    this.#options.table.delete(ban.network)
    if (!ban.isWatched) this.#tell({ remove: [ban.network] })
  }

  #remove(ban: Ban): void {
    this.#book.remove(ban.network)
    this.#options.table.delete(ban.network)
  }

  #liftImmune(): void {
    const nowMs = this.#nowMs()
    const lifted = [...this.#book.all()].filter(({ network }) => this.#immunity.of(network, nowMs) !== undefined)
    this.#lift(lifted, 'tidegate', 'never banned by the configuration of now')
  }

  #lift(bans: readonly Ban[], by: string, why: string): void {
    if (bans.length === 0) return
    for (const ban of bans) this.#remove(ban)
    this.#tell({ remove: bans.filter(({ isWatched }) => !isWatched).map(({ network }) => network) })
    this.#lines.unbanned(bans, by, why)
    this.#store?.noteChange()
  }

  #tell(change: BanChange): void {
    for (const listener of this.#listeners) listener(change)
  }

  /** Bans what operators named, all workers at once; what can't be banned is left out, with the reason. */
  async add(asked: AskedBans, by: string): Promise<BansByHand> {
    const nowMs = this.#nowMs()
    const untilMs = nowMs + asked.ttlMs
    const refused: RefusedPrefix[] = []
    const bans: Ban[] = []
    for (const prefix of asked.prefixes) {
      const read = parseBanned(prefix)
      const why = read.ok ? whyNotByHand(read.value, asked.force, this.#immunity, nowMs) : read.problem
      if (!read.ok || why !== undefined) {
        refused.push({ prefix, why: why ?? '' })
        continue
      }
      const rest = { origin: 'manual', sinceMs: nowMs, untilMs, why: asked.comment, by, repeated: 0 } as const
      const ban = makeBan(read.value, { ...rest, isWatched: false })
      const { taken, displaced } = this.#book.put(ban)
      if (displaced !== undefined) this.#noteDisplaced(displaced)
      if (taken) bans.push(ban)
      else refused.push({ prefix, why: `finds no room: operators have banned ${this.#rules.max} (protect.bans.max)` })
    }
    this.#enforce(bans, nowMs)
    return { changed: bans.map(({ text }) => text), refused, stored: bans.length === 0 || (await this.#storeNow()) }
  }

  /** An upstream has seen that this client misbehaves: the one source is banned, for no longer than strikes ban. */
  signal(signal: BanSignal): SignalledBan {
    const nowMs = this.#nowMs()
    const outcome = judgeSignal(signal, { book: this.#book, immunity: this.#immunity, rules: this.#rules, nowMs })
    if (outcome.displaced !== undefined) this.#noteDisplaced(outcome.displaced)
    if (outcome.kind === 'banned' && outcome.isNew) this.#enforce([outcome.ban], nowMs)
    return outcome
  }

  /** Ends the bans of exactly these prefixes. */
  async remove(prefixes: readonly string[], by: string): Promise<BansByHand> {
    const refused: RefusedPrefix[] = []
    const bans: Ban[] = []
    for (const prefix of prefixes) {
      const read = parseBanned(prefix)
      const ban = read.ok ? this.#book.get(read.value) : undefined
      if (ban !== undefined) {
        bans.push(ban)
        this.#remove(ban)
      } else refused.push({ prefix, why: read.ok ? this.#whyNotRemoved(read.value) : read.problem })
    }
    this.#lift(bans, by, 'by hand')
    this.#news?.unbanned(bans.map(({ text }) => text))
    return { changed: bans.map(({ text }) => text), refused, stored: bans.length === 0 || (await this.#storeNow()) }
  }

  #whyNotRemoved(network: Network): string {
    const covering = this.#book.covering(network).map(({ text }) => text)
    return covering.length === 0 ? 'is not banned' : `is not banned by itself, but with ${covering.join(' and ')}`
  }

  /** Ends all bans, or all of one origin; returns how many there were. */
  async flush(origin: BanOrigin | undefined, by: string): Promise<{ bans: number; stored: boolean }> {
    const bans = [...this.#book.all()].filter((ban) => origin === undefined || ban.origin === origin)
    this.#lift(bans, by, 'flushed')
    this.#news?.unbanned(bans.map(({ text }) => text))
    return { bans: bans.length, stored: bans.length === 0 || (await this.#storeNow()) }
  }

  /** Newest first. Workers let in who is banned no more before the next tick: it is not listed either. */
  list(bansMax: number, origin?: BanOrigin): readonly Ban[] {
    const nowMs = this.#nowMs()
    const isListed = (ban: Ban) => ban.untilMs > nowMs && (origin === undefined || ban.origin === origin)
    return [...this.#book.all()].filter(isListed).reverse().slice(0, bansMax)
  }

  /** The bans that an address or prefix is under, widest first. */
  covering(network: Network): readonly Ban[] {
    return this.#book.covering(network).filter(({ untilMs }) => untilMs > this.#nowMs())
  }

  view(): BansView {
    return {
      total: this.#book.active,
      active: this.#book.realByOrigin,
      made: this.#madeByOrigin,
      watched: this.#watchedByOrigin,
      displaced: this.#displaced + this.#judge.notTaken,
      spared: this.#judge.spared,
      sourcesForgotten: this.#judge.counts.displaced,
    }
  }

  async #storeNow(): Promise<boolean> {
    return this.#store === undefined ? false : await this.#store.write()
  }

  /** What is banned now is on the disk when it resolves. */
  async store(): Promise<void> {
    if (this.#store !== undefined) await this.#store.write()
  }

  /** Tells of each ban from now on, beside what `store` then writes. Nobody who was told before is told any more. */
  tellOf(news: BanNews): void {
    this.#news = news
  }

  /** Bans of another process of this node hold here too. `isNews`: who listens to this one has not heard of them. */
  adopt(bans: readonly Ban[], isNews: boolean): void {
    const nowMs = this.#nowMs()
    const taken: Ban[] = []
    for (const read of bans) {
      const ban = this.#bounded(read, nowMs)
      const known = this.#book.get(ban.network)
      const isOld = known !== undefined && !known.isWatched && known.sinceMs >= ban.sinceMs
      if (isOld || ban.untilMs <= nowMs || this.#immunity.of(ban.network, nowMs) !== undefined) continue
      const result = this.#book.put(ban)
      if (result.displaced !== undefined) this.#noteDisplaced(result.displaced)
      if (result.taken) taken.push(ban)
    }
    this.#hold(
      taken.filter((ban) => this.#book.get(ban.network) === ban),
      nowMs,
    )
    if (isNews && taken.length > 0) this.#news?.banned(taken.map(storedOf))
  }

  /** Somebody has taken them back where the file is. */
  drop(prefixes: readonly string[]): void {
    const networks = prefixes.map((prefix) => parseBanned(prefix)).filter((read) => read.ok)
    const bans = networks.map(({ value }) => this.#book.get(value)).filter((ban) => ban !== undefined)
    this.#lift(bans, 'tidegate', 'taken back before the upgrade')
  }

  /** The version before writes the file no more. */
  takeOver(): void {
    this.#store?.takeOver()
  }

  /** The next version answers operators. */
  get isLeft(): boolean {
    return this.#isLeft
  }

  /** The next version has the file when it resolves. Strikes of the connections that stay are judged here all the same. */
  async leave(): Promise<void> {
    this.#isLeft = true
    await this.#store?.close()
  }

  /** After the workers have ended: who struck with its last breath is banned, too. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    this.#readStrikes(this.#nowMs())
    await this.#store?.close()
  }

  #toStore(): readonly Ban[] {
    return [...this.#book.remembered()].filter(({ isWatched }) => !isWatched)
  }

  /** A clock that was wrong when the file was written may not ban anybody for longer than the rules would. */
  #bounded(ban: Ban, nowMs: number): Ban {
    const latestMs = ban.origin === 'manual' ? Infinity : nowMs + this.#rules.ttlMaxMs
    return { ...ban, untilMs: Math.min(ban.untilMs, latestMs) }
  }

  #restore(stored: readonly Ban[]): void {
    const nowMs = this.#nowMs()
    for (const read of stored) {
      const ban = this.#bounded(read, nowMs)
      if (ban.untilMs <= nowMs) {
        if (ban.origin !== 'manual') this.#book.remember(ban)
        continue
      }
      const { taken, displaced } = this.#book.put(ban)
      if (displaced !== undefined) this.#options.table.delete(displaced.network)
      if (taken) this.#write(ban, nowMs)
    }
    const bans = this.#book.active
    if (this.#options.file !== undefined) this.#lines.read(bans, this.#options.file.path)
  }
}

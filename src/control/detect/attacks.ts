/**
 * Attacks while the node runs: reads who comes from the workers' rings, looks at each service once a second, says in
 * shared memory where the stricter budgets hold, and keeps a record of each attack.
 */
import { steadyMs } from '../../lib/clock.ts'
import { NewcomersReader } from '../../traffic/admit/newcomers.ts'
import { ALERT, SourceTable } from '../../traffic/admit/source-table.ts'
import { SOURCE } from '../../traffic/admit/source-key.ts'
import { WORKER_STRIDE } from '../../traffic/counters.ts'
import type { Tables } from '../../traffic/tables.ts'
import type { Bans } from '../bans/bans.ts'
import type { Config } from '../config/config.ts'
import type { Log } from '../log/log.ts'
import type { SharedMemory } from '../workers/shared-memory.ts'
import type { AttackKind } from './attack-kinds.ts'
import { ATTACKS_MAX, type AttackFiles, type StoredAttacks } from './attack-files.ts'
import { sayAttackEnded, sayAttackStarted } from './attack-lines.ts'
import { AttackStore } from './attack-store.ts'
import type { AsnOf, AttackEnd, AttackRecord } from './attack.ts'
import type { CalmMinutes } from './calm.ts'
import { type BusySource, sourceBytes, type SourceSpan, sourceText } from './visitors.ts'
import { WatchedService } from './watched-service.ts'

const TICK_MS = 50
const LOOK_EVERY_MS = 1000
/** In one tick over all workers: 320,000 a second. What is too much for us is left out of the rings. */
const NEWCOMERS_PER_TICK_MAX = 16_000
/** Of an attack under way so much is lost in a crash. */
const STORE_EVERY_LOOKS = 10
const STORE_CALM_EVERY_LOOKS = 600
/** Those of removed services too; who has not been watched for longest is forgotten. */
export const CALM_SERVICES_MAX = 2_000

export interface AttacksOptions {
  readonly memory: SharedMemory
  readonly log: Log
  /** Without them nothing survives a restart; for tests. */
  readonly files?: AttackFiles | undefined
  readonly stored?: StoredAttacks
  readonly bans: Pick<Bans, 'view'>
  readonly asnOf?: AsnOf
}

/** A row of `tidegate top`. */
export interface TopSource {
  readonly service: string
  readonly source: string
  /** 0 also where the service does not count sources. */
  readonly open: number
  readonly newPerSecond: number
  readonly refusedPerSecond: number
}

export class Attacks {
  readonly #options: AttacksOptions
  readonly #sources: SourceTable
  readonly #readers: readonly NewcomersReader[]
  readonly #asnOf: AsnOf
  readonly #watched = new Map<number, WatchedService>()
  /** Of names that are not, or no longer, watched too. */
  readonly #calm: Map<string, CalmMinutes>
  #records: AttackRecord[]
  readonly #store: AttackStore | undefined
  readonly #totals = new Map<string, number>()
  #timer: NodeJS.Timeout | undefined
  #lookedAtMs = performance.now()
  #looks = 0
  #firstRing = 0
  #nextId: number
  #hasLeft = false

  constructor(options: AttacksOptions) {
    this.#options = options
    this.#asnOf = options.asnOf ?? (() => undefined)
    const { memory, files, stored, log } = options
    this.#sources = new SourceTable(memory.sourceMemory, new Float64Array(WORKER_STRIDE))
    this.#readers = memory.workers.map(({ newcomersMemory }) => new NewcomersReader(newcomersMemory))
    this.#calm = new Map(stored?.calm)
    this.#records = [...(stored?.records ?? [])]
    this.#nextId = Math.max(0, ...this.#records.map(({ id }) => id)) + 1
    this.#store = files && new AttackStore(files, log, { records: () => this.list(), calm: () => this.#calmNow() })
  }

  /** Before the listeners open. */
  start(config: Config, tables: Tables): void {
    this.#closeLeftOpen()
    this.use(config, tables)
    this.#lookedAtMs = performance.now()
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
    this.#timer.unref()
  }

  /** Whoever ended without a word has ended the watch too, and who hands over leaves the last word to us. */
  #closeLeftOpen(): void {
    const open = this.#records.filter(({ end }) => end === null)
    if (open.length === 0) return
    this.#records = this.#records.map((record) => (record.end === null ? closed(record) : record))
    for (const record of open) sayAttackEnded(this.#options.log, closed(record))
    void this.#store?.write({ attacks: true })
  }

  /** Services may have come and gone, or want something else. */
  use(config: Config, tables: Tables): void {
    const gone = new Set(this.#watched.keys())
    for (const service of tables.services) {
      const own = config.services.find(({ name }) => name === service.name)?.protect.attack
      if (own === undefined) continue
      gone.delete(service.index)
      const known = this.#watched.get(service.index)
      if (known === undefined) {
        const calm = this.#calm.get(service.name)
        this.#watched.set(service.index, new WatchedService(service, own, this.#options.memory, calm))
      } else known.use(service, own)
      if (own.mode === 'off') this.#end(service.index, 'off')
      this.#setBudgets(service.index)
    }
    for (const index of gone) {
      this.#end(index, 'service-removed')
      this.#keepCalm(this.#watched.get(index))
      this.#watched.delete(index)
    }
  }

  #tick(): void {
    this.#readNewcomers()
    const nowMs = performance.now()
    if (nowMs - this.#lookedAtMs < LOOK_EVERY_MS) return
    // Steady seconds; after a stall the next one begins now.
    this.#lookedAtMs = nowMs - this.#lookedAtMs < 2 * LOOK_EVERY_MS ? this.#lookedAtMs + LOOK_EVERY_MS : nowMs
    this.#looks++
    for (const index of this.#watched.keys()) this.#look(index)
    this.#storeIfDue()
  }

  #readNewcomers(): void {
    let left = NEWCOMERS_PER_TICK_MAX
    for (let i = 0; i < this.#readers.length && left > 0; i++) {
      left -= this.#readers[(this.#firstRing + i) % this.#readers.length].read(left, this.#takeNewcomer)
    }
    // Another worker's ring comes first next time.
    this.#firstRing++
  }

  readonly #takeNewcomer = (index: number, family: 4 | 6, high: number, low: number, isRefused: boolean): void => {
    this.#watched.get(index)?.visitors.take(family, high, low, isRefused)
  }

  #look(index: number): void {
    const watched = this.#watched.get(index)!
    const verdict = watched.look()
    if (verdict?.kind === 'started') this.#begin(index, verdict.by)
    if (verdict?.kind === 'ended') this.#end(index, verdict.why)
  }

  #begin(index: number, kind: AttackKind): void {
    const watched = this.#watched.get(index)!
    watched.begin(this.#nextId++, kind, this.#bansMade(), steadyMs())
    this.#setBudgets(index)
    const key = `${watched.service.name} ${kind}`
    this.#totals.set(key, (this.#totals.get(key) ?? 0) + 1)
    const record = this.#recordOf(watched)
    if (record !== undefined) sayAttackStarted(this.#options.log, record)
    void this.#store?.write({ attacks: true })
  }

  #end(index: number, ended: AttackEnd): void {
    const record = this.#watched.get(index)?.end(ended, this.#bansMade(), steadyMs(), this.#asnOf)
    this.#setBudgets(index)
    if (record === undefined) return
    this.#records = [...this.#records, record].slice(-ATTACKS_MAX)
    sayAttackEnded(this.#options.log, record)
    void this.#store?.write({ attacks: true })
  }

  #setBudgets(index: number): void {
    const watched = this.#watched.get(index)
    const mode = watched?.config.mode ?? 'off'
    const isAttack = mode !== 'off' && watched?.attack !== undefined
    this.#sources.setAlert(index, isAttack ? ALERT.attack : mode === 'on' ? ALERT.forced : ALERT.none)
  }

  /** Of the node since its start. */
  #bansMade(): number {
    return Object.values(this.#options.bans.view().made).reduce((sum, bans) => sum + bans, 0)
  }

  #recordOf(watched: WatchedService): AttackRecord | undefined {
    return watched.record(this.#bansMade(), steadyMs(), this.#asnOf)
  }

  #storeIfDue(): void {
    const isUnderWay = [...this.#watched.values()].some(({ attack }) => attack !== undefined)
    if (isUnderWay && this.#looks % STORE_EVERY_LOOKS === 0) void this.#store?.write({ attacks: true })
    if (this.#looks % STORE_CALM_EVERY_LOOKS === 0) void this.#store?.write({ calm: true })
  }

  /** The oldest first; those under way last. */
  list(): readonly AttackRecord[] {
    const underWay = [...this.#watched.values()].map((watched) => this.#recordOf(watched))
    return [...this.#records, ...underWay.filter((record) => record !== undefined)].slice(-ATTACKS_MAX)
  }

  find(id: number): AttackRecord | undefined {
    return this.list().find((record) => record.id === id)
  }

  watched(): readonly WatchedService[] {
    return [...this.#watched.values()]
  }

  /** Attacks that were called since the start. */
  calledBy(service: string, kind: AttackKind): number {
    return this.#totals.get(`${service} ${kind}`) ?? 0
  }

  isUnderAttack(serviceIndex: number): boolean {
    return this.#watched.get(serviceIndex)?.attack !== undefined
  }

  /** The busiest of the last seconds, of one service or all, the busiest first. */
  top(span: SourceSpan, most: number, service?: string): TopSource[] {
    return this.watched()
      .filter((watched) => service === undefined || watched.service.name === service)
      .flatMap((watched) => this.#topOf(watched, span, most))
      .sort((a, b) => b.newPerSecond - a.newPerSecond)
      .slice(0, most)
  }

  #topOf({ service, visitors }: WatchedService, span: SourceSpan, most: number): TopSource[] {
    const { sources, perSecond } = visitors.busiest(span, most)
    return sources.map((source) => ({
      service: service.name,
      source: sourceText(source, span),
      open: this.#openOf(service.index, source, span),
      newPerSecond: source.seen * perSecond,
      refusedPerSecond: source.refused * perSecond,
    }))
  }

  #openOf(serviceIndex: number, source: BusySource, span: SourceSpan): number {
    return this.#sources.openOf(serviceIndex, SOURCE[span], sourceBytes(source), 0, source.family)
  }

  #keepCalm(watched: WatchedService | undefined): void {
    if (watched?.detector.calm.isKnown !== true) return
    const { name } = watched.service
    // Always the last one, so that those come first that have not been watched for longest.
    this.#calm.delete(name)
    this.#calm.set(name, watched.detector.calm.minutes)
    const [oldest] = this.#calm.keys()
    if (this.#calm.size > CALM_SERVICES_MAX) this.#calm.delete(oldest)
  }

  #calmNow(): ReadonlyMap<string, CalmMinutes> {
    for (const watched of this.#watched.values()) this.#keepCalm(watched)
    return this.#calm
  }

  /** What is known now is on the disk when it resolves. */
  async store(): Promise<void> {
    await this.#store?.write({ attacks: true, calm: true })
  }

  /** The next version has the files from now on, and closes the records. Budgets stay as they are for clients that still come. */
  leave(): void {
    clearInterval(this.#timer)
    this.#store?.leave()
    this.#hasLeft = true
  }

  async close(): Promise<void> {
    if (this.#hasLeft) return
    clearInterval(this.#timer)
    for (const index of this.#watched.keys()) this.#end(index, 'restart')
    await this.store()
    this.#store?.leave()
  }
}

function closed(record: AttackRecord): AttackRecord {
  return { ...record, end: record.updated, ended: 'restart' }
}

/**
 * Brings our table into the kernel and keeps it there as it should be: changes in batches, one nft at a time; all of it
 * anew after a failure, or when somebody else flushed it. Nothing waits for it.
 *
 *   idle ─▶ active ⇄ refused      left: the next version, or the next start, finds the table as it is
 */
import { setTimeout as delay } from 'node:timers/promises'
import { NftError, type RunNft } from '../../kernel/nftables.ts'
import { monotonicMs } from '../../lib/clock.ts'
import type { Listener } from '../../traffic/tables.ts'
import type { Log } from '../log/log.ts'
import { DropCounts } from './drop-counts.ts'
import type { FirewallConfig } from './firewall-config.ts'
import { sayActive, sayLeftover, sayRefused, sayRestored, sayWithout } from './firewall-lines.ts'
import type { FirewallState, FirewallView } from './firewall-view.ts'
import { handshakeFor } from './handshake.ts'
import { changeScript, FIREWALL_RULE_NAMES, pidOfChain, type RulesetPlan, tableScript } from './ruleset.ts'
import { TableLock } from './table-lock.ts'
import { TableWatch } from './table-watch.ts'
import type { WantedSources } from './wanted-sources.ts'

export interface TableKeeperOptions {
  readonly config: FirewallConfig
  readonly log: Log
  readonly sources: WantedSources
  readonly run: RunNft
  readonly hasPredecessor: boolean
  readonly pollMs: number | undefined
}

/** What comes within this time goes in one batch. */
const BATCH_MS = 20
const POLL_MS = 5_000
const RETRY_MS = 1_000
const RETRY_MS_MAX = 60_000
/** Somebody has to install a program or give a right. */
const RETRY_HOPELESS_MS = 300_000
/** The version before lets go right after we are ready. */
const HANDOVER_RETRY_MS = 250
const HANDOVER_TIMEOUT_MS = 60_000
/** By then it has taken the lock, if it wants that table at all. */
const HANDOVER_GRACE_MS = 5_000
/** nft may be stuck behind another program that fills a large table. */
const CLOSE_TIMEOUT_MS = 10_000
const START_TIMEOUT_MS = 3_000
/** In one transaction. */
const ELEMENTS_PER_BATCH = 50_000
/** Where a container may not enlarge its socket buffer, a transaction has to fit in 208 KiB. */
const ELEMENTS_PER_SMALL_BATCH = 1_000
const OPTIONAL_PARTS = ['synproxy', 'dropInvalid', 'synRate'] as const
type OptionalPart = (typeof OPTIONAL_PARTS)[number]

export class TableKeeper {
  readonly #config: FirewallConfig
  readonly #log: Log
  readonly #sources: WantedSources
  readonly #run: RunNft
  readonly #giveUp = new AbortController()
  readonly #lock: TableLock
  readonly #pollMs: number
  #listeners: readonly Listener[] = []
  #state: FirewallState = { kind: 'idle' }
  /** The kernel's table is not what it should be: the next turn makes it anew. */
  #isStale = true
  /** A table of ours is in the kernel, whatever is in it. */
  #isMade = false
  /** A table may be there from a version, or a crash, before. */
  #mayBeLeft: boolean
  readonly #handoverUntilMs: number
  #handingOver: Promise<void> | undefined
  #handedOverAtMs: number | undefined
  #elementsPerBatch = ELEMENTS_PER_BATCH
  #failures = 0
  #notBeforeMs = 0
  #timer: NodeJS.Timeout | undefined
  #timerAtMs = Infinity
  #working: Promise<void> | undefined
  #isClosed = false
  #whyNot: string | undefined
  readonly #watch: TableWatch
  #wasFoundBroken = false
  #restored = 0
  #withouts = new Map<OptionalPart, string>()
  readonly #dropped = new DropCounts()

  constructor({ config, log, sources, run, hasPredecessor, pollMs = POLL_MS }: TableKeeperOptions) {
    this.#config = config
    this.#log = log
    this.#sources = sources
    this.#run = (args, script) => run(args, script, this.#giveUp.signal)
    this.#lock = new TableLock(config.table)
    this.#pollMs = pollMs
    this.#watch = new TableWatch({ run: this.#run, table: config.table, pollMs, dropped: this.#dropped })
    this.#mayBeLeft = hasPredecessor
    this.#handoverUntilMs = hasPredecessor ? monotonicMs() + HANDOVER_TIMEOUT_MS : 0
    if (config.mode === 'off') this.#state = { kind: 'off' }
  }

  /**
   * Looks whether a crash left a table behind. Where nft or rights are missing there is nothing of ours, and no word yet.
   * An nft that takes its time holds up nobody: what it finds is looked after later.
   */
  async start(): Promise<void> {
    if (process.platform !== 'linux') return
    const timer = new AbortController()
    const isLate = delay(START_TIMEOUT_MS, undefined, { signal: timer.signal }).catch(() => {})
    await Promise.race([this.#findLeftover(), isLate])
    timer.abort()
  }

  async #findLeftover(): Promise<void> {
    if (!this.#mayBeLeft) this.#mayBeLeft = await this.#isOursThere().catch(() => false)
    if (!this.#mayBeLeft) return
    this.wake()
    if (this.#handoverUntilMs === 0) await this.#work()
  }

  async #isOursThere(): Promise<boolean> {
    return (await this.#watch.owner()) === 'tidegate'
  }

  useListeners(listeners: readonly Listener[]): void {
    const isSame = JSON.stringify(listeners) === JSON.stringify(this.#listeners)
    this.#listeners = listeners
    if (!isSame) this.#isStale = true
    this.wake()
  }

  wake(): void {
    if (this.#isNeeded() || this.#mayBeLeft || this.#state.kind === 'active') this.#schedule(BATCH_MS)
  }

  /** Until it is taken back by `undefined`. */
  refuse(why: string | undefined): void {
    if (this.#whyNot === why) return
    this.#whyNot = why
    this.#isStale = true
    this.wake()
  }

  #isNeeded(): boolean {
    const { mode, synsPerSecond, dropInvalid, synproxy } = this.#config
    if (mode === 'off') return false
    return this.#sources.hasRefused || synsPerSecond > 0 || dropInvalid || synproxy
  }

  #schedule(delayMs: number): void {
    if (this.#isClosed) return
    const atMs = Math.max(monotonicMs() + delayMs, this.#notBeforeMs)
    if (this.#timerAtMs <= atMs) return
    clearTimeout(this.#timer)
    this.#timerAtMs = atMs
    this.#timer = setTimeout(() => void this.#work(), Math.max(0, atMs - monotonicMs()))
    this.#timer.unref()
  }

  async #work(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timerAtMs = Infinity
    if (this.#isClosed || this.#working !== undefined) return
    this.#working = this.#turn()
    await this.#working
    this.#working = undefined
    this.#scheduleNext()
  }

  #scheduleNext(): void {
    if (this.#mayBeLeft) this.#schedule(HANDOVER_RETRY_MS)
    else if (this.#isNeeded() && (this.#isStale || this.#sources.hasChanges)) this.#schedule(BATCH_MS)
    else if (this.#state.kind === 'active') this.#schedule(this.#pollMs)
    else if (this.#state.kind === 'refused') this.#state = { kind: 'idle' }
  }

  /** Never rejects. */
  async #turn(): Promise<void> {
    try {
      this.#sources.settle(monotonicMs())
      if (this.#isNeeded() || this.#state.kind === 'active') await this.#bringUp()
      else if (this.#mayBeLeft) await this.#removeLeftover()
    } catch (error) {
      await this.#fail(error as Error)
    }
  }

  async #bringUp(): Promise<void> {
    if (this.#whyNot !== undefined) throw new NftError('refused', this.#whyNot)
    if (!(await this.#takeLock())) return
    this.#mayBeLeft = false
    if (this.#isStale) await this.#make()
    else if (this.#sources.hasChanges) await this.#run(['-f', '-'], this.#takeChanges())
    if (this.#watch.isDue) await this.#look()
    this.#failures = 0
  }

  async #removeLeftover(): Promise<void> {
    if (!(await this.#isOursThere())) this.#mayBeLeft = false
    else if (await this.#lock.take()) {
      await this.#removeTable()
      await this.#lock.release()
      sayLeftover(this.#log, this.#config.table)
      this.#mayBeLeft = false
      // Another daemon that lives: its table is none of our business.
    } else if (monotonicMs() > this.#handoverUntilMs) this.#mayBeLeft = false
  }

  async #takeLock(): Promise<boolean> {
    if (await this.#lock.take()) return true
    // The version before still has it, for a moment.
    if (monotonicMs() < this.#handoverUntilMs) {
      this.#mayBeLeft = true
      return false
    }
    const { table } = this.#config
    const pid = (await this.#watch.ownChains()).map(pidOfChain).find((found) => found !== undefined)
    const who = pid === undefined ? '' : ` (pid ${pid})`
    const why = `table inet ${table} belongs to another Tidegate that runs${who}; give this one its own with protect.firewall.table`
    throw new NftError('refused', why)
  }

  /** All of it anew, in one transaction: packets meet the old table or the new one, never none. */
  async #make(): Promise<void> {
    // A firewall in `inet filter`, say: ours would take its place.
    if (!this.#isMade && (await this.#watch.owner()) === 'another') {
      const why = `table inet ${this.#config.table} was not made by Tidegate; give ours another name with protect.firewall.table`
      throw new NftError('refused', why)
    }
    if (this.#state.kind === 'active') await this.#watch.count().catch(() => {})
    this.#withouts.clear()
    const { handshake, why } = this.#config.synproxy ? handshakeFor() : { handshake: undefined, why: undefined }
    if (why !== undefined) this.#goWithout('synproxy', why)
    for (;;) {
      this.#sources.startOver()
      try {
        await this.#run(['-f', '-'], tableScript(this.#plan(handshake)) + this.#takeChanges())
        break
      } catch (error) {
        const part = OPTIONAL_PARTS.find((part) => this.#isOn(part) && !this.#withouts.has(part))
        if (!(error instanceof NftError) || !['refused', 'not-there'].includes(error.problem) || part === undefined) {
          throw error
        }
        this.#goWithout(part, error.message)
      }
    }
    this.#isStale = false
    this.#isMade = true
    this.#watch.startOver()
    this.#sayMade()
  }

  #sayMade(): void {
    const { table } = this.#config
    if (this.#wasFoundBroken) {
      this.#restored++
      sayRestored(this.#log, table)
    }
    this.#wasFoundBroken = false
    if (this.#state.kind === 'active') return
    this.#state = { kind: 'active', sinceMs: Date.now() }
    sayActive(this.#log, table)
  }

  #isOn(part: OptionalPart): boolean {
    return part === 'synRate' ? this.#config.synsPerSecond > 0 : this.#config[part]
  }

  #goWithout(part: OptionalPart, why: string): void {
    this.#withouts.set(part, why)
    sayWithout(this.#log, part, why)
  }

  #plan(handshake: RulesetPlan['handshake']): RulesetPlan {
    const config = {
      ...this.#config,
      synsPerSecond: this.#withouts.has('synRate') ? 0 : this.#config.synsPerSecond,
      dropInvalid: this.#config.dropInvalid && !this.#withouts.has('dropInvalid'),
    }
    return {
      config,
      listeners: this.#listeners,
      handshake: this.#withouts.has('synproxy') ? undefined : handshake,
      pid: process.pid,
    }
  }

  /** As many as go in one transaction; the rest comes with the next turn. */
  #takeChanges(): string {
    const nowMs = monotonicMs()
    let room = this.#elementsPerBatch
    let script = ''
    for (const set of this.#sources.sets) {
      const changes = set.takeChanges(nowMs, room)
      script += changeScript(this.#config.table, set.name, changes, nowMs)
      room -= changes.length
    }
    return script
  }

  /** Reads the counters, and whether the table is still as we left it. */
  async #look(): Promise<void> {
    const isWhole = await this.#watch.look(this.#sources.sets)
    this.#dropped.sayFresh(this.#log, monotonicMs())
    if (isWhole) return
    this.#wasFoundBroken = true
    this.#isStale = true
  }

  async #fail(failure: Error): Promise<void> {
    const problem = failure instanceof NftError ? failure.problem : 'refused'
    const wasMaking = this.#isStale
    this.#isStale = true
    this.#mayBeLeft &&= problem !== 'no-program' && problem !== 'no-rights'
    if (problem === 'too-long' && this.#elementsPerBatch > ELEMENTS_PER_SMALL_BATCH) {
      this.#elementsPerBatch = ELEMENTS_PER_SMALL_BATCH
      return
    }
    // One change that the kernel did not like: the whole table, made anew, has no such history.
    if (!wasMaking && this.#failures++ === 0) return
    const isHopeless = problem === 'no-program' || problem === 'no-rights'
    const retryMs = Math.min(RETRY_MS_MAX, RETRY_MS * 2 ** Math.min(this.#failures++, 10))
    this.#notBeforeMs = monotonicMs() + (isHopeless ? RETRY_HOPELESS_MS : retryMs)
    if (this.#config.mode === 'off') return
    // Old bans that can't be lifted are worse than none.
    if (this.#isMade && !isHopeless) await this.#removeTable().catch(() => {})
    const isNew = this.#state.kind !== 'refused' || this.#state.why !== failure.message
    this.#state = { kind: 'refused', why: failure.message }
    if (isNew) sayRefused(this.#log, failure.message)
  }

  async #removeTable(): Promise<void> {
    const { table } = this.#config
    await this.#run(['-f', '-'], `add table inet ${table}\ndelete table inet ${table}\n`)
    this.#isMade = false
  }

  view(): FirewallView {
    const { table, entriesMax } = this.#config
    const isOn = { ban: true, deny: true, 'syn-rate': this.#runs('synRate'), invalid: this.#runs('dropInvalid') }
    const rules = Object.fromEntries(
      FIREWALL_RULE_NAMES.map((rule) => {
        return [rule, { ...this.#dropped.of(rule), isOn: isOn[rule] }]
      }),
    ) as FirewallView['rules']
    return {
      state: this.#state,
      table,
      rules,
      sets: this.#sources.sets.map(({ name, sizeThere, displaced }) => {
        return { name, entries: sizeThere, entriesMax, displaced }
      }),
      restored: this.#restored,
      withouts: [...this.#withouts].map(([part, why]) => `${part}: ${why}`),
    }
  }

  #runs(part: OptionalPart): boolean {
    return this.#isOn(part) && !this.#withouts.has(part)
  }

  /** Takes as long as the nft that is at work; `close` waits for it, and not without end. */
  handOver(): Promise<void> {
    this.#handingOver = this.#handOver()
    return this.#handingOver
  }

  async #handOver(): Promise<void> {
    await this.#stop()
    await this.#lock.release()
    this.#handedOverAtMs = monotonicMs()
    if (this.#state.kind !== 'off') this.#state = { kind: 'left' }
  }

  async close(): Promise<void> {
    // Whoever stops us wants us to stop: what is left then is the next start's to remove.
    const timer = setTimeout(() => this.#giveUp.abort(), CLOSE_TIMEOUT_MS)
    await this.#leave()
    clearTimeout(timer)
  }

  async #leave(): Promise<void> {
    await this.#stop()
    await this.#handingOver
    // The next version may have another table name, or be gone: then it is ours to remove.
    if (this.#isMade && this.#handedOverAtMs !== undefined) {
      await this.#lock.takeBack(this.#handedOverAtMs + HANDOVER_GRACE_MS)
    }
    if (!this.#lock.isHeld) return
    if (this.#isMade && !this.#config.keep)
      await this.#removeTable().catch((error: Error) => sayRefused(this.#log, error.message))
    await this.#lock.release()
    this.#state = this.#config.keep ? { kind: 'left' } : { kind: 'idle' }
  }

  async #stop(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#timer)
    await this.#working
  }
}

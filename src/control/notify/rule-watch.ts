/**
 * What is told of one rule, and when: what begins and what ends, each once, what happens together in one message, and
 * the longer the less often. It knows no clock and no channel.
 *
 *   begins ─▶ told ─▶ ends ─▶ told       the same begins again: told when `gap` is over since it was told last
 *   one message ─▶ 2 s ─▶ the next one ─▶ 4 s ─▶ … ─▶ gap      of all that the rule is about, until it is quiet for a gap
 */
import { type Alarm, type Change, plainAlarm } from './message.ts'

/** What happens within is one message. */
export const GROUP_MS = 2_000
/** As many bytes of what is told are kept over a restart; the rest is told again. */
const STORED_BYTES_MAX = 12 * 1024
/** Of those that are over: their gap, and how often they came and went. */
const REMEMBERED_MAX = 1_000

/** Receivers believe that it is so. */
interface Told {
  readonly alarm: Alarm
  readonly sinceMs: number
}

/** As it is stored. */
export interface RuleState {
  readonly told: readonly (readonly [key: string, told: Told])[]
}

interface Past {
  toldAtMs: number
  cameAndWent: number
}

export class RuleWatch {
  readonly #gapMs: number
  readonly #told = new Map<string, Told>()
  readonly #now = new Map<string, Told>()
  readonly #past = new Map<string, Past>()
  #pendingSinceMs: number | undefined
  #sentAtMs = -Infinity
  #pauseMs = GROUP_MS
  /** Told before the start, and not seen since. Until then it is not called over: checks and means have to come first. */
  readonly #unseen = new Set<string>()
  readonly #graceUntilMs: number

  constructor(gapMs: number, state?: RuleState, graceUntilMs = -Infinity) {
    this.#gapMs = gapMs
    this.#graceUntilMs = graceUntilMs
    for (const [key, told] of state?.told ?? []) {
      this.#told.set(key, told)
      this.#unseen.add(key)
    }
  }

  /** What is wrong, as receivers know it. */
  get told(): readonly Told[] {
    return [...this.#told.values()]
  }

  state(): RuleState {
    const told: [string, Told][] = []
    let bytes = 0
    for (const one of this.#told) {
      bytes += Buffer.byteLength(JSON.stringify(one))
      if (bytes <= STORED_BYTES_MAX) told.push(one)
    }
    return { told }
  }

  /** Another pause; what is told stays. */
  withGap(gapMs: number): RuleWatch {
    const watch = new RuleWatch(gapMs, { told: [...this.#told] }, this.#graceUntilMs)
    for (const [key, now] of this.#now) watch.#now.set(key, now)
    for (const key of this.#told.keys()) if (!this.#unseen.has(key)) watch.#unseen.delete(key)
    for (const [key, past] of this.#past) watch.#past.set(key, past)
    watch.#sentAtMs = this.#sentAtMs
    watch.#pauseMs = Math.min(this.#pauseMs, gapMs)
    return watch
  }

  /** The changes to tell now; empty for none. They are told with that. */
  look(alarms: ReadonlyMap<string, Alarm>, nowMs: number): readonly Change[] {
    this.#note(alarms, nowMs)
    const began = [...this.#now].filter(([key]) => !this.#told.has(key) && this.#mayTellAgain(key, nowMs))
    const ended = [...this.#told].filter(([key]) => !this.#now.has(key) && !this.#mayComeBack(key, nowMs))
    if (began.length + ended.length === 0) {
      this.#pendingSinceMs = undefined
      return []
    }
    this.#pendingSinceMs ??= nowMs
    if (nowMs < this.#pendingSinceMs + GROUP_MS || nowMs < this.#sentAtMs + this.#pauseMs) return []
    this.#pauseMs = nowMs - this.#sentAtMs > this.#gapMs ? GROUP_MS : Math.min(this.#gapMs, this.#pauseMs * 2)
    this.#sentAtMs = nowMs
    this.#pendingSinceMs = undefined
    return [
      ...began.map(([key, one]) => this.#begin(key, one, nowMs)),
      ...ended.map(([key, one]) => this.#end(key, one, nowMs)),
    ]
  }

  #note(alarms: ReadonlyMap<string, Alarm>, nowMs: number): void {
    for (const [key, alarm] of alarms) {
      const known = this.#now.get(key)
      const sinceMs = known?.sinceMs ?? this.#told.get(key)?.sinceMs ?? nowMs
      // What it is like now is told, not what it was like at first.
      this.#now.set(key, { alarm, sinceMs })
      this.#unseen.delete(key)
    }
    for (const key of this.#now.keys()) {
      if (alarms.has(key)) continue
      this.#now.delete(key)
      const past = this.#past.get(key)
      if (past !== undefined && !this.#told.has(key)) past.cameAndWent++
    }
    if (this.#past.size <= REMEMBERED_MAX) return
    for (const [key, { toldAtMs }] of this.#past) if (nowMs - toldAtMs >= this.#gapMs) this.#past.delete(key)
  }

  #mayComeBack(key: string, nowMs: number): boolean {
    return nowMs < this.#graceUntilMs && this.#unseen.has(key)
  }

  #mayTellAgain(key: string, nowMs: number): boolean {
    const past = this.#past.get(key)
    return past === undefined || nowMs - past.toldAtMs >= this.#gapMs
  }

  #begin(key: string, { alarm: seen, sinceMs }: Told, nowMs: number): Change {
    const alarm = plainAlarm(seen)
    this.#told.set(key, { alarm, sinceMs })
    const cameAndWent = this.#past.get(key)?.cameAndWent ?? 0
    this.#past.set(key, { toldAtMs: nowMs, cameAndWent: 0 })
    const { over: _, ...rest } = alarm
    return { ...rest, kind: 'began', sinceMs, untilMs: null, cameAndWent }
  }

  #end(key: string, { alarm, sinceMs }: Told, nowMs: number): Change {
    this.#told.delete(key)
    const { over, ...rest } = alarm
    return { ...rest, kind: 'ended', summary: over, sinceMs, untilMs: nowMs, cameAndWent: 0 }
  }
}

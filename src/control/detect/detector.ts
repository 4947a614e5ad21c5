/**
 * Is this service under attack? Pure: one sample a second and the time in, a verdict out. docs/attacks.md states the rule.
 *
 *   learning ──learnFor──▶ calm ──startAfter seconds over, of twice as many──▶ under attack
 *      ▲                    ▲                                                     │
 *      │                    └────────────no second over for endAfter──────────────┤
 *      └──────────────────────it lasts for six hours: the new calm────────────────┘
 */
import { ATTACK_KIND_NAMES, type AttackKind, type Levels, levelsOf, type Sample } from './attack-kinds.ts'
import { Calm, type CalmMinutes } from './calm.ts'

/** When an attack is called and when it is over: `protect.attack`. */
export interface AttackThresholds {
  readonly startAfterMs: number
  readonly endAfterMs: number
  readonly learnForMs: number
  readonly factor: number
  readonly floors: {
    readonly newPerSecond: number
    readonly sources: number
    /** 0 to 1. */
    readonly unusedShare: number
  }
}

/** Parts can't be four times the calm for long: twice is plenty. */
const UNUSED_FACTOR = 2
/** A service that many people have found is no service under attack. */
export const NEW_CALM_AFTER_MS = 6 * 3_600_000
const SECOND_MS = 1000

export type Verdict =
  | { readonly kind: 'learning' | 'calm' | 'under-attack' }
  | { readonly kind: 'started'; readonly by: AttackKind }
  | { readonly kind: 'ended'; readonly why: 'calm' | 'new-calm' }

export class Detector {
  readonly calm: Calm
  #thresholds: AttackThresholds
  #learnUntilMs = 0
  readonly #overTimes: Record<AttackKind, number[]> = { 'connection-flood': [], distributed: [], unused: [] }
  #attack: { readonly sinceMs: number; readonly kinds: Set<AttackKind>; lastOverMs: number } | undefined

  constructor(thresholds: AttackThresholds, nowMs: number, stored?: CalmMinutes) {
    this.#thresholds = thresholds
    this.calm = new Calm(stored)
    this.begin(nowMs)
  }

  /** It is looked at from now on: what is not known to be calm has to be learned first. */
  begin(nowMs: number): void {
    this.#learnUntilMs = this.calm.isKnown ? nowMs : nowMs + this.#thresholds.learnForMs
  }

  /** Another configuration; what was learned stays. */
  use(thresholds: AttackThresholds): void {
    this.#thresholds = thresholds
  }

  isLearning(nowMs: number): boolean {
    return nowMs < this.#learnUntilMs
  }

  /** Beyond which a second is over. */
  get limits(): Levels {
    const { factor, floors } = this.#thresholds
    const calm = this.calm.levels
    return {
      'connection-flood': Math.max(floors.newPerSecond, factor * calm['connection-flood']),
      distributed: Math.max(floors.sources, factor * calm.distributed),
      unused: Math.max(floors.unusedShare, UNUSED_FACTOR * calm.unused),
    }
  }

  /** By which the attack that is under way was called so far, the first first. */
  get kinds(): readonly AttackKind[] {
    return [...(this.#attack?.kinds ?? [])]
  }

  /** Once a second. */
  look(sample: Sample, nowMs: number): Verdict {
    const levels = levelsOf(sample)
    const called = this.#called(levels, nowMs)
    if (this.#attack !== undefined) return this.#lookAtAttack(called, levels, nowMs)
    if (this.isLearning(nowMs)) {
      this.calm.learn(levels, this.#busySeconds)
      return { kind: 'learning' }
    }
    if (called.length === 0) {
      this.calm.learn(levels, this.#busySeconds)
      return { kind: 'calm' }
    }
    this.calm.dropMinute()
    this.#attack = { sinceMs: nowMs, kinds: new Set(called), lastOverMs: nowMs }
    return { kind: 'started', by: called[0] }
  }

  /** It is not looked at any more. */
  giveUp(): void {
    this.#attack = undefined
    for (const kind of ATTACK_KIND_NAMES) this.#overTimes[kind] = []
  }

  get #busySeconds(): number {
    return Math.max(1, Math.round(this.#thresholds.startAfterMs / SECOND_MS))
  }

  /** The kinds for which enough seconds were over. */
  #called(levels: Levels, nowMs: number): AttackKind[] {
    const limits = this.limits
    const sinceMs = nowMs - 2 * this.#thresholds.startAfterMs
    return ATTACK_KIND_NAMES.filter((kind) => {
      const times = this.#overTimes[kind].filter((atMs) => atMs > sinceMs)
      if (levels[kind] > limits[kind]) times.push(nowMs)
      this.#overTimes[kind] = times
      return times.length >= this.#busySeconds
    })
  }

  #lookAtAttack(called: readonly AttackKind[], levels: Levels, nowMs: number): Verdict {
    const attack = this.#attack!
    for (const kind of called) attack.kinds.add(kind)
    const limits = this.limits
    if (ATTACK_KIND_NAMES.some((kind) => levels[kind] > limits[kind])) attack.lastOverMs = nowMs
    if (nowMs - attack.lastOverMs >= this.#thresholds.endAfterMs) {
      this.giveUp()
      return { kind: 'ended', why: 'calm' }
    }
    if (nowMs - attack.sinceMs < NEW_CALM_AFTER_MS) return { kind: 'under-attack' }
    this.giveUp()
    this.calm.forget()
    this.begin(nowMs)
    return { kind: 'ended', why: 'new-calm' }
  }
}

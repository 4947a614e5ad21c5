/**
 * What a service does when nothing is wrong. Each calm minute leaves one number for each kind: the level that it reached
 * in as many seconds as would call an attack, so that no minute like it would. The calm is the median of the last
 * thirty: a short burst does not move it, and growth over hours takes it along.
 */
import { ATTACK_KIND_NAMES, type AttackKind, type Levels } from './attack-kinds.ts'

const SECONDS_PER_MINUTE = 60
export const CALM_MINUTES = 30
const NO_LEVELS: Levels = { 'connection-flood': 0, distributed: 0, unused: 0 }

/** The busy levels of minutes, oldest first; as it is stored. */
export type CalmMinutes = Readonly<Record<AttackKind, readonly number[]>>

export class Calm {
  #minutes: CalmMinutes = { 'connection-flood': [], distributed: [], unused: [] }
  #seconds: Levels[] = []
  #levels: Levels = NO_LEVELS

  constructor(stored?: CalmMinutes) {
    if (stored !== undefined) this.#minutes = lastOf(stored)
    this.#levels = this.#medians()
  }

  get levels(): Levels {
    return this.#levels
  }

  get minutes(): CalmMinutes {
    return this.#minutes
  }

  get isKnown(): boolean {
    return this.#minutes['connection-flood'].length > 0
  }

  /** `busySeconds`: how many call an attack. */
  learn(second: Levels, busySeconds: number): void {
    this.#seconds.push(second)
    if (this.#seconds.length < SECONDS_PER_MINUTE) return
    const seconds = this.#seconds
    this.#seconds = []
    this.#minutes = lastOf(perKind((kind) => [...this.#minutes[kind], busyLevel(seconds, kind, busySeconds)]))
    this.#levels = this.#medians()
  }

  /** The minute under way is not calm after all. */
  dropMinute(): void {
    this.#seconds = []
  }

  forget(): void {
    this.#seconds = []
    this.#minutes = perKind(() => [])
    this.#levels = NO_LEVELS
  }

  #medians(): Levels {
    return perKind((kind) => median(this.#minutes[kind]))
  }
}

function perKind<Value>(make: (kind: AttackKind) => Value): Record<AttackKind, Value> {
  return Object.fromEntries(ATTACK_KIND_NAMES.map((kind) => [kind, make(kind)])) as Record<AttackKind, Value>
}

function lastOf(minutes: CalmMinutes): CalmMinutes {
  return perKind((kind) => minutes[kind].slice(-CALM_MINUTES))
}

function busyLevel(seconds: readonly Levels[], kind: AttackKind, busySeconds: number): number {
  const highestFirst = seconds.map((levels) => levels[kind]).sort((a, b) => b - a)
  return highestFirst[Math.min(busySeconds, highestFirst.length) - 1]
}

function median(values: readonly number[]): number {
  if (values.length === 0) return 0
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

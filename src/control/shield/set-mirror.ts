/**
 * One set of the kernel as we know it: what should be in it, what is, and the difference. The kernel lets elements
 * expire by itself; we forget them at the same time, without a word to it.
 */

/** `refresh`: it may still be there with another end. */
export interface SetChange {
  readonly kind: 'add' | 'refresh' | 'remove'
  readonly text: string
  /** In the time of monotonicMs; Infinity stays. */
  readonly untilMs: number
}

/** The kernel's ends are whole seconds, rounded up: an element may outlast ours by that much. */
const KERNEL_LAG_MS = 2_000

export class SetMirror {
  readonly name: string
  readonly isTimed: boolean
  readonly #max: number
  readonly #wanted = new Map<string, number>()
  /** Goes on where it was: to begin anew would step over all that were deleted before, each time. */
  #oldestFirst = this.#wanted.keys()
  readonly #there = new Map<string, number>()
  readonly #unsettled = new Set<string>()
  #displaced = 0

  constructor(name: string, options: { readonly isTimed: boolean; readonly max: number }) {
    this.name = name
    this.isTimed = options.isTimed
    this.#max = options.max
  }

  /** How many should be in it. */
  get size(): number {
    return this.#wanted.size
  }

  /** How many are in it, as far as we know. */
  get sizeThere(): number {
    return this.#there.size
  }

  /** Of those, how many the kernel has not let expire yet. */
  lastingThere(nowMs: number): number {
    let lasting = 0
    for (const untilMs of this.#there.values()) if (untilMs > nowMs + KERNEL_LAG_MS) lasting++
    return lasting
  }

  isThere(text: string, nowMs: number): boolean {
    return (this.#there.get(text) ?? 0) > nowMs
  }

  /** How many were taken out, or not let in, because the set was full. */
  get displaced(): number {
    return this.#displaced
  }

  get isSettled(): boolean {
    return this.#unsettled.size === 0
  }

  /** The oldest goes where there is no room: under attack the newest matter most. */
  want(text: string, untilMs: number): void {
    if (this.#wanted.get(text) === untilMs) return
    // Set anew it becomes the youngest.
    this.#wanted.delete(text)
    if (this.#wanted.size >= this.#max) this.#displaceOldest()
    this.#wanted.set(text, untilMs)
    this.#unsettled.add(text)
  }

  #displaceOldest(): void {
    let oldest = this.#oldestFirst.next()
    if (oldest.done === true) oldest = (this.#oldestFirst = this.#wanted.keys()).next()
    if (oldest.done !== true) this.forget(oldest.value)
    this.#displaced++
  }

  forget(text: string): void {
    if (!this.#wanted.delete(text)) return
    if (this.#there.has(text)) this.#unsettled.add(text)
    else this.#unsettled.delete(text)
  }

  /** These and no others; what exceeds the room, at the end of the list, is left out, and counted with what was before. */
  wantAll(entries: readonly (readonly [text: string, untilMs: number])[], leftOut = 0): void {
    const fitting = new Map(entries.slice(0, this.#max))
    this.#displaced = leftOut + entries.length - fitting.size
    for (const text of this.#wanted.keys()) if (!fitting.has(text)) this.forget(text)
    for (const [text, untilMs] of fitting) this.want(text, untilMs)
  }

  /** The kernel's set is empty again. */
  startOver(): void {
    this.#there.clear()
    this.#unsettled.clear()
    for (const text of this.#wanted.keys()) this.#unsettled.add(text)
  }

  /** Forgets what has expired. True where something had. */
  sweep(nowMs: number): boolean {
    let found = false
    for (const [text, untilMs] of this.#wanted) {
      if (untilMs > nowMs) continue
      this.#wanted.delete(text)
      // A ban that was shortened, and the kernel has not heard of it yet.
      if ((this.#there.get(text) ?? 0) > nowMs) this.#unsettled.add(text)
      else this.#unsettled.delete(text)
      found = true
    }
    for (const [text, untilMs] of this.#there) {
      if (untilMs + KERNEL_LAG_MS > nowMs || this.#wanted.has(text)) continue
      this.#there.delete(text)
      this.#unsettled.delete(text)
    }
    return found
  }

  /** At most `room` of what is to change, which counts as done then; whoever fails to do it must `startOver`. */
  takeChanges(nowMs: number, room: number): SetChange[] {
    const changes: SetChange[] = []
    for (const text of this.#unsettled) {
      if (changes.length >= room) break
      this.#unsettled.delete(text)
      const untilMs = this.#wanted.get(text)
      const untilThereMs = this.#there.get(text)
      if (untilMs !== undefined && untilMs > nowMs) {
        if (untilMs === untilThereMs) continue
        changes.push({ kind: untilThereMs === undefined ? 'add' : 'refresh', text, untilMs })
        this.#there.set(text, untilMs)
        // One that has expired needs no word: whoever ends bans tells us of those as well.
      } else if (untilThereMs !== undefined && untilThereMs > nowMs) {
        changes.push({ kind: 'remove', text, untilMs: untilThereMs })
        this.#there.delete(text)
      }
    }
    return changes
  }
}

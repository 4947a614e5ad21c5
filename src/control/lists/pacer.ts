/** Lets others on control's thread have their turn in the midst of long work. */
import { setImmediate as nextTurn } from 'node:timers/promises'

/** Checks, answers and the log wait for no longer than this. */
const TURN_MS = 10
/** The clock is looked at once in so many steps. */
const STEPS_PER_LOOK = 256

export class Pacer {
  #steps = 0
  #turnStartedMs = performance.now()

  /** To be asked after each small step, or after several; true when it is time for `rest`. */
  isTired(steps = 1): boolean {
    this.#steps += steps
    if (this.#steps < STEPS_PER_LOOK) return false
    this.#steps = 0
    return performance.now() - this.#turnStartedMs > TURN_MS
  }

  async rest(): Promise<void> {
    await nextTurn()
    this.#turnStartedMs = performance.now()
  }
}

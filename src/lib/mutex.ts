/**
 * One thread at a time, among threads that share memory. Three values, so that nobody who holds it alone ever makes a
 * system call [Drepper, Futexes Are Tricky, section 5].
 */
const FREE = 0
const HELD = 1
const WAITED_FOR = 2

/** What it guards takes well below a microsecond; a holder that is off its core is slept for instead. */
const SPINS_MAX = 100

/** A turn of the scheduler on a busy machine. */
export const WAIT_MS = 10

export function lock(ints: Int32Array, at: number): void {
  for (let spins = 0; spins < SPINS_MAX; spins++) {
    if (Atomics.compareExchange(ints, at, FREE, HELD) === FREE) return
  }
  while (Atomics.exchange(ints, at, WAITED_FOR) !== FREE) Atomics.wait(ints, at, WAITED_FOR)
}

/**
 * Waits for so many times WAIT_MS; false when it was in vain. The holder may be off its core, or gone for good. Where the
 * whole process stood still (a paused machine, a quota that was used up), that is one wait, however long: the holder could
 * not go on either.
 */
export function lockWithin(ints: Int32Array, at: number, waitsMax: number): boolean {
  for (let spins = 0; spins < SPINS_MAX; spins++) {
    if (Atomics.compareExchange(ints, at, FREE, HELD) === FREE) return true
  }
  for (let waits = 0; waits <= waitsMax; waits++) {
    if (Atomics.exchange(ints, at, WAITED_FOR) === FREE) return true
    if (waits < waitsMax) Atomics.wait(ints, at, WAITED_FOR, WAIT_MS)
  }
  return false
}

/** False when another thread holds it. */
export function tryLock(ints: Int32Array, at: number): boolean {
  return Atomics.compareExchange(ints, at, FREE, HELD) === FREE
}

export function unlock(ints: Int32Array, at: number): void {
  if (Atomics.exchange(ints, at, FREE) === WAITED_FOR) Atomics.notify(ints, at, 1)
}

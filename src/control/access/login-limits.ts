/**
 * How often somebody may guess: after a few failures each further one makes the pause twice as long, for the address
 * (an IPv6 /64 is one) and for the account. From an address at which the user has logged in before, only what failed
 * there counts: nobody can lock an operator out of their own desk by guessing elsewhere.
 */
import { formatIp, parseIp } from '../../lib/ip.ts'
import { keyOf } from './memory-access-store.ts'

/** People mistype. */
export const FREE_FAILURES_PER_ADDRESS = 10
export const FREE_FAILURES_PER_ACCOUNT = 5
const FIRST_PAUSE_MS = 1_000
export const PAUSE_MS_MAX = 15 * 60_000
/** Nothing is remembered of failures after that. */
const FORGET_AFTER_MS = 24 * 3_600_000
/** In each table; the ones that failed longest ago go first. */
export const LOGIN_ENTRIES_MAX = 10_000

interface Failures {
  readonly count: number
  readonly lastMs: number
}

/** Bounded, in the order of the last failure. */
class FailureTable {
  readonly #failuresByKey = new Map<string, Failures>()
  readonly #free: number

  constructor(free: number) {
    this.#free = free
  }

  pauseMs(key: string, nowMs: number): number {
    const { count, lastMs } = this.#at(key, nowMs)
    if (count < this.#free) return 0
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** Math.min(count - this.#free, 30), PAUSE_MS_MAX)
    return Math.max(0, lastMs + pauseMs - nowMs)
  }

  note(key: string, nowMs: number): void {
    const { count } = this.#at(key, nowMs)
    this.#failuresByKey.delete(key)
    this.#failuresByKey.set(key, { count: count + 1, lastMs: nowMs })
    if (this.#failuresByKey.size > LOGIN_ENTRIES_MAX) this.clear(this.#failuresByKey.keys().next().value!)
  }

  takeBack(key: string): void {
    const found = this.#failuresByKey.get(key)
    if (found !== undefined) this.#failuresByKey.set(key, { ...found, count: Math.max(0, found.count - 1) })
  }

  clear(key: string): void {
    this.#failuresByKey.delete(key)
  }

  #at(key: string, nowMs: number): Failures {
    const found = this.#failuresByKey.get(key)
    return found !== undefined && found.lastMs + FORGET_AFTER_MS > nowMs ? found : { count: 0, lastMs: 0 }
  }
}

export interface Attempt {
  readonly name: string
  /** Whether there is such a user: guesses at names that nobody has can't push out what is known of those that exist. */
  readonly isKnown: boolean
  /** The user is logged in from that address, too: of before the start as well. */
  readonly hasSessionThere?: boolean
  readonly address: string
}

export class LoginLimits {
  readonly #nowMs: () => number
  readonly #addresses = new FailureTable(FREE_FAILURES_PER_ADDRESS)
  readonly #accounts = new FailureTable(FREE_FAILURES_PER_ACCOUNT)
  readonly #strangers = new FailureTable(FREE_FAILURES_PER_ACCOUNT)
  /** Of accounts at addresses they have logged in from. */
  readonly #atHome = new FailureTable(FREE_FAILURES_PER_ACCOUNT)
  /** `NAME SOURCE`, in the order of the last login. */
  readonly #familiar = new Set<string>()

  constructor(nowMs: () => number = Date.now) {
    this.#nowMs = nowMs
  }

  /**
   * How long this address may not try at all. 0 is now, and the try counts as a failure until something else is known:
   * many at once are counted one by one.
   */
  tryAddress(address: string): number {
    const nowMs = this.#nowMs()
    const pauseMs = this.#addresses.pauseMs(sourceOf(address), nowMs)
    if (pauseMs === 0) this.#addresses.note(sourceOf(address), nowMs)
    return pauseMs
  }

  /** False while the account is guessed at: even the right password is told to be wrong. Counts as above. */
  tryAccount(attempt: Attempt): boolean {
    const nowMs = this.#nowMs()
    const [table, key] = this.#accountOf(attempt)
    const isFree = table.pauseMs(key, nowMs) === 0
    table.note(key, nowMs)
    return isFree
  }

  /** It was neither a failure nor a success. */
  takeBack(attempt: Attempt): void {
    this.#addresses.takeBack(sourceOf(attempt.address))
    const [table, key] = this.#accountOf(attempt)
    table.takeBack(key)
  }

  noteSuccess(attempt: Attempt): void {
    this.#addresses.clear(sourceOf(attempt.address))
    this.#accounts.clear(keyOf(attempt.name))
    const key = familiarKey(attempt)
    this.#atHome.clear(key)
    this.#familiar.delete(key)
    this.#familiar.add(key)
    if (this.#familiar.size > LOGIN_ENTRIES_MAX) this.#familiar.delete(this.#familiar.values().next().value!)
  }

  /** Another password: whoever was paused for guessing at the old one may begin anew. */
  forgive(name: string): void {
    this.#accounts.clear(keyOf(name))
  }

  /** Where its failures are counted, and under which key. */
  #accountOf(attempt: Attempt): readonly [table: FailureTable, key: string] {
    const familiar = familiarKey(attempt)
    const isAtHome = attempt.hasSessionThere === true || this.#familiar.has(familiar)
    if (attempt.isKnown && isAtHome) return [this.#atHome, familiar]
    return [attempt.isKnown ? this.#accounts : this.#strangers, keyOf(attempt.name)]
  }
}

function familiarKey({ name, address }: Attempt): string {
  return `${keyOf(name)} ${sourceOf(address)}`
}

/** The address, or the /64 that one client of IPv6 has to itself. */
export function sourceOf(address: string): string {
  const bytes = parseIp(address.split('%', 1)[0])
  if (bytes === undefined) return address
  return formatIp(bytes.length === 16 ? bytes.fill(0, 8) : bytes)
}

/** The log lines about bans, bounded: an attack from many addresses makes a few lines and a sum. */
import type { Log } from '../log/log.ts'
import { reasonOf } from '../operator/durable-file.ts'
import type { Ban } from './ban.ts'

const SUM_EVERY_MS = 10_000
/** Lines of single bans in that time. */
export const BANNED_LINES_MAX = 10
/** Prefixes named in a line about many. */
const PREFIXES_NAMED_MAX = 10

export class BanLines {
  readonly #log: Log
  #windowEndsMs = 0
  #said = 0
  #more = 0
  #displaced = 0
  #notTaken = 0

  constructor(log: Log) {
    this.#log = log
  }

  banned(ban: Ban, nowMs: number): void {
    this.sumUp(nowMs)
    if (this.#said >= BANNED_LINES_MAX) {
      this.#more++
      return
    }
    this.#said++
    const { text, origin, why, by, isWatched, repeated } = ban
    const until = untilText(ban)
    const sentence = isWatched
      ? `${text} would be banned: ${why}. The rule is on watch.`
      : `${text} is banned ${until === 'forever' ? 'for good' : `until ${until}`}: ${why}.`
    this.#log.say('banned', { prefix: text, until, origin, why, by, repeated, watched: isWatched }, sentence)
  }

  displaced(bans: number): void {
    this.#displaced += bans
  }

  notTaken(bans: number): void {
    this.#notTaken += bans
  }

  /** To be called now and then. */
  sumUp(nowMs: number): void {
    if (nowMs < this.#windowEndsMs) return
    const seconds = SUM_EVERY_MS / 1000
    if (this.#more > 0) {
      const sentence = `${this.#more} more bans were made in ${seconds} s.`
      this.#log.say('bans-summed', { bans: this.#more, seconds }, sentence)
    }
    if (this.#displaced + this.#notTaken > 0) {
      const fields = { displaced: this.#displaced, notTaken: this.#notTaken, seconds }
      this.#log.say('bans-full', fields, 'There is no room for more bans: raise protect.bans.max.')
    }
    this.#windowEndsMs = nowMs + SUM_EVERY_MS
    this.#said = 0
    this.#more = 0
    this.#displaced = 0
    this.#notTaken = 0
  }

  /** Bans that end before their time. */
  unbanned(bans: readonly Ban[], by: string, why: string): void {
    if (bans.length === 0) return
    const prefixes = bans.slice(0, PREFIXES_NAMED_MAX).map(({ text }) => text)
    const named = prefixes.join(', ') + (bans.length > prefixes.length ? ' …' : '')
    this.#log.say(
      'unbanned',
      { bans: bans.length, prefixes, by, why },
      `No longer banned, by ${by} (${why}): ${named}.`,
    )
  }

  read(bans: number, file: string): void {
    if (bans > 0) this.#log.say('bans-read', { bans, file }, `${bans} bans from before hold on.`)
  }
}

/** All of a ban in one sentence, for people. */
export function banSentence(ban: Ban): string {
  const { text, sinceMs, why, by, origin, isWatched, repeated } = ban
  const until = untilText(ban)
  const ends = until === 'forever' ? 'for good' : `until ${until}`
  const again = repeated === 0 ? '' : `, for the ${repeated + 1}. time`
  const made = origin === 'manual' ? `by ${by}: ${why}` : `for this: ${why}`
  const is = isWatched ? 'would be banned (the rule is on watch)' : 'is banned'
  return `${text} ${is} since ${new Date(sinceMs).toISOString()} ${ends}${again}, ${made}.`
}

/** `forever`, or the end as ISO 8601. */
export function untilText({ untilMs }: Ban): string {
  return untilMs === Infinity ? 'forever' : new Date(untilMs).toISOString()
}

export function sayBansNotRead(log: Log, file: string, error: Error, movedTo: string | undefined): void {
  const fields = { file, reason: reasonOf(error), ...(movedTo === undefined ? {} : { movedTo }) }
  log.say('bans-not-read', fields, 'The bans of before could not be read.')
}

export function sayBansNotStored(log: Log, file: string, error: Error): void {
  const sentence = `Bans hold now, but not over a restart: ${file} could not be written.`
  log.say('bans-not-stored', { file, reason: reasonOf(error) }, sentence)
}

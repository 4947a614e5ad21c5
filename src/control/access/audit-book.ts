/**
 * What was done goes to the store, besides the log. While the store is off it waits here, as much as there is room for.
 * Failed logins are summed up, and what somebody is refused again and again: whoever guesses, or may only look, must
 * not fill log and store, nor push out of them what was done.
 */
import {
  type AccessStore,
  type AuditFilter,
  type AuditPage,
  isStoreTrouble,
  type NewStoredAudit,
} from './access-store.ts'
import type { AuditEntry } from './audit-entry.ts'
import { sourceOf } from './login-limits.ts'

export const AUDIT_WAITING_MAX = 1_000
const SUM_EVERY_MS = 60_000
/** Of one asker, with an entry of their own, between two sums. */
export const REFUSALS_TOLD_MAX = 20
/** Addresses with a line of their own, each time. */
const ADDRESSES_TOLD_MAX = 10
const ADDRESSES_COUNTED_MAX = 1_000
const NAMES_TOLD_MAX = 5
const NAME_CHARACTERS_MAX = 64

interface Refusals {
  count: number
  last: AuditEntry
}

interface FailedLogins {
  attempts: number
  readonly names: Set<string>
}

export class AuditBook {
  readonly #store: AccessStore['audit']
  readonly #say: (entry: AuditEntry) => void
  readonly #waiting: NewStoredAudit[] = []
  #isWriting = false
  #written = Promise.resolve()
  readonly #failedBySource = new Map<string, FailedLogins>()
  /** Of addresses beyond those that are counted. */
  #failedElsewhere = 0
  /** Only who is known is refused here: there are no more of them than users and tokens. */
  readonly #refusalsByWho = new Map<string, Refusals>()
  #timer: NodeJS.Timeout | undefined

  /** `say` writes the line of the log. */
  constructor(store: AccessStore['audit'], say: (entry: AuditEntry) => void) {
    this.#store = store
    this.#say = say
  }

  add(entry: AuditEntry): void {
    if (isDone(entry) || this.#mayTellRefusal(entry)) this.#keep(entry)
  }

  #mayTellRefusal(entry: AuditEntry): boolean {
    this.#sumUpLater()
    const refusals = this.#refusalsByWho.get(entry.who) ?? { count: 0, last: entry }
    refusals.count++
    refusals.last = entry
    this.#refusalsByWho.set(entry.who, refusals)
    return refusals.count <= REFUSALS_TOLD_MAX
  }

  #keep(entry: AuditEntry): void {
    const { who, from, action, target, details, status } = entry
    this.#say(entry)
    const result = isDone(entry) ? 'done' : `refused with ${status}`
    if (this.#waiting.length >= AUDIT_WAITING_MAX) this.#waiting.shift()
    this.#waiting.push({ atMs: Date.now(), who, from, action, target, details, result })
    if (!this.#isWriting) this.#written = this.#write()
  }

  /** One line for each address and minute; the first minute begins with the first failure. */
  noteFailedLogin(name: string, address: string): void {
    this.#sumUpLater()
    const source = sourceOf(address)
    const failed = this.#failedBySource.get(source) ?? { attempts: 0, names: new Set() }
    if (!this.#failedBySource.has(source) && this.#failedBySource.size >= ADDRESSES_COUNTED_MAX) {
      this.#failedElsewhere++
      return
    }
    failed.attempts++
    if (failed.names.size <= NAMES_TOLD_MAX) failed.names.add(name.slice(0, NAME_CHARACTERS_MAX))
    this.#failedBySource.set(source, failed)
  }

  #sumUpLater(): void {
    this.#timer ??= setTimeout(() => this.#sumUp(), SUM_EVERY_MS).unref()
  }

  /** Throws what the store throws. */
  async list(filter: AuditFilter): Promise<AuditPage> {
    return await this.#store.list(filter)
  }

  /** What is not written yet, as the daemon ends. */
  async close(): Promise<void> {
    this.#sumUp()
    await this.#written
  }

  async #write(): Promise<void> {
    this.#isWriting = true
    try {
      for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
        await this.#store.add(next)
        if (this.#waiting[0] === next) this.#waiting.shift()
      }
    } catch (error) {
      // The next entry tries again; what the store is in trouble with, it has said itself.
      if (!isStoreTrouble(error)) this.#waiting.shift()
    } finally {
      this.#isWriting = false
    }
  }

  #sumUp(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const worst = [...this.#failedBySource].sort(([, one], [, other]) => other.attempts - one.attempts)
    for (const [source, { attempts, names }] of worst.slice(0, ADDRESSES_TOLD_MAX)) {
      const told = [...names].slice(0, NAMES_TOLD_MAX).join(', ')
      const more = names.size > NAMES_TOLD_MAX ? ' and others' : ''
      this.#addFailed(source, `${attempts} failed, as ${told}${more}`)
    }
    const rest = worst.slice(ADDRESSES_TOLD_MAX)
    const elsewhere = rest.reduce((sum, [, { attempts }]) => sum + attempts, this.#failedElsewhere)
    this.#failedBySource.clear()
    this.#failedElsewhere = 0
    if (elsewhere > 0) this.#addFailed('others', `${elsewhere} failed, from ${rest.length} other addresses or more`)
    this.#sumUpRefusals()
  }

  #sumUpRefusals(): void {
    for (const { count, last } of this.#refusalsByWho.values()) {
      const untold = count - REFUSALS_TOLD_MAX
      if (untold > 0) this.#keep({ ...last, details: `${untold} more refused, this one last` })
    }
    this.#refusalsByWho.clear()
  }

  #addFailed(from: string, details: string): void {
    this.#keep({ who: 'unknown', from, action: 'login.failed', target: '/api/v1/session', details, status: 401 })
  }
}

function isDone({ status }: AuditEntry): boolean {
  return status < 300
}

/**
 * When the bans are written to their file: what an operator did at once, what strikes did within seconds, and both no
 * more often than a small part of the time. A file that can't be written stops nothing: the log says so.
 */
import type { Log } from '../log/log.ts'
import type { Ban } from './ban.ts'
import type { BanFile } from './ban-file.ts'
import { sayBansNotStored } from './ban-lines.ts'

/** So much of what strikes did may be lost in a crash. */
const WRITE_AFTER_MS = 5_000
/** A write is followed by so many times its length without one, unless an operator asks. */
const REST_FACTOR = 20

export class BanStore {
  readonly #file: BanFile
  readonly #log: Log
  readonly #bans: () => readonly Ban[]
  #timer: NodeJS.Timeout | undefined
  #isDirty = false
  #isClosed = false
  /** Resolves when the version before has written its last; undefined where there is none. */
  #isOurs: PromiseWithResolvers<void> | undefined
  /** The log has been told that writing fails. */
  #isFailing = false
  #restUntilMs = 0
  /** The write that is under way, and the one that is to follow it. */
  #running: Promise<boolean> | undefined
  #next: Promise<boolean> | undefined

  /** `hasPredecessor`: nothing is written before `takeOver`; who asks for a write waits for it. */
  constructor(file: BanFile, log: Log, bans: () => readonly Ban[], hasPredecessor = false) {
    this.#file = file
    this.#log = log
    this.#bans = bans
    this.#isOurs = hasPredecessor ? Promise.withResolvers() : undefined
  }

  takeOver(): void {
    this.#isOurs?.resolve()
    this.#isOurs = undefined
  }

  /** Something changed that may be written later. */
  noteChange(): void {
    this.#isDirty = true
    if (this.#timer !== undefined || this.#isClosed) return
    const waitMs = Math.max(WRITE_AFTER_MS, this.#restUntilMs - performance.now())
    this.#timer = setTimeout(() => void this.#writeIfDirty(), waitMs)
    this.#timer.unref()
  }

  async #writeIfDirty(): Promise<void> {
    this.#timer = undefined
    if (this.#isDirty) await this.write()
  }

  /** Writes what is true now; false when that failed. Who asks while one is being written waits for one more. */
  async write(): Promise<boolean> {
    await this.#isOurs?.promise
    if (this.#isClosed) return false
    if (this.#running === undefined) return await this.#start()
    this.#next ??= this.#running.then(() => {
      this.#next = undefined
      return this.#start()
    })
    return await this.#next
  }

  async #start(): Promise<boolean> {
    this.#running = this.#writeNow()
    try {
      return await this.#running
    } finally {
      this.#running = undefined
    }
  }

  async #writeNow(): Promise<boolean> {
    const startedMs = performance.now()
    this.#isDirty = false
    try {
      await this.#file.write(this.#bans())
      this.#isFailing = false
    } catch (error) {
      if (!this.#isFailing) sayBansNotStored(this.#log, this.#file.path, error as Error)
      this.#isFailing = true
    }
    const nowMs = performance.now()
    this.#restUntilMs = nowMs + (nowMs - startedMs) * REST_FACTOR
    // It is tried again: the disk may have room by then.
    if (this.#isFailing) this.noteChange()
    return !this.#isFailing
  }

  /** The last write, if there is anything to write; none after it: the file may be another process's. */
  async close(): Promise<void> {
    clearTimeout(this.#timer)
    this.takeOver()
    if (this.#isClosed) return
    if (this.#isDirty || this.#running !== undefined) await this.write()
    this.#isClosed = true
  }
}

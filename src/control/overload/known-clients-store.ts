/**
 * When known clients are written to their file: every few minutes, for an upgrade, and at the stop. A file that can't be
 * written stops nothing: the log says so, once until it works again.
 */
import type { KnownClients } from '../../traffic/admit/known-clients.ts'
import type { Log } from '../log/log.ts'
import { type KnownClientsFile, readKnownClients } from './known-clients-file.ts'

/** So much of who was useful is lost in a crash. */
const WRITE_EVERY_MS = 5 * 60_000

export class KnownClientsStore {
  readonly #file: KnownClientsFile
  readonly #known: KnownClients
  readonly #log: Log
  readonly #writeEveryMs: number
  #timer: NodeJS.Timeout | undefined
  /** The file is this process's to write. */
  #isOurs = false
  #isFailing = false
  #writing: Promise<void> | undefined

  constructor(file: KnownClientsFile, known: KnownClients, log: Log, writeEveryMs = WRITE_EVERY_MS) {
    this.#file = file
    this.#known = known
    this.#log = log
    this.#writeEveryMs = writeEveryMs
  }

  /** Who was known before is known again. */
  async read(): Promise<void> {
    await readKnownClients(this.#file, this.#known, this.#log)
  }

  /** Who became known in the version before while this one started, as it has written its last. */
  async readAgain(): Promise<void> {
    await this.#file.readInto(this.#known).catch(() => 0)
  }

  /** No other process writes the file from now on. */
  own(): void {
    if (this.#isOurs) return
    this.#isOurs = true
    this.#timer = setInterval(() => void this.write(), this.#writeEveryMs)
    this.#timer.unref()
  }

  /** Who is known now is on the disk when it resolves, or the log has said why not. */
  async write(): Promise<void> {
    if (!this.#isOurs) return
    // One that is under way has passed over some buckets already.
    await this.#writing
    this.#writing ??= this.#writeNow().finally(() => {
      this.#writing = undefined
    })
    await this.#writing
  }

  async #writeNow(): Promise<void> {
    try {
      await this.#file.write(this.#known)
      this.#isFailing = false
    } catch (error) {
      const fields = { file: this.#file.path, reason: (error as Error).message }
      const sentence = 'Clients are known now, but not over a restart: the file could not be written.'
      if (!this.#isFailing) this.#log.say('known-clients-not-stored', fields, sentence)
      this.#isFailing = true
    }
  }

  /** The last write; none after it: the file may be another process's. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.write()
    this.#isOurs = false
  }
}

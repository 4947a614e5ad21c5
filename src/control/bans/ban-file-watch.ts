/**
 * For a process that lingers after an upgrade: sees which bans the version that serves has made, by the file that it writes.
 * The file is renamed into its place whole, so one look is enough. Bans that are taken back don't matter here: nobody new
 * comes, and who was banned is gone.
 */
import { noteConfigFile } from '../reload/config-watch.ts'
import type { Ban } from './ban.ts'
import type { BanFile } from './ban-file.ts'

const LOOK_EVERY_MS = 250

export class BanFileWatch {
  readonly #file: BanFile
  readonly #onBans: (bans: readonly Ban[]) => void
  readonly #timer: NodeJS.Timeout
  #fingerprint = ''
  #isLooking = false

  constructor(file: BanFile, onBans: (bans: readonly Ban[]) => void, lookEveryMs = LOOK_EVERY_MS) {
    this.#file = file
    this.#onBans = onBans
    this.#timer = setInterval(() => void this.#look(), lookEveryMs).unref()
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return
    this.#isLooking = true
    // As it was before it is read: what is written meanwhile shows at the next look.
    const { fingerprint } = await noteConfigFile(this.#file.path)
    if (fingerprint !== this.#fingerprint) {
      this.#fingerprint = fingerprint
      // A file that can't be read is the business of those who write it, and of the next start.
      this.#onBans(await this.#file.readAgain().catch(() => []))
    }
    this.#isLooking = false
  }

  close(): void {
    clearInterval(this.#timer)
  }
}

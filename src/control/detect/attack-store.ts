/** When attacks and the calm are written: one write at a time, and what changes meanwhile in one more. */
import type { Log } from '../log/log.ts'
import type { AttackRecord } from './attack.ts'
import type { AttackFiles } from './attack-files.ts'
import type { CalmMinutes } from './calm.ts'

export interface StoredState {
  readonly records: () => readonly AttackRecord[]
  readonly calm: () => ReadonlyMap<string, CalmMinutes>
}

export class AttackStore {
  readonly #files: Pick<AttackFiles, 'writeAttacks' | 'writeCalm'>
  readonly #log: Log
  readonly #state: StoredState
  #running: Promise<void> | undefined
  #wantsAttacks = false
  #wantsCalm = false
  #isClosed = false

  constructor(files: Pick<AttackFiles, 'writeAttacks' | 'writeCalm'>, log: Log, state: StoredState) {
    this.#files = files
    this.#log = log
    this.#state = state
  }

  /** On the disk when it resolves, or the log has said why not. */
  async write(what: { readonly attacks?: true; readonly calm?: true }): Promise<void> {
    if (this.#isClosed) return
    this.#wantsAttacks ||= what.attacks === true
    this.#wantsCalm ||= what.calm === true
    while (this.#isWanted) {
      this.#running ??= this.#writeAll().finally(() => {
        this.#running = undefined
      })
      await this.#running
    }
  }

  get #isWanted(): boolean {
    return (this.#wantsAttacks || this.#wantsCalm) && !this.#isClosed
  }

  async #writeAll(): Promise<void> {
    while (this.#isWanted) {
      const [attacks, calm] = [this.#wantsAttacks, this.#wantsCalm]
      this.#wantsAttacks = false
      this.#wantsCalm = false
      if (attacks) await this.#files.writeAttacks(this.#state.records(), this.#log)
      if (calm) await this.#files.writeCalm(this.#state.calm(), this.#log)
    }
  }

  /** Another process writes the files from now on. */
  leave(): void {
    this.#isClosed = true
  }
}

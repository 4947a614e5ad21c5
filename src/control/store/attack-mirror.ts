/**
 * Copies attacks into the store, so that a year of them can be listed: the detector's own file keeps the newest 200.
 * What the store did not take is offered again.
 */
import type { Attacks } from '../detect/attacks.ts'
import type { AttackRecord } from '../detect/attack.ts'
import type { Store } from './store.ts'

export class AttackMirror {
  readonly #attacks: Pick<Attacks, 'list'>
  readonly #store: Pick<Store, 'attacks'>
  /** By attack: as it is in the store. Only of those that are listed. */
  #stored = new Map<string, string>()

  constructor(attacks: Pick<Attacks, 'list'>, store: Pick<Store, 'attacks'>) {
    this.#attacks = attacks
    this.#store = store
  }

  /** Never throws. */
  async copy(): Promise<void> {
    const records = this.#attacks.list()
    const changed = records.filter((record) => this.#stored.get(keyOf(record)) !== versionOf(record))
    if (changed.length === 0) return
    try {
      await this.#store.attacks.put(changed, Date.now())
      this.#stored = new Map(records.map((record) => [keyOf(record), versionOf(record)]))
    } catch {
      // The store has said what is wrong with it.
    }
  }
}

function keyOf({ service, start }: AttackRecord): string {
  return `${start} ${service}`
}

function versionOf({ updated, ended }: AttackRecord): string {
  return `${updated} ${ended}`
}

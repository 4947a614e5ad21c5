/** Notices that a database file is another one, as ConfigWatch does for the configuration. */
import { ConfigWatch } from '../reload/config-watch.ts'
import type { NetworkDatabases } from './network-databases.ts'

/** A change holds after two looks that see the same: within 4 s. */
const LOOK_EVERY_MS = 2_000

export class DatabaseWatch {
  readonly #onChange: () => void
  #watches: readonly ConfigWatch[] = []

  /** `onChange` is called when a file changed after it was read. */
  constructor(onChange: () => void) {
    this.#onChange = onChange
  }

  /** The files of these databases from now on; one file may be both. */
  follow(databases: NetworkDatabases): void {
    this.stop()
    const files = new Map(databases.all.map(({ noted }) => [noted.path, noted]))
    this.#watches = [...files.values()].map((file) => new ConfigWatch(file, this.#onChange, LOOK_EVERY_MS))
    for (const watch of this.#watches) watch.set(true)
  }

  stop(): void {
    for (const watch of this.#watches) watch.set(false)
    this.#watches = []
  }
}

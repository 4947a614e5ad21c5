/** Notices that one of several files is another one, as ConfigWatch does for the configuration. */
import { type ConfigFile, ConfigWatch } from './config-watch.ts'

/** A change holds after two looks that see the same: within 4 s. */
const LOOK_EVERY_MS = 2_000

export class FileWatches {
  readonly #onChange: () => void
  #watches: readonly ConfigWatch[] = []

  /** `onChange` is called when a file changed after it was read. */
  constructor(onChange: () => void) {
    this.#onChange = onChange
  }

  /** These files from now on; the same one may be named twice. */
  follow(files: readonly ConfigFile[]): void {
    this.stop()
    const byPath = new Map(files.map((file) => [file.path, file]))
    this.#watches = [...byPath.values()].map((file) => new ConfigWatch(file, this.#onChange, LOOK_EVERY_MS))
    for (const watch of this.#watches) watch.set(true)
  }

  stop(): void {
    for (const watch of this.#watches) watch.set(false)
    this.#watches = []
  }
}

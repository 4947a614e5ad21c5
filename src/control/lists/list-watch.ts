/** Notices that a list file is another one, as ConfigWatch does for the configuration. */
import { ConfigWatch } from '../reload/config-watch.ts'
import type { Lists } from './lists.ts'

/** A change holds after two looks that see the same: within 4 s. */
const LOOK_EVERY_MS = 2_000

export class ListWatch {
  readonly #onChange: () => void
  #watches: readonly ConfigWatch[] = []

  /** `onChange` is called when a file changed after it was read. */
  constructor(onChange: () => void) {
    this.#onChange = onChange
  }

  /** The files of these lists from now on. */
  follow(lists: Lists): void {
    this.stop()
    const files = lists.all.flatMap(({ noted }) => (noted === undefined ? [] : [noted]))
    this.#watches = files.map((file) => new ConfigWatch(file, this.#onChange, LOOK_EVERY_MS))
    for (const watch of this.#watches) watch.set(true)
  }

  stop(): void {
    for (const watch of this.#watches) watch.set(false)
    this.#watches = []
  }
}

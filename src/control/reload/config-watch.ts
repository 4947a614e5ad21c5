/**
 * Notices that the configuration file is another one. It looks at it once in a while: that works for files that are
 * written in place, renamed into place, or swapped behind a symbolic link, and on every file system.
 */
import { stat } from 'node:fs/promises'

const LOOK_EVERY_MS = 500

export class ConfigWatch {
  readonly #path: string | undefined
  readonly #onChange: () => void
  readonly #lookEveryMs: number
  #timer: NodeJS.Timeout | undefined
  /** The file that was taken note of last: loaded, or found to be wrong and said so. */
  #known: string | undefined
  #lastLook: string | undefined
  #looking = false

  /** `onChange` is called when the file has changed and stands still again. */
  constructor(path: string | undefined, onChange: () => void, lookEveryMs = LOOK_EVERY_MS) {
    this.#path = path
    this.#onChange = onChange
    this.#lookEveryMs = lookEveryMs
  }

  /** What the first look finds is what is loaded. */
  set(isOn: boolean): void {
    const path = this.#path
    if (isOn === (this.#timer !== undefined) || path === undefined) return
    if (!isOn) {
      clearInterval(this.#timer)
      this.#timer = undefined
      return
    }
    this.#known = undefined
    this.#timer = setInterval(() => void this.#look(path), this.#lookEveryMs)
    this.#timer.unref()
    void this.#look(path)
  }

  /** A file that differs from one look to the next is still being written: it waits until two looks see the same. */
  async #look(path: string): Promise<void> {
    if (this.#looking) return
    this.#looking = true
    const seen = await fingerprint(path)
    this.#looking = false
    const isStill = seen === this.#lastLook
    this.#lastLook = seen
    this.#known ??= seen
    if (this.#timer === undefined || seen === this.#known || !isStill) return
    this.#known = seen
    this.#onChange()
  }
}

/** Changes with every write and with every file put in its place. */
async function fingerprint(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true })
    return [dev, ino, size, mtimeNs, ctimeNs].join(' ')
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unreadable'
  }
}

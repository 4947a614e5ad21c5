/**
 * Notices that the configuration file is another one. It looks at it once in a while: that works for files that are
 * written in place, renamed into place, or swapped behind a symbolic link, and on every file system.
 */
import { stat } from 'node:fs/promises'

const LOOK_EVERY_MS = 500

/** A file as it was right before it was read: a change while it was read shows at the next look. */
export interface ConfigFile {
  readonly path: string
  /** Changes with every write and with every file put in its place. */
  readonly fingerprint: string
}

export async function noteConfigFile(path: string): Promise<ConfigFile> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true })
    return { path, fingerprint: [dev, ino, size, mtimeNs, ctimeNs].join(' ') }
  } catch (error) {
    return { path, fingerprint: (error as NodeJS.ErrnoException).code ?? 'unreadable' }
  }
}

export class ConfigWatch {
  readonly #onChange: () => void
  readonly #lookEveryMs: number
  /** What was taken note of last: loaded, or found to be wrong and said so. Undefined: there is no file. */
  #known: ConfigFile | undefined
  #lastLook: string | undefined
  #timer: NodeJS.Timeout | undefined
  #looking = false

  /** `onChange` is called when the file is another one than the known, and stands still. */
  constructor(file: ConfigFile | undefined, onChange: () => void, lookEveryMs = LOOK_EVERY_MS) {
    this.#known = file
    this.#onChange = onChange
    this.#lookEveryMs = lookEveryMs
  }

  /** Somebody reads the file, so that `onChange` need not be called for it. */
  know(file: ConfigFile): void {
    this.#known = file
  }

  set(isOn: boolean): void {
    if (isOn === (this.#timer !== undefined)) return
    clearInterval(this.#timer)
    this.#timer = isOn ? setInterval(() => void this.#look(), this.#lookEveryMs).unref() : undefined
  }

  /** A file that differs from one look to the next is still being written: it waits until two looks see the same. */
  async #look(): Promise<void> {
    if (this.#looking || this.#known === undefined) return
    this.#looking = true
    const seen = await noteConfigFile(this.#known.path)
    this.#looking = false
    const isStill = seen.fingerprint === this.#lastLook
    this.#lastLook = seen.fingerprint
    if (this.#timer === undefined || seen.fingerprint === this.#known.fingerprint || !isStill) return
    this.#known = seen
    this.#onChange()
  }
}

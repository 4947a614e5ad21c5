/**
 * What operators set, here and in its file, oldest first. A file that can't be read or written stops nothing: the log
 * says so, and what is set then holds until the next start.
 */
import type { EntriesFile } from './entries-file.ts'

export interface KeptEntriesOptions<Entry> {
  readonly file: EntriesFile<Entry>
  readonly keyOf: (entry: Entry) => string
  readonly sayNotRead: (file: string, error: Error, movedTo: string | undefined) => void
  readonly sayNotStored: (file: string, error: Error) => void
}

export class KeptEntries<Entry> {
  readonly #options: KeptEntriesOptions<Entry>
  readonly #entryByKey = new Map<string, Entry>()
  #writing: Promise<unknown> = Promise.resolve()

  private constructor(options: KeptEntriesOptions<Entry>) {
    this.#options = options
  }

  /** A damaged file is moved out of the way of the next write. */
  static async read<Entry>(options: KeptEntriesOptions<Entry>): Promise<KeptEntries<Entry>> {
    const kept = new KeptEntries(options)
    const { file, sayNotRead } = options
    try {
      kept.#take(await file.read())
    } catch (error) {
      const aside = await file.setAside().catch(() => undefined)
      sayNotRead(file.path, error as Error, aside)
    }
    return kept
  }

  /** What another process has written meanwhile; false where that can't be read, and nothing has changed. */
  async readAgain(): Promise<boolean> {
    const entries = await this.#options.file.read().catch(() => undefined)
    if (entries !== undefined) this.#take(entries)
    return entries !== undefined
  }

  #take(entries: readonly Entry[]): void {
    this.#entryByKey.clear()
    for (const entry of entries) this.put(entry)
  }

  get path(): string {
    return this.#options.file.path
  }

  get(key: string): Entry | undefined {
    return this.#entryByKey.get(key)
  }

  all(): Entry[] {
    return [...this.#entryByKey.values()]
  }

  /** As the youngest. */
  put(entry: Entry): void {
    const key = this.#options.keyOf(entry)
    this.#entryByKey.delete(key)
    this.#entryByKey.set(key, entry)
  }

  delete(key: string): void {
    this.#entryByKey.delete(key)
  }

  /** Of what is not configured any more so many are kept: it may come back, but not without bound. */
  forgetOldest(isConfigured: (key: string) => boolean, forgottenMax: number): void {
    const forgotten = [...this.#entryByKey.keys()].filter((key) => !isConfigured(key))
    for (const key of forgotten.slice(0, Math.max(0, forgotten.length - forgottenMax))) this.delete(key)
  }

  /** One write after the other: the last one wins, in the file as here. False where it can't be written. */
  store(): Promise<boolean> {
    const written = this.#writing.then(async () => {
      const { file, sayNotStored } = this.#options
      try {
        await file.write(this.all())
        return true
      } catch (error) {
        sayNotStored(file.path, error as Error)
        return false
      }
    })
    this.#writing = written
    return written
  }
}

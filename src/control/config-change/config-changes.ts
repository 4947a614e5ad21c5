/**
 * Changes of the configuration by API, dashboard and command line. The file stays the one truth: a change is checked
 * whole, compared, written into it, and taken over by Reload; where that fails the old text is put back. One at a time.
 */
import { resolve } from 'node:path'
import { ConfigError } from '../config/load.ts'
import type { ConfigWatch } from '../reload/config-watch.ts'
import { noteConfigFile } from '../reload/config-watch.ts'
import { differenceText } from '../reload/difference-text.ts'
import type { Reload, ReloadCause, ReloadOutcome } from '../reload/reload.ts'
import type { Store } from '../store/store.ts'
import type { ConfigVersion, ConfigVersionText } from '../store/tables/config-history.ts'
import type { ConfigEdit } from './config-edit.ts'
import { ChangedMeanwhile, type ConfigText, ConfigTextFile, versionOf } from './config-file.ts'
import { editText } from './edit-text.ts'
import { hideEnv } from './hide-env.ts'
import { removeLeftover } from './replace-file.ts'
import { unifiedText } from './unified-text.ts'

/** Who the history says it was when nobody asked us. */
const BY_HAND = 'file'

export interface ConfigRead extends ConfigText {
  readonly file: string
  /** Why it can't be changed here; undefined where it can. */
  readonly readOnly: string | undefined
}

export interface Author {
  readonly who: string
  readonly why: string
}

/** From the text of a version, or from whatever is in the file now. */
export interface Change {
  /** Undefined: whatever is in the file now is meant. */
  readonly version: string | undefined
  /** The text that is wanted, made of the one in the file. Throws CannotEdit. */
  readonly text: (current: string) => string
}

export type ChangeOutcome = ReloadOutcome & {
  /** As `diff -u` shows it, of the text as written. */
  readonly unified: string
  /** Of the text that is in the file after it. */
  readonly version: string
  /** What became of the history: its id, or why there is none. Only where something was done. */
  readonly history?: { readonly id: number } | { readonly problem: string }
  /** The text was in the file, failed to come into force, and could not be taken out again, because: */
  readonly notPutBack?: string
}

/** The file can't be changed here: a sentence why. */
export class ReadOnlyConfig extends Error {
  override readonly name = 'ReadOnlyConfig'
}

/** The change was checked, and could not be written: a sentence why. Nothing has changed. */
export class NotWritten extends Error {
  override readonly name = 'NotWritten'
}

export interface ConfigChangesOptions {
  readonly path: string
  readonly env: NodeJS.ProcessEnv
  readonly watch: Pick<ConfigWatch, 'know'>
  readonly reload: Pick<Reload, 'run' | 'check'>
  readonly history: Pick<Store['configHistory'], 'add' | 'list' | 'find'>
}

export class ConfigChanges {
  readonly #options: ConfigChangesOptions
  readonly #file: ConfigTextFile
  #last: Promise<unknown> = Promise.resolve()

  constructor(options: ConfigChangesOptions) {
    this.#options = options
    this.#file = new ConfigTextFile(options.path)
  }

  /** Throws ConfigError where it can't be read. */
  async read(): Promise<ConfigRead> {
    const [current, readOnly] = await Promise.all([this.#file.read(), this.#file.whyReadOnly()])
    return { ...current, file: resolve(this.#options.path), readOnly }
  }

  /** What `apply` would do. Throws ChangedMeanwhile, CannotEdit, ConfigError where the file can't be read. */
  dryRun(change: Change): Promise<ChangeOutcome> {
    return this.#afterLast(async () => {
      const before = await this.#current(change)
      const text = change.text(before.text)
      return this.#told(await this.#options.reload.check(text), before, text, versionOf(text))
    })
  }

  /** Throws as `dryRun` does, ReadOnlyConfig and NotWritten. All outcomes but `done` have left the file as it was. */
  apply(change: Change, author: Author): Promise<ChangeOutcome> {
    return this.#afterLast(async () => {
      const before = await this.#current(change)
      const readOnly = await this.#file.whyReadOnly()
      if (readOnly !== undefined) throw new ReadOnlyConfig(readOnly)
      const text = change.text(before.text)
      const checked = await this.#options.reload.check(text)
      if (checked.kind !== 'checked') return this.#told(checked, before, text, before.version)
      await this.#write(before, text)
      const outcome = await this.#options.reload.run('admin')
      if (outcome.kind !== 'done') return await this.#putBack(before, text, outcome)
      // Somebody else's reload may have come before ours, which then changes nothing any more.
      const told = this.#told({ ...outcome, difference: checked.difference }, before, text, versionOf(text))
      return { ...told, history: await this.#remember(before.text, text, author) }
    })
  }

  /** The newest first; throws StoreError. */
  history(limit: number, before?: number): Promise<ConfigVersion[]> {
    return this.#options.history.list(limit, before)
  }

  /** Undefined where there is none of this id; throws StoreError. */
  async version(id: number): Promise<(ConfigVersionText & { readonly unified: string }) | undefined> {
    const found = await this.#options.history.find(id)
    if (found === undefined) return undefined
    const current = await this.#file.read().catch(() => undefined)
    return { ...found, unified: unifiedText(current?.text ?? '', found.text, this.#options.path) }
  }

  /** Of the file that the daemon has started with. */
  async start(): Promise<void> {
    await removeLeftover(this.#options.path).catch(() => {})
    await this.note('start')
  }

  /** What is in the file came into force without us: by hand, and a reload or a start. */
  async note(by: ReloadCause | 'start'): Promise<void> {
    await this.#afterLast(async () => {
      try {
        const { text } = await this.#file.read()
        // One of ours is the newest already, and stays that of who made it.
        await this.#options.history.add({ atMs: Date.now(), who: BY_HAND, why: by, text })
      } catch {
        // The store says itself what is wrong with it, and the reload what is wrong with the file.
      }
    })
  }

  #afterLast<Outcome>(work: () => Promise<Outcome>): Promise<Outcome> {
    const done = this.#last.then(work)
    this.#last = done.catch(() => {})
    return done
  }

  async #current({ version }: Change): Promise<ConfigText> {
    const current = await this.#file.read()
    if (version !== undefined && version !== current.version) throw new ChangedMeanwhile(current)
    return current
  }

  async #write(before: ConfigText, text: string): Promise<void> {
    if (text === before.text) return
    try {
      await this.#file.replace(before, text)
    } catch (error) {
      if (error instanceof ChangedMeanwhile || error instanceof ConfigError) throw error
      throw new NotWritten(`The file could not be written: ${(error as Error).message}.`, { cause: error })
    }
    // The watch need not take over what we do.
    this.#options.watch.know(await noteConfigFile(this.#options.path))
  }

  async #putBack(before: ConfigText, text: string, outcome: ReloadOutcome): Promise<ChangeOutcome> {
    try {
      await this.#write({ text, version: versionOf(text) }, before.text)
      return this.#told(outcome, before, text, before.version)
    } catch (error) {
      const told = this.#told(outcome, before, text, versionOf(text))
      return { ...told, notPutBack: (error as Error).message }
    }
  }

  async #remember(before: string, text: string, { who, why }: Author): Promise<NonNullable<ChangeOutcome['history']>> {
    try {
      const { history } = this.#options
      // Where somebody has changed the file by hand and told nobody, that is kept as well: a rollback may want it.
      await history.add({ atMs: Date.now(), who: BY_HAND, why: 'found in the file', text: before })
      const { id } = await history.add({ atMs: Date.now(), who, why, text })
      return { id }
    } catch (error) {
      return { problem: (error as Error).message }
    }
  }

  #told(outcome: ReloadOutcome, before: ConfigText, text: string, version: string): ChangeOutcome {
    const unified = unifiedText(before.text, text, this.#options.path)
    const hide = <Told>(told: Told): Told => hideEnv(told, [before.text, text], this.#options.env)
    if (outcome.kind === 'needs-restart') {
      return { ...outcome, keys: hide(outcome.keys), text: hide(outcome.text), unified, version }
    }
    if (outcome.kind !== 'done' && outcome.kind !== 'checked') return { ...outcome, unified, version }
    const difference = hide(outcome.difference)
    return { ...outcome, difference, text: differenceText(difference), unified, version }
  }
}

/** For structured changes. */
export function editsChange(edits: (current: string) => readonly ConfigEdit[], version: string | undefined): Change {
  return { version, text: (current) => editText(current, edits(current)) }
}

export function textChange(text: string, version: string | undefined): Change {
  // A byte order mark is the file's, not the text's.
  const wanted = text.replace(/^\ufeff/, '')
  return { version, text: () => wanted }
}

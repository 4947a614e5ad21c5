/**
 * Which services are open. The configuration says so (`enabled`), and an operator's word outranks it until the
 * configuration says something else: the later word holds. What is planned is done at its time, over restarts too; a
 * checklist that fails is recorded and told of, and stops nothing, since DNS may have been changed for that minute.
 */
import type { Config } from '../config/config.ts'
import type { ChecklistItem } from '../golive/golive.ts'
import type { Log } from '../log/log.ts'
import { KeptEntries } from '../operator/kept-entries.ts'
import type { Reload } from '../reload/reload.ts'
import { type Asked, CutOverFile, type StoredCutOver } from './cut-over-file.ts'
import { sayCutOverFailed, sayNotRead, sayNotStored, sayPlanned, saySwitched, sayUnready } from './cut-over-lines.ts'

/** Words about services that are gone from the configuration: they may come back, but not without bound. */
export const FORGOTTEN_CUT_OVERS_MAX = 256
/** Of each sentence of a recorded checklist. */
const SENTENCE_CHARACTERS_MAX = 500
/** A clock that is set while we wait is noticed after so long. */
const LOOK_EVERY_MS = 30_000
const RETRY_AFTER_MS = 10_000
/** The next version takes a second to start. */
const UPGRADE_LOOK_EVERY_MS = 500

export interface CutOverParts {
  readonly reload: Pick<Reload, 'closeServices'>
  readonly config: () => Config
  /** The next version is starting: it has the listeners as they were, and would find a port that is opened now taken. */
  readonly isUpgrading: () => boolean
  /** The checklist of a service, now. */
  readonly look: (service: string, asked: Asked) => Promise<readonly ChecklistItem[]>
}

export interface CutOverState {
  readonly service: string
  readonly enabled: boolean
  /** What the configuration says. */
  readonly fileSays: boolean
  readonly plan: (NonNullable<StoredCutOver['plan']> & { readonly problem: string | undefined }) | undefined
  readonly last: StoredCutOver['last']
}

/** What was asked for can't be done; the sentence says why. */
export class CutOverError extends Error {
  override readonly name = 'CutOverError'
}

export class CutOvers {
  readonly #log: Log
  /** By service. */
  readonly #kept: KeptEntries<StoredCutOver>
  /** Why a plan whose time has come is not done yet. */
  readonly #problems = new Map<string, string>()
  #parts: CutOverParts | undefined
  #timer: NodeJS.Timeout | undefined
  #isRunning = false

  private constructor(kept: KeptEntries<StoredCutOver>, log: Log) {
    this.#kept = kept
    this.#log = log
  }

  static async read(stateDir: string, log: Log): Promise<CutOvers> {
    const kept = await KeptEntries.read({
      file: new CutOverFile(stateDir),
      keyOf: ({ service }) => service,
      sayNotRead: (file, error, movedTo) => sayNotRead(log, file, error, movedTo),
      sayNotStored: (file, error) => sayNotStored(log, file, error),
    })
    return new CutOvers(kept, log)
  }

  /** Services of a configuration that are not to be open. */
  closedIn(config: Config): ReadonlySet<string> {
    return new Set(config.services.filter((service) => !this.#isEnabled(service)).map(({ name }) => name))
  }

  #isEnabled({ name, enabled }: { readonly name: string; readonly enabled: boolean }): boolean {
    const word = this.#kept.get(name)?.word
    return word === undefined || word.fileSaid !== enabled ? enabled : word.enabled
  }

  /** A configuration is in force: where it says something new, that is the later word. */
  follow(config: Config): void {
    let hasChanged = false
    for (const { name, enabled } of config.services) {
      const stored = this.#kept.get(name)
      const isOutdated = stored?.word !== undefined && stored.word.fileSaid !== enabled
      const isMoot = stored?.plan !== undefined && this.#isEnabled({ name, enabled })
      if (stored === undefined || (!isOutdated && !isMoot)) continue
      const { word, plan, ...rest } = stored
      this.#put({ ...rest, ...(isOutdated ? {} : { word }), ...(isMoot ? {} : { plan }) })
      hasChanged = true
    }
    if (hasChanged) void this.#kept.store()
    this.#arm()
  }

  /** From now on plans are carried out; this node is the one that operators ask. */
  async start(parts: CutOverParts): Promise<void> {
    this.#parts = parts
    this.#isRunning = true
    await this.#readAgain(parts)
    this.follow(parts.config())
  }

  /** The version before may have changed something while this one started. */
  async #readAgain({ reload, config }: CutOverParts): Promise<void> {
    const before = this.closedIn(config())
    await this.#kept.readAgain()
    const after = this.closedIn(config())
    const changed = config().services.flatMap(({ name }) => (before.has(name) === after.has(name) ? [] : [name]))
    if (changed.length === 0) return
    await reload
      .closeServices(
        (now) => this.closedIn(now),
        () => {},
      )
      .catch((error: Error) => {
        for (const service of changed) sayCutOverFailed(this.#log, service, error.message)
      })
  }

  stop(): void {
    this.#isRunning = false
    clearTimeout(this.#timer)
  }

  states(): CutOverState[] {
    return this.#config().services.map(({ name }) => this.state(name))
  }

  /** Throws CutOverError for a service that is not configured. */
  state(service: string): CutOverState {
    const configured = this.#serviceNamed(service)
    const { plan, last } = this.#kept.get(service) ?? {}
    return {
      service,
      enabled: this.#isEnabled(configured),
      fileSays: configured.enabled,
      plan: plan && { ...plan, problem: this.#problems.get(service) },
      last,
    }
  }

  /** Done when it returns true; false: done, and not kept over a restart. Throws StartError with nothing changed. */
  async switch(service: string, enabled: boolean, by: string, asked: Asked = {}): Promise<boolean> {
    return await this.#switch(service, enabled, { by, planned: false, asked })
  }

  /** At a time to come; takes the place of another plan. Answers as `switch` does. */
  async plan(service: string, atMs: number, by: string, asked: Asked = {}): Promise<boolean> {
    if (this.state(service).enabled) throw new CutOverError(`${service} is open already. Disable it first.`)
    const at = new Date(atMs).toISOString()
    this.#put({ ...this.#entry(service), plan: { at, by, asked } })
    this.#problems.delete(service)
    sayPlanned(this.#log, service, at, by)
    this.#arm()
    return await this.#kept.store()
  }

  async cancel(service: string, by: string): Promise<boolean> {
    const { plan, ...rest } = this.#entry(service)
    if (plan === undefined) throw new CutOverError(`Nothing is planned for ${service}.`)
    this.#put(rest)
    this.#problems.delete(service)
    sayPlanned(this.#log, service, null, by)
    return await this.#kept.store()
  }

  async #switch(
    service: string,
    enabled: boolean,
    { by, planned, asked }: { readonly by: string; readonly planned: boolean; readonly asked: Asked },
  ): Promise<boolean> {
    const parts = this.#partsNow()
    this.#serviceNamed(service)
    if (parts.isUpgrading()) throw new CutOverError('The next version is starting; try again in a moment.')
    await parts.reload.closeServices(
      (config) => {
        const closed = new Set(this.closedIn(config))
        if (enabled) closed.delete(service)
        else closed.add(service)
        return closed
      },
      () => this.#switched(service, enabled, by, planned),
    )
    saySwitched(this.#log, { service, enabled, by, planned })
    if (enabled) void this.#record(service, asked)
    return await this.#kept.store()
  }

  /** Either word ends what was planned: off means off. */
  #switched(service: string, enabled: boolean, by: string, planned: boolean): void {
    const fileSaid = this.#config().services.find(({ name }) => name === service)?.enabled ?? true
    const last = { enabled, at: new Date().toISOString(), by, planned }
    this.#problems.delete(service)
    this.#put({ service, last, ...(enabled === fileSaid ? {} : { word: { enabled, fileSaid } }) })
  }

  /** How the checklist was when the service was opened; nobody waits for it. */
  async #record(service: string, asked: Asked): Promise<void> {
    const at = this.#kept.get(service)?.last?.at
    const items = await this.#partsNow()
      .look(service, asked)
      .catch(() => undefined)
    const stored = this.#kept.get(service)
    // Switched again meanwhile: that has a checklist of its own, or needs none.
    if (items === undefined || stored?.last?.at !== at || stored?.last === undefined) return
    sayUnready(this.#log, service, items)
    const checklist = { at: new Date().toISOString(), items: items.map(shortened) }
    this.#put({ ...stored, last: { ...stored.last, checklist } })
    await this.#kept.store()
  }

  #arm(): void {
    clearTimeout(this.#timer)
    if (!this.#isRunning) return
    const dueInMs = this.#kept.all().flatMap(({ service, plan }) => {
      if (plan === undefined || !this.#isConfigured(service)) return []
      if (this.#parts?.isUpgrading() === true) return [UPGRADE_LOOK_EVERY_MS]
      return [this.#problems.has(service) ? RETRY_AFTER_MS : Math.max(0, Date.parse(plan.at) - Date.now())]
    })
    if (dueInMs.length === 0) return
    this.#timer = setTimeout(() => void this.#doWhatIsDue(), Math.min(LOOK_EVERY_MS, ...dueInMs))
    this.#timer.unref()
  }

  async #doWhatIsDue(): Promise<void> {
    for (const { service, plan } of this.#due()) {
      if (!this.#isRunning) return
      if (this.#parts?.isUpgrading() === true) break
      try {
        await this.#switch(service, true, { by: plan.by, planned: true, asked: plan.asked })
      } catch (error) {
        const { message } = error as Error
        if (!this.#isRunning) return
        if (this.#problems.get(service) !== message) sayCutOverFailed(this.#log, service, message)
        this.#problems.set(service, message)
      }
    }
    this.#arm()
  }

  #due() {
    return this.#kept.all().flatMap(({ service, plan }) => {
      const isDue = plan !== undefined && Date.parse(plan.at) <= Date.now() && this.#isConfigured(service)
      return isDue ? [{ service, plan }] : []
    })
  }

  #isConfigured(service: string): boolean {
    return this.#parts?.config().services.some(({ name }) => name === service) ?? true
  }

  #serviceNamed(service: string) {
    const found = this.#config().services.find(({ name }) => name === service)
    if (found === undefined) throw new CutOverError(`There is no service ${JSON.stringify(service)}.`)
    return found
  }

  #config(): Config {
    return this.#partsNow().config()
  }

  #partsNow(): CutOverParts {
    if (this.#parts === undefined) throw new CutOverError('The node is not ready yet; try again in a moment.')
    return this.#parts
  }

  #entry(service: string): StoredCutOver {
    return this.#kept.get(service) ?? { service }
  }

  #put(entry: StoredCutOver): void {
    this.#kept.put(entry)
    this.#kept.forgetOldest((service) => this.#isConfigured(service), FORGOTTEN_CUT_OVERS_MAX)
  }
}

function shortened({ id, title, state, saw, next }: ChecklistItem): ChecklistItem {
  const cut = (text: string): string => text.slice(0, SENTENCE_CHARACTERS_MAX)
  return { id, title, state, saw: cut(saw), ...(next === undefined ? {} : { next: cut(next) }) }
}

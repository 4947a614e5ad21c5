/**
 * Goes over to what the configuration file says now: read, checked whole as at the start, compared, swapped. Whatever is
 * wrong changes nothing. One at a time; whoever asks while one waits gets the answer of that one.
 */
import type { ServedCertificate } from '../access/served-certificate.ts'
import type { Config } from '../config/config.ts'
import { ConfigError, loadConfig, parseConfig } from '../config/load.ts'
import type { ConfigProblem } from '../config/problem.ts'
import type { CutOvers } from '../cut-over/cut-overs.ts'
import { decodeConfig } from '../config/read-config-file.ts'
import { sayDatabases } from '../databases/database-lines.ts'
import { NetworkDatabases } from '../databases/network-databases.ts'
import { sayLists } from '../lists/list-lines.ts'
import type { KeptLists } from '../lists/kept-lists.ts'
import { Lists } from '../lists/lists.ts'
import type { Log } from '../log/log.ts'
import { UpstreamAddresses } from '../resolve/upstream-addresses.ts'
import type { RunningNode } from '../running-node.ts'
import { StartError } from '../workers/start-error.ts'
import { type ChangedKey, type ConfigDifference, configDifference } from './config-difference.ts'
import { type ConfigWatch, noteConfigFile } from './config-watch.ts'
import { differenceInShort, differenceText } from './difference-text.ts'
import type { FileWatches } from './file-watches.ts'
import { restartChanges } from './live-keys.ts'

/** A file that is no configuration at all can have thousands. */
const LOGGED_PROBLEMS_MAX = 20

export type ReloadCause = 'SIGHUP' | 'admin' | 'watchConfig'

export type ReloadOutcome =
  | {
      readonly kind: 'done' | 'checked'
      readonly difference: ConfigDifference
      readonly text: string
      readonly tablesVersion: number
    }
  | { readonly kind: 'wrong-config'; readonly problems: readonly ConfigProblem[]; readonly text: string }
  /** Nothing has changed: these keys need a restart. */
  | { readonly kind: 'needs-restart'; readonly keys: readonly ChangedKey[]; readonly text: string }
  /** Nothing has changed: a port is taken, or the node is not there yet or no more. */
  | { readonly kind: 'failed'; readonly code: string; readonly text: string }

export interface ReloadOptions {
  /** The file the daemon was started with; without one there is nothing to read again. */
  readonly path: string | undefined
  /** Is told of each file that is taken note of. */
  readonly watch: ConfigWatch
  /** Is told of the lists in force. */
  readonly listWatch: FileWatches
  /** Lists that operators keep; undefined where nobody does. */
  readonly keptLists?: Pick<KeptLists, 'all'>
  /** Is told of the databases in force. */
  readonly databaseWatch: FileWatches
  readonly env: NodeJS.ProcessEnv
  readonly node: RunningNode
  readonly log: Log
  readonly upstreams: UpstreamAddresses
  /** Which services of a configuration are not enabled, and who hears when it is in force. */
  readonly cutOvers?: Pick<CutOvers, 'closedIn' | 'follow'>
  /** Of the admin API; undefined where there is none. */
  readonly certificate?: Pick<ServedCertificate, 'renew'>
  /** Begins to follow the hostnames of a new configuration; those of the old one are not followed any more. */
  readonly follow: (upstreams: UpstreamAddresses) => void
  /** A next version that is starting may have read the file already, and would not have what changes now: it is waited for. */
  readonly upgradeDecided?: () => Promise<unknown>
  /** Is told of each configuration that came into force. */
  readonly onDone?: (by: ReloadCause) => void
}

export class Reload {
  readonly #options: ReloadOptions
  #upstreams: UpstreamAddresses
  #last: Promise<unknown> = Promise.resolve()
  /** Asked for, and not begun. */
  #waiting: Promise<ReloadOutcome> | undefined

  constructor(options: ReloadOptions) {
    this.#options = options
    this.#upstreams = options.upstreams
  }

  /** Those of the configuration that is in force. */
  get upstreams(): UpstreamAddresses {
    return this.#upstreams
  }

  run(by: ReloadCause): Promise<ReloadOutcome> {
    // One that has not begun will read the file later than now.
    if (this.#waiting !== undefined) return this.#waiting
    this.#waiting = this.#afterLast(async () => {
      this.#waiting = undefined
      const outcome = await this.#try(false)
      this.#say(by, outcome)
      if (outcome.kind === 'done') this.#options.onDone?.(by)
      return outcome
    })
    return this.#waiting
  }

  /** A list file has changed, or a list of operators: reads the lists again and nothing else. False when they stay as they are. */
  readLists(): Promise<boolean> {
    return this.#afterLast(async () => {
      const { node, log, listWatch } = this.#options
      if (node.state() !== 'ready') return false
      const before = node.lists()
      try {
        const lists = await this.#listsOf(node.config)
        // A million entries take their time, and nothing is to change any more in a node that leaves.
        if (node.state() !== 'ready') return false
        node.useLists(lists)
        listWatch.follow(lists.files)
        sayLists(log, lists, before)
        return true
      } catch (error) {
        // One has grown so that there is no room left for what another one had.
        const reason = (error as Error).message
        log.say('list-not-read', { reason }, `The lists stay as they are: ${reason}`)
        return false
      }
    })
  }

  #listsOf({ protect }: Config): Promise<Lists> {
    const { node, keptLists } = this.#options
    return Lists.read(protect, node.lists(), keptLists?.all)
  }

  /** A database file has changed: reads the databases again and nothing else. */
  async readDatabases(): Promise<void> {
    await this.#afterLast(async () => {
      const { node, log, databaseWatch } = this.#options
      if (node.state() !== 'ready') return
      const before = node.databases()
      try {
        const databases = await NetworkDatabases.read(node.config.protect, before)
        if (node.state() !== 'ready') return
        node.useDatabases(databases)
        databaseWatch.follow(databases.files)
        sayDatabases(log, databases, before)
      } catch (error) {
        // There is no memory for two of them, say.
        const reason = (error as Error).message
        log.say('database-not-read', { reason }, `The databases stay as they are: ${reason}`)
      }
    })
  }

  /**
   * The same configuration with other services closed; what an operator wants is known by then, and `done` is called
   * before anything else may change. Throws StartError with nothing changed, when a port is taken, say.
   */
  async closeServices(closedIn: (config: Config) => ReadonlySet<string>, done: () => void): Promise<void> {
    await this.#afterLast(async () => {
      this.#requireReady()
      const { node } = this.#options
      const { config } = node
      await node.reload(config, this.#upstreams.current, node.lists(), node.databases(), closedIn(config))
      done()
    })
  }

  /** What `run` would do, and does not; with `text`, if that were in the file. */
  check(text?: string): Promise<ReloadOutcome> {
    return this.#afterLast(() => this.#try(true, text))
  }

  #afterLast<Outcome>(work: () => Promise<Outcome>): Promise<Outcome> {
    const done = this.#last.then(work)
    this.#last = done.catch(() => {})
    return done
  }

  async #try(isDry: boolean, text?: string): Promise<ReloadOutcome> {
    try {
      return await this.#load(isDry, text)
    } catch (error) {
      if (error instanceof ConfigError) return { kind: 'wrong-config', problems: error.problems, text: error.format() }
      if (error instanceof StartError) return { kind: 'failed', code: error.code, text: error.message }
      return { kind: 'failed', code: 'E_INTERNAL', text: `${(error as Error).message}. Please report it.` }
    }
  }

  async #load(isDry: boolean, text: string | undefined): Promise<ReloadOutcome> {
    const { path, env, node, watch } = this.#options
    if (path === undefined) return failed('E_NO_FILE', 'This daemon was not started from a file.')
    await this.#options.upgradeDecided?.()
    this.#requireReady()
    if (!isDry) watch.know(await noteConfigFile(path))
    // What could not be read from a file is refused here as well.
    const config =
      text === undefined ? await loadConfig(path, env) : parseConfig(decodeConfig(Buffer.from(text), path), path, env)
    const upstreams = await UpstreamAddresses.resolve(config, undefined, this.#upstreams.current)
    const lists = await this.#listsOf(config)
    const databases = await NetworkDatabases.read(config.protect, node.databases())
    const difference = configDifference(node.config, config)
    const keys = restartChanges(difference)
    if (keys.length > 0) return { kind: 'needs-restart', keys, text: restartText(keys) }
    // The names took their time.
    this.#requireReady()
    if (!isDry) await this.#swap(config, upstreams, lists, databases)
    const { version: tablesVersion } = node.tables()
    return { kind: isDry ? 'checked' : 'done', difference, text: differenceText(difference), tablesVersion }
  }

  async #swap(config: Config, upstreams: UpstreamAddresses, lists: Lists, databases: NetworkDatabases): Promise<void> {
    const { node, log, listWatch, databaseWatch, follow, cutOvers, certificate } = this.#options
    const [listsBefore, databasesBefore] = [node.lists(), node.databases()]
    await node.reload(config, upstreams.current, lists, databases, cutOvers?.closedIn(config))
    cutOvers?.follow(config)
    await certificate?.renew(config.admin)
    sayDatabases(log, databases, databasesBefore)
    sayLists(log, lists, listsBefore)
    this.#upstreams.stop()
    this.#upstreams = upstreams
    // A stop that came meanwhile has nothing to follow any more.
    if (node.state() !== 'ready') return
    databaseWatch.follow(databases.files)
    listWatch.follow(lists.files)
    follow(upstreams)
  }

  #requireReady(): void {
    const state = this.#options.node.state()
    if (state !== 'ready')
      throw new StartError('E_NOT_READY', `The node is ${state}; only a ready one can be reloaded.`)
  }

  #say(by: ReloadCause, outcome: ReloadOutcome): void {
    const { log } = this.#options
    if (outcome.kind === 'done') {
      const { difference, tablesVersion } = outcome
      const short = differenceInShort(difference)
      log.say('reloaded', { by, tablesVersion, ...difference }, `Reloaded (${by}): ${short}.`)
    } else if (outcome.kind === 'wrong-config') {
      const { kind, problems, text } = outcome
      log.say(
        'reload-failed',
        { by, why: kind, problems: problems.slice(0, LOGGED_PROBLEMS_MAX) },
        `Not reloaded (${by}), nothing has changed:\n${text}`,
      )
    } else {
      const code = outcome.kind === 'failed' ? outcome.code : undefined
      const sentence = `Not reloaded (${by}), nothing has changed: ${outcome.text}`
      log.say('reload-failed', { by, why: outcome.kind, code }, sentence)
    }
  }
}

function failed(code: string, text: string): ReloadOutcome {
  return { kind: 'failed', code, text }
}

function restartText(keys: readonly ChangedKey[]): string {
  const changes = keys.map(({ key, before, after }) => `${key} (${before ?? 'nothing'} → ${after ?? 'nothing'})`)
  const [word, their] = keys.length === 1 ? ['needs', 'its'] : ['need', 'their']
  return `${changes.join(', ')} ${word} a restart; reload works with ${their} old value in the file.`
}

/**
 * What one process of this node leaves to the next beside its sockets: bans, known clients and states of upstreams. They
 * are on the disk when the next one starts. Bans that change from then on are told by news, so that nothing is lost; the
 * others are read once more at the hand-over. While it lingers, the old one goes on telling whom it bans and who became
 * known, and learns of the new one's bans by the file.
 */
import { monotonicMs } from '../../lib/clock.ts'
import { KnownClients } from '../../traffic/admit/known-clients.ts'
import type { Tables } from '../../traffic/tables.ts'
import { BanFileWatch } from '../bans/ban-file-watch.ts'
import type { BanFile } from '../bans/ban-file.ts'
import { banOf } from '../bans/ban-file.ts'
import type { Bans } from '../bans/bans.ts'
import type { Attacks } from '../detect/attacks.ts'
import type { Log } from '../log/log.ts'
import type { OperatorStates } from '../operator/operator-states.ts'
import type { KnownClientsFile } from '../overload/known-clients-file.ts'
import { KnownClientsStore } from '../overload/known-clients-store.ts'
import type { SharedMemory } from '../workers/shared-memory.ts'
import { type KnownNews, type News, type NewsReader, NewsWriter } from './news.ts'

export interface LegacyOptions {
  readonly node: {
    readonly bans: Bans
    readonly attacks: Pick<Attacks, 'store' | 'leave'>
    readonly memory: Pick<SharedMemory, 'knownClientsMemory' | 'states'>
    readonly tables: () => Tables
  }
  readonly banFile: BanFile | undefined
  /** Without one nobody is known after a restart. */
  readonly knownFile: KnownClientsFile | undefined
  readonly operatorStates: Pick<OperatorStates, 'readAgain'> | undefined
  readonly log: Log
  /** Of the version before. */
  readonly news: NewsReader | undefined
}

const TELL_KNOWN_EVERY_MS = 60_000
/** Known clients are dated in whole seconds. */
const KNOWN_MARGIN_MS = 2_000

export class Legacy {
  readonly #options: LegacyOptions
  readonly #clients: KnownClients
  readonly #known: KnownClientsStore | undefined
  #knownTimer: NodeJS.Timeout | undefined
  #knownToldAtMs = 0
  readonly #isOurs = Promise.withResolvers<void>()
  #heir: NewsWriter | undefined
  #watch: BanFileWatch | undefined

  /** From here on this process has what the one before tells. */
  constructor(options: LegacyOptions) {
    const { node, knownFile, log, news } = options
    this.#options = options
    this.#clients = new KnownClients(node.memory.knownClientsMemory)
    this.#known = knownFile && new KnownClientsStore(knownFile, this.#clients, log)
    news?.follow((one) => this.#take(one))
  }

  /** Before the listeners open. Bans have been read by then. */
  async start(): Promise<void> {
    await this.#known?.read()
  }

  #take(news: News): void {
    const { bans } = this.#options.node
    if (news.kind === 'banned') bans.adopt(readable(news), true)
    if (news.kind === 'unbanned') bans.drop(news.prefixes)
    if (news.kind !== 'known') return
    const nowMs = monotonicMs()
    for (const [family, high, low, ageMs] of news.clients) this.#clients.restore(high, low, family, ageMs, nowMs)
  }

  /** The version before has been told that this one serves: waits until everything is ours. */
  async takeOver(): Promise<void> {
    const { node, news, log, banFile, operatorStates } = this.#options
    if (news === undefined) return
    const end = await news.handedOver()
    await this.#known?.readAgain()
    await operatorStates?.readAgain(node.tables(), node.memory.states)
    if (end === 'handed-over') return
    log.say(
      'not-handed-over',
      { why: end },
      'The version before did not say that it has handed over; this one goes on.',
    )
    // It may have written what it could not tell any more.
    const stored = await banFile?.readAgain().catch(() => undefined)
    if (stored !== undefined) node.bans.adopt(stored, true)
  }

  /** Nobody else writes the files from now on. */
  own(): void {
    this.#options.node.bans.takeOver()
    this.#known?.own()
    this.#isOurs.resolve()
  }

  /** What the next version reads when it starts is on the disk when this resolves; the rest is in the answer. */
  async prepare(): Promise<NewsWriter> {
    await this.#isOurs.promise
    const { bans, attacks } = this.#options.node
    const heir = new NewsWriter()
    bans.tellOf({
      banned: (stored) => heir.say({ kind: 'banned', bans: [...stored] }),
      unbanned: (prefixes) => heir.say({ kind: 'unbanned', prefixes: [...prefixes] }),
    })
    this.#heir = heir
    await bans.store()
    await attacks.store()
    await this.#known?.write()
    return heir
  }

  /** The next version serves, and nobody asks this one any more: the files are its own when this resolves. */
  async handOver(): Promise<void> {
    const { banFile } = this.#options
    const { bans, attacks } = this.#options.node
    attacks.leave()
    await bans.leave()
    await this.#known?.close()
    this.#knownToldAtMs = monotonicMs()
    this.#heir?.say({ kind: 'handed-over' })
    this.#knownTimer = setInterval(() => this.#tellKnown(), TELL_KNOWN_EVERY_MS).unref()
    if (banFile !== undefined) this.#watch = new BanFileWatch(banFile, (read) => bans.adopt(read, false))
  }

  /** Who became known here since it was told last, also by an older process that lingers. */
  #tellKnown(): void {
    const nowMs = monotonicMs()
    const sinceMs = nowMs - this.#knownToldAtMs + KNOWN_MARGIN_MS
    this.#knownToldAtMs = nowMs
    const clients: KnownNews['clients'] = []
    for (const { family, high, low, ageMs } of this.#clients.all(nowMs)) {
      if (ageMs <= sinceMs) clients.push([family, high, low, ageMs])
    }
    if (clients.length > 0) this.#heir?.say({ kind: 'known', clients })
  }

  /** When the last connection has ended, and with it whoever was useful to the last. */
  async close(): Promise<void> {
    if (this.#knownTimer !== undefined) this.#tellKnown()
    clearInterval(this.#knownTimer)
    this.#watch?.close()
    this.#heir?.close()
    await this.#known?.close()
  }
}

/** What a later version may make of a prefix is no reason to lose the others. */
function readable({ bans }: News & { kind: 'banned' }) {
  return bans.flatMap((stored) => {
    try {
      return [banOf(stored)]
    } catch {
      return []
    }
  })
}

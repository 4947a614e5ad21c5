/**
 * Copies what operators ban into the store, so that a backup of it has that, and a start whose file of bans is lost goes
 * on from there. Bans for strikes end by themselves soon, and may be a million: they are not copied.
 */
import { parseNetwork } from '../../lib/ip.ts'
import { type Ban, makeBan } from '../bans/ban.ts'
import type { Bans } from '../bans/bans.ts'
import type { Log } from '../log/log.ts'
import type { Store } from './store.ts'
import { sayBansFromStore } from './store-lines.ts'
import { BANS_STORED_MAX, type BanByHand } from './tables/bans.ts'

/** An hour, as Mirrors looks: the store may have begun anew since. */
const COPY_ANYWAY_LOOKS = 360

export class BanMirror {
  readonly #bans: Pick<Bans, 'view' | 'list'>
  readonly #store: Pick<Store, 'bans'>
  #copied = ''
  #looks = 0

  constructor(bans: Pick<Bans, 'view' | 'list'>, store: Pick<Store, 'bans'>) {
    this.#bans = bans
    this.#store = store
  }

  /** Never throws: what the store did not take is offered again. */
  async copy(): Promise<void> {
    const { made, active } = this.#bans.view()
    // The first only grows; where it stays, the second only falls.
    const version = `${made.manual} ${active.manual}`
    const isDue = ++this.#looks % COPY_ANYWAY_LOOKS === 0
    if (version === this.#copied && !isDue) return
    try {
      await this.#store.bans.replace(this.#bans.list(BANS_STORED_MAX, 'manual').map(byHandOf))
      this.#copied = version
    } catch {
      // The store has said what is wrong with it.
    }
  }
}

/** For a start that finds no file of bans, or a damaged one. A row that nobody can read is no reason not to start. */
export async function bansInStore(store: Pick<Store, 'bans'>, log: Log): Promise<readonly Ban[]> {
  const stored = await store.bans.list().catch(() => [])
  const bans = stored.flatMap(({ prefix, untilMs, ...rest }) => {
    const network = parseNetwork(prefix)
    if (network === undefined || !isTime(rest.sinceMs) || !isTime(untilMs ?? 0)) return []
    const made = { ...rest, untilMs: untilMs ?? Infinity, origin: 'manual', repeated: 0, isWatched: false } as const
    return [makeBan(network, made)]
  })
  if (bans.length > 0) sayBansFromStore(log, bans.length)
  return bans
}

/** Others can't be written as ISO 8601. */
function isTime(ms: number): boolean {
  return !Number.isNaN(new Date(ms).getTime())
}

function byHandOf({ text, sinceMs, untilMs, why, by }: Ban): BanByHand {
  return { prefix: text, sinceMs, untilMs: untilMs === Infinity ? null : untilMs, why, by }
}

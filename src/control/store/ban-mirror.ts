/**
 * Copies what operators ban into the store, so that a backup of it has that, and a start whose file of bans is lost goes
 * on from there. Bans for strikes end by themselves soon, and may be a million: they are not copied.
 */
import type { Ban } from '../bans/ban.ts'
import { banOf } from '../bans/ban-file.ts'
import type { Bans } from '../bans/bans.ts'
import type { Log } from '../log/log.ts'
import type { Store } from './store.ts'
import { sayBansFromStore } from './store-lines.ts'
import { BANS_STORED_MAX, type BanByHand } from './tables/bans.ts'

const COPY_EVERY_MS = 10_000
/** An hour: the store may have begun anew since. */
const COPY_ANYWAY_LOOKS = 360

export class BanMirror {
  readonly #bans: Pick<Bans, 'view' | 'list'>
  readonly #store: Pick<Store, 'bans'>
  #copied = ''
  #looks = 0
  #timer: NodeJS.Timeout | undefined
  #hasLeft = false

  constructor(bans: Pick<Bans, 'view' | 'list'>, store: Pick<Store, 'bans'>) {
    this.#bans = bans
    this.#store = store
  }

  start(): void {
    this.#timer = setInterval(() => void this.copy(), COPY_EVERY_MS)
    this.#timer.unref()
  }

  /** Never throws: what the store did not take is offered again. */
  async copy(): Promise<void> {
    const { made, active } = this.#bans.view()
    // The first only grows; where it stays, the second only falls.
    const version = `${made.manual} ${active.manual}`
    const isDue = ++this.#looks % COPY_ANYWAY_LOOKS === 0
    if ((version === this.#copied && !isDue) || this.#hasLeft) return
    try {
      await this.#store.bans.replace(this.#bans.list(BANS_STORED_MAX, 'manual').map(byHandOf))
      this.#copied = version
    } catch {
      // The store has said what is wrong with it.
    }
  }

  /** The next version copies from now on. */
  leave(): void {
    clearInterval(this.#timer)
    this.#hasLeft = true
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.copy()
  }
}

/** For a start that finds no file of bans, or a damaged one. */
export async function bansInStore(store: Pick<Store, 'bans'>, log: Log): Promise<readonly Ban[]> {
  const stored = await store.bans.list().catch(() => [])
  if (stored.length > 0) sayBansFromStore(log, stored.length)
  return stored.map(({ prefix, sinceMs, untilMs, why, by }) => {
    const until = untilMs === null ? null : new Date(untilMs).toISOString()
    return banOf({ prefix, origin: 'manual', since: new Date(sinceMs).toISOString(), until, why, by, repeated: 0 })
  })
}

function byHandOf({ text, sinceMs, untilMs, why, by }: Ban): BanByHand {
  return { prefix: text, sinceMs, untilMs: untilMs === Infinity ? null : untilMs, why, by }
}

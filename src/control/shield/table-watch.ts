/** Looks at our table in the kernel: what it dropped, and whether somebody else has changed it. */
import { listChains, NftError, readTable, type RunNft, takeCounters } from '../../kernel/nftables.ts'
import { monotonicMs } from '../../lib/clock.ts'
import type { DropCounts } from './drop-counts.ts'
import { pidOfChain } from './ruleset.ts'
import type { SetMirror } from './set-mirror.ts'

/** A look at every rule and element takes nft long where there are many: at most 1/200 of the time. */
const DEEP_LOOK_EVERY_POLLS = 12
const DEEP_LOOK_REST = 200
/** Reading more of them would hold up control for longer than 0.1 s: then flushed sets go unnoticed. */
const ELEMENTS_READ_MAX = 100_000

export interface TableWatchOptions {
  readonly run: RunNft
  readonly table: string
  readonly pollMs: number
  readonly dropped: DropCounts
}

export class TableWatch {
  readonly #run: RunNft
  readonly #table: string
  readonly #pollMs: number
  readonly #dropped: DropCounts
  #lookAtMs = 0
  #deepLookAtMs = 0
  /** As the first deep look found them. */
  #rulesByChain: ReadonlyMap<string, number> | undefined

  constructor({ run, table, pollMs, dropped }: TableWatchOptions) {
    this.#run = run
    this.#table = table
    this.#pollMs = pollMs
    this.#dropped = dropped
  }

  get isDue(): boolean {
    return monotonicMs() >= this.#lookAtMs
  }

  /** The table has just been made. */
  startOver(): void {
    this.#rulesByChain = undefined
    this.#lookAtMs = monotonicMs() + this.#pollMs
    this.#deepLookAtMs = monotonicMs() + this.#pollMs * DEEP_LOOK_EVERY_POLLS
  }

  /** Chains of our table, whoever made it; none where there is no table. */
  async ownChains(): Promise<string[]> {
    const chains = await listChains(this.#run)
    return chains.filter(({ family, table }) => family === 'inet' && table === this.#table).map(({ name }) => name)
  }

  /** Who made the table of our name: we leave a chain with the number of our process in it. */
  async owner(): Promise<'nobody' | 'tidegate' | 'another'> {
    const chains = await this.ownChains()
    if (chains.length === 0) return 'nobody'
    return chains.some((name) => pidOfChain(name) !== undefined) ? 'tidegate' : 'another'
  }

  async count(): Promise<void> {
    this.#dropped.add(await takeCounters(this.#run, this.#table))
  }

  /** Counts, and says whether the table is as we left it. */
  async look(sets: readonly SetMirror[]): Promise<boolean> {
    this.#lookAtMs = monotonicMs() + this.#pollMs
    try {
      await this.count()
    } catch (error) {
      if (error instanceof NftError && error.problem === 'not-there') return false
      throw error
    }
    const chains = await this.ownChains()
    if (!chains.includes('prerouting') || !chains.includes(`daemon_${process.pid}`)) return false
    return monotonicMs() < this.#deepLookAtMs || (await this.#isWholeInDepth(sets))
  }

  async #isWholeInDepth(sets: readonly SetMirror[]): Promise<boolean> {
    const startMs = monotonicMs()
    const elements = sets.reduce((sum, { sizeThere }) => sum + sizeThere, 0)
    const { rulesByChain, elementsBySet } = await readTable(this.#run, this.#table, elements <= ELEMENTS_READ_MAX)
    const nowMs = monotonicMs()
    const restMs = Math.max(this.#pollMs * DEEP_LOOK_EVERY_POLLS, (nowMs - startMs) * DEEP_LOOK_REST)
    this.#deepLookAtMs = nowMs + restMs
    const known = this.#rulesByChain
    this.#rulesByChain = rulesByChain
    if (rulesByChain.size === 0) return false
    if (known !== undefined && [...known].some(([chain, rules]) => rulesByChain.get(chain) !== rules)) return false
    if (elementsBySet === undefined) return true
    // What is about to expire may be gone already. Somebody's single additions or removals are left to them.
    return sets.every((set) => (elementsBySet.get(set.name) ?? 0) > 0 || set.lastingThere(nowMs) === 0)
  }
}

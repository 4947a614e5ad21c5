/** How many different sources of one neighbourhood were banned lately, for a fixed number of neighbourhoods. */
import { AgeLinks, AgeList } from '../../lib/age-list.ts'
import type { SourceKey } from './source.ts'

export const TRACKED_NEIGHBOURHOODS_MAX = 16_384

class Neighbourhood extends AgeLinks {
  readonly name: string
  readonly bannedAtMs = new Map<SourceKey, number>()

  constructor(name: string) {
    super()
    this.name = name
  }
}

export class NeighbourCounts {
  readonly #max: number
  readonly #byName = new Map<string, Neighbourhood>()
  /** Longest untouched first. */
  readonly #ages = new AgeList<Neighbourhood>()

  constructor(max = TRACKED_NEIGHBOURHOODS_MAX) {
    this.#max = max
  }

  /** Notes a ban; true when there are `after` different ones within `withinMs`, which are then forgotten. */
  add(name: string, source: SourceKey, after: number, withinMs: number, nowMs: number): boolean {
    const known = this.#byName.get(name)
    if (known !== undefined) this.#forget(known)
    const neighbourhood = known ?? new Neighbourhood(name)
    const { bannedAtMs } = neighbourhood
    bannedAtMs.set(source, nowMs)
    for (const [key, atMs] of bannedAtMs) if (atMs <= nowMs - withinMs) bannedAtMs.delete(key)
    if (bannedAtMs.size >= after) return true
    const { oldest } = this.#ages
    if (oldest !== undefined && this.#byName.size >= this.#max) this.#forget(oldest)
    this.#byName.set(name, neighbourhood)
    this.#ages.append(neighbourhood)
    return false
  }

  #forget(neighbourhood: Neighbourhood): void {
    this.#byName.delete(neighbourhood.name)
    this.#ages.remove(neighbourhood)
  }

  clear(): void {
    this.#byName.clear()
    this.#ages.clear()
  }
}

/** How many different sources of one neighbourhood were banned lately, for a fixed number of neighbourhoods. */
import type { SourceKey } from './source.ts'

export const TRACKED_NEIGHBOURHOODS_MAX = 16_384

export class NeighbourCounts {
  readonly #max: number
  /** By neighbourhood, longest untouched first; when each of its sources was banned. */
  readonly #bannedAtMs = new Map<string, Map<SourceKey, number>>()

  constructor(max = TRACKED_NEIGHBOURHOODS_MAX) {
    this.#max = max
  }

  /** Notes a ban; true when there are `after` different ones within `withinMs`, which are then forgotten. */
  add(neighbourhood: string, source: SourceKey, after: number, withinMs: number, nowMs: number): boolean {
    const banned = this.#bannedAtMs.get(neighbourhood) ?? new Map<SourceKey, number>()
    this.#bannedAtMs.delete(neighbourhood)
    banned.set(source, nowMs)
    for (const [key, atMs] of banned) if (atMs <= nowMs - withinMs) banned.delete(key)
    if (banned.size >= after) return true
    if (this.#bannedAtMs.size >= this.#max) {
      const [oldest] = this.#bannedAtMs.keys()
      this.#bannedAtMs.delete(oldest)
    }
    this.#bannedAtMs.set(neighbourhood, banned)
    return false
  }

  clear(): void {
    this.#bannedAtMs.clear()
  }
}

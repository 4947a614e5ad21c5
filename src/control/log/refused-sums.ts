import type { CloseReason } from '../../traffic/close-reason.ts'

/** Clients of one service that were refused for one reason. */
export interface RefusedCount {
  readonly service: string
  readonly reason: CloseReason
  readonly clients: number
}

/** Turns counts since the start into counts since the last question; leaves out what did not change. */
export class RefusedSums {
  readonly #seenByKey = new Map<string, number>()

  since(totals: readonly RefusedCount[]): RefusedCount[] {
    const changed: RefusedCount[] = []
    for (const total of totals) {
      const key = `${total.reason} ${total.service}`
      const clients = total.clients - (this.#seenByKey.get(key) ?? 0)
      if (clients <= 0) continue
      this.#seenByKey.set(key, total.clients)
      changed.push({ ...total, clients })
    }
    return changed
  }
}

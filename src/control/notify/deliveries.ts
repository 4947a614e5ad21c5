/**
 * The messages of the last time, for who looks; and in the store, so that those on their way go on after a restart. The
 * store may be off: then they are here only.
 */
import type { Store } from '../store/store.ts'
import type { Outcome } from './channel.ts'
import { type Message, shortened } from './message.ts'

/** In memory. */
const LISTED_MAX = 100
/** Less than the store takes of one. */
const STORED_BYTES_MAX = 15 * 1024

export interface Delivery extends Outcome {
  readonly channel: string
  readonly message: Message
}

export interface Resumed {
  readonly channel: string
  readonly message: Message
  readonly attempts: number
}

export class Deliveries {
  readonly #store: Pick<Store, 'notifications'>
  /** By channel and message; the oldest first. */
  readonly #listed = new Map<string, Delivery>()
  readonly #storeIds = new Map<string, Promise<number | undefined>>()
  #hasLeft = false

  constructor(store: Pick<Store, 'notifications'>) {
    this.#store = store
  }

  /** The newest first. */
  list(): readonly Delivery[] {
    return [...this.#listed.values()].toReversed()
  }

  add(channel: string, message: Message): void {
    this.#keep({ channel, message, state: 'waiting', attempts: 0, nextMs: message.atMs, error: null })
    const { atMs, when } = message
    const added = this.#store.notifications.addDelivery({
      atMs,
      channel,
      event: when,
      message: shortened(message, STORED_BYTES_MAX),
    })
    this.#storeIds.set(
      keyOf(channel, message),
      added.catch(() => undefined),
    )
  }

  /** What became of it so far. */
  note(channel: string, message: Message, outcome: Outcome): void {
    this.#keep({ channel, message, ...outcome })
    const key = keyOf(channel, message)
    const id = this.#storeIds.get(key)
    if (outcome.state !== 'waiting') this.#storeIds.delete(key)
    void this.#settle(id, outcome)
  }

  async #settle(id: Promise<number | undefined> | undefined, outcome: Outcome): Promise<void> {
    try {
      const stored = await id
      if (stored !== undefined && !this.#hasLeft) await this.#store.notifications.settleDelivery(stored, outcome)
    } catch {
      // The store has said what is wrong with it.
    }
  }

  /** What the daemon before had not sent yet, the oldest first. */
  async resume(): Promise<readonly Resumed[]> {
    try {
      const waiting = await this.#store.notifications.waiting()
      return waiting.map(({ id, channel, message: stored, attempts, nextMs, error }) => {
        const message = stored as Message
        this.#storeIds.set(keyOf(channel, message), Promise.resolve(id))
        this.#keep({ channel, message, state: 'waiting', attempts, nextMs, error })
        return { channel, message, attempts }
      })
    } catch {
      return []
    }
  }

  /** The next version goes on with them. */
  leave(): void {
    this.#hasLeft = true
  }

  #keep(delivery: Delivery): void {
    this.#listed.set(keyOf(delivery.channel, delivery.message), delivery)
    for (const key of this.#listed.keys()) {
      if (this.#listed.size <= LISTED_MAX) return
      this.#listed.delete(key)
    }
  }
}

function keyOf(channel: string, { id }: Message): string {
  return `${channel} ${id}`
}

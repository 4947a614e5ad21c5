/**
 * Bytes in user space whose receiver is slow, over all connections of a worker: never more than a limit.
 * When it is reached the connection goes that has been held up the longest: under attack, the attacker's.
 */
import { type Counters, WORKER } from '../counters.ts'

/** What can hold bytes, and can be ended to free them. */
export interface Holder {
  end(reason: 'out-of-memory'): void
}

export class HeldBytes<Owner extends Holder> {
  /** In the order in which holding began. */
  readonly #bytesByOwner = new Map<Owner, number>()
  readonly #bytesMax: number
  readonly #counters: Counters
  #bytes = 0

  constructor(bytesMax: number, counters: Counters) {
    this.#bytesMax = bytesMax
    this.#counters = counters
  }

  /** May end other connections, and the owner itself when it alone holds too much. */
  add(owner: Owner, bytes: number): void {
    this.#bytesByOwner.set(owner, (this.#bytesByOwner.get(owner) ?? 0) + bytes)
    this.#change(bytes)
    while (this.#bytes > this.#bytesMax) {
      const [oldest] = this.#bytesByOwner.keys()
      oldest.end('out-of-memory')
    }
  }

  /** An owner that was ended meanwhile holds nothing any more; then nothing is taken away. */
  remove(owner: Owner, bytes: number): void {
    const held = this.#bytesByOwner.get(owner)
    if (held === undefined) return
    if (held === bytes) this.#bytesByOwner.delete(owner)
    else this.#bytesByOwner.set(owner, held - bytes)
    this.#change(-bytes)
  }

  /** All that the owner holds: it has ended. */
  release(owner: Owner): void {
    this.remove(owner, this.#bytesByOwner.get(owner) ?? 0)
  }

  /** What goes beyond the limit is freed at once: nobody is told of it. */
  #change(bytes: number): void {
    this.#bytes += bytes
    if (this.#bytes <= this.#bytesMax) this.#counters.worker[WORKER.spillBytes] = this.#bytes
  }
}

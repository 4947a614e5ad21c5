/**
 * Which place each service, listener, upstream and address has in shared memory and log records. A place stays with
 * its key while the daemon runs, so that counters and old connections never speak of something else after a change.
 */

import { AffinityMemories } from './affinity-memories.ts'

/** Keys to places. It only grows: what is gone from the configuration keeps its place and its counts, until the daemon ends. */
export class GrowingSlots {
  readonly #indexByKey: Map<string, number>

  constructor(indexByKey: ReadonlyMap<string, number> = new Map()) {
    this.#indexByKey = new Map(indexByKey)
  }

  copy(): GrowingSlots {
    return new GrowingSlots(this.#indexByKey)
  }

  indexOf(key: string): number {
    const known = this.#indexByKey.get(key)
    if (known !== undefined) return known
    const index = this.#indexByKey.size
    this.#indexByKey.set(key, index)
    return index
  }

  get size(): number {
    return this.#indexByKey.size
  }
}

interface RecycledSlot {
  readonly index: number
  readonly usedInVersion: number
}

/**
 * Keys to places of a memory whose size is fixed. A hostname may go through new addresses without end, so the place
 * that was unused for the longest time is given away when all are taken. What a stale place can do is small: its
 * address is tried last for a moment.
 */
export class RecycledSlots {
  readonly capacity: number
  /** In the order of last use, oldest first. */
  readonly #slotByKey: Map<string, RecycledSlot>

  constructor(capacity: number, slotByKey: ReadonlyMap<string, RecycledSlot> = new Map()) {
    this.capacity = capacity
    this.#slotByKey = new Map(slotByKey)
  }

  copy(): RecycledSlots {
    return new RecycledSlots(this.capacity, this.#slotByKey)
  }

  /** Undefined when every place is used by the tables of this version. */
  indexOf(key: string, version: number): number | undefined {
    const known = this.#slotByKey.get(key)
    const index = known?.index ?? this.#freeIndex(version)
    if (index === undefined) return undefined
    this.#slotByKey.delete(key)
    this.#slotByKey.set(key, { index, usedInVersion: version })
    return index
  }

  #freeIndex(version: number): number | undefined {
    if (this.#slotByKey.size < this.capacity) return this.#slotByKey.size
    for (const [key, slot] of this.#slotByKey) {
      if (slot.usedInVersion === version) return undefined
      this.#slotByKey.delete(key)
      return slot.index
    }
    return undefined
  }
}

export class StableSlots {
  readonly services: GrowingSlots
  readonly listeners: GrowingSlots
  readonly upstreams: GrowingSlots
  readonly addresses: RecycledSlots
  readonly affinity: AffinityMemories

  /** `addressCapacity`: places in the table of recent failures; see `capacityFor`. */
  constructor(addressCapacity: number, from?: StableSlots) {
    this.services = from?.services.copy() ?? new GrowingSlots()
    this.listeners = from?.listeners.copy() ?? new GrowingSlots()
    this.upstreams = from?.upstreams.copy() ?? new GrowingSlots()
    this.addresses = from?.addresses.copy() ?? new RecycledSlots(addressCapacity)
    this.affinity = from?.affinity.copy() ?? new AffinityMemories()
  }

  /** To give places away for tables that may not come. */
  copy(): StableSlots {
    return new StableSlots(this.addresses.capacity, this)
  }
}

/** Every service that the node has, or had since it was started, with what its counters said last. */
import type { Tables } from '../../traffic/tables.ts'
import type { SharedMemory } from '../workers/shared-memory.ts'
import { readService, SERIES_FIELDS } from './series-fields.ts'

export interface KnownService {
  readonly name: string
  /** Those that are gone too: their counts stay in the sum. */
  readonly upstreams: Set<number>
  readonly reading: Float64Array
  /** The reading before. */
  readonly before: Float64Array
  /** As it was when the store had it last. */
  readonly stored: Float64Array
}

/** At most as many as there are places in shared memory; a place is never given to another name. */
export class KnownServices {
  readonly #memory: SharedMemory
  readonly #byIndex = new Map<number, KnownService>()

  constructor(memory: SharedMemory) {
    this.#memory = memory
  }

  get all(): Iterable<KnownService> {
    return this.#byIndex.values()
  }

  find(name: string): KnownService | undefined {
    return [...this.#byIndex.values()].find((service) => service.name === name)
  }

  /** What is gone from the tables may still have connections: it is read like the others. */
  read(tables: Tables): void {
    for (const { index, name, upstreams } of tables.services) {
      let known = this.#byIndex.get(index)
      if (known === undefined) this.#byIndex.set(index, (known = knownService(name)))
      for (const upstream of upstreams) known.upstreams.add(upstream.index)
    }
    for (const [index, { upstreams, reading, before }] of this.#byIndex) {
      before.set(reading)
      readService(this.#memory, index, upstreams, reading)
    }
  }
}

/** Counters begin at 0, and so does what is known of them. */
export function knownService(name: string): KnownService {
  const zeros = () => new Float64Array(SERIES_FIELDS.length)
  return { name, upstreams: new Set(), reading: zeros(), before: zeros(), stored: zeros() }
}

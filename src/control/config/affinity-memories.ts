/** The shared memory in which each service knows its clients' upstreams; it stays with the service from tables to tables. */
import { makeAffinityMemory } from '../../traffic/affinity.ts'

interface AffinityMemory {
  readonly clientsMax: number
  readonly memory: SharedArrayBuffer
}

export class AffinityMemories {
  readonly #byService: Map<string, AffinityMemory>

  constructor(byService: ReadonlyMap<string, AffinityMemory> = new Map()) {
    this.#byService = new Map(byService)
  }

  /** The same memories, for tables that may never be used: what is let go of here stays there. */
  copy(): AffinityMemories {
    return new AffinityMemories(this.#byService)
  }

  /** Another `clientsMax` than before is a new, empty table. */
  of(service: string, clientsMax: number): SharedArrayBuffer {
    const known = this.#byService.get(service)
    if (known?.clientsMax === clientsMax) return known.memory
    const memory = makeAffinityMemory(clientsMax)
    this.#byService.set(service, { clientsMax, memory })
    return memory
  }

  /** Lets go of the memory of all other services. */
  keepOnly(services: readonly string[]): void {
    for (const service of this.#byService.keys()) if (!services.includes(service)) this.#byService.delete(service)
  }
}

/** What a worker asks of the databases about an address: is its country, or its AS, let in? The databases come with the tables. */
import { hasNumber } from '../../lib/number-set.ts'
import type { DatabaseMemories, NetworkRule } from '../tables.ts'
import { NetworkDatabase, UNKNOWN } from './network-database.ts'

export class NetworkRules {
  #memories: DatabaseMemories | undefined
  #countries: NetworkDatabase | undefined
  #asns: NetworkDatabase | undefined

  /** Tables come often, with each change of a hostname; other databases seldom. */
  use(memories: DatabaseMemories | undefined): void {
    if (memories?.countries !== this.#memories?.countries) this.#countries = databaseOf(memories?.countries)
    if (memories?.asns !== this.#memories?.asns) this.#asns = databaseOf(memories?.asns)
    this.#memories = memories
  }

  /** Without a database, and where it knows nothing, UNKNOWN. */
  countryOf(bytes: Uint8Array, at: number, family: 4 | 6): number {
    return this.#countries === undefined ? UNKNOWN : this.#countries.valueOf(bytes, at, family)
  }

  asnOf(bytes: Uint8Array, at: number, family: 4 | 6): number {
    return this.#asns === undefined ? UNKNOWN : this.#asns.valueOf(bytes, at, family)
  }
}

/** `number` is that of a country or an AS. */
export function isKeptOut({ named, numbers, unknown }: NetworkRule, number: number): boolean {
  if (number === UNKNOWN) return unknown === 'refuse'
  return hasNumber(numbers, number) === (named === 'refuse')
}

function databaseOf(memory: SharedArrayBuffer | undefined): NetworkDatabase | undefined {
  return memory === undefined ? undefined : new NetworkDatabase(memory)
}

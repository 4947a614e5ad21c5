/** What a worker asks of the databases about an address: is its country, or its AS, let in? The databases come with the tables. */
import { hasNumber } from '../../lib/number-set.ts'
import type { NetworkRule, ServiceProtect } from '../tables.ts'
import { NetworkDatabase, UNKNOWN } from './network-database.ts'

export class NetworkRules {
  #memory: SharedArrayBuffer | undefined
  #database: NetworkDatabase | undefined

  /** Tables come often, with each change of a hostname; other databases seldom. */
  use(memory: SharedArrayBuffer | undefined): void {
    if (memory !== this.#memory) this.#database = memory === undefined ? undefined : new NetworkDatabase(memory)
    this.#memory = memory
  }

  /** For `country` and `asn`. */
  find(bytes: Uint8Array, at: number, family: 4 | 6): void {
    this.#database?.find(bytes, at, family)
  }

  /** Of the last `find`: its number, or UNKNOWN, as all are without a database. */
  get country(): number {
    return this.#database === undefined ? UNKNOWN : this.#database.country
  }

  get asn(): number {
    return this.#database === undefined ? UNKNOWN : this.#database.asn
  }
}

/** Whether a rule of the service asks for the country or the AS of its clients. */
export function asksForNetworks({ countries, asns, perAsn }: ServiceProtect): boolean {
  return countries.rule !== 'off' || asns.rule !== 'off' || perAsn.rule !== 'off'
}

/** `number` is that of a country or an AS. */
export function isKeptOut({ named, numbers, unknown }: NetworkRule, number: number): boolean {
  if (number === UNKNOWN) return unknown === 'refuse'
  return hasNumber(numbers, number) === (named === 'refuse')
}

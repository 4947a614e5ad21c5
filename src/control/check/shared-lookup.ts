/** Names of health services elsewhere. One lookup at a time for a name: a name server that hangs can't pile them up. */
import type { LookupFunction } from 'node:net'
import { type HostAnswer, lookUpHost, type Resolver } from '../resolve/host-lookup.ts'
import { systemResolver } from '../resolve/system-resolver.ts'

export class SharedLookup {
  readonly #resolver: Resolver
  readonly #underWay = new Map<string, Promise<HostAnswer>>()

  constructor(resolver: Resolver = systemResolver()) {
    this.#resolver = resolver
  }

  /** For `net.connect`. */
  readonly lookup: LookupFunction = (hostname, options, callback) => {
    void this.#answer(hostname, options.all === true, callback)
  }

  async #answer(hostname: string, wantsAll: boolean, callback: Parameters<LookupFunction>[2]): Promise<void> {
    const answer = await this.#ask(hostname)
    const addresses = answer.kind === 'found' ? [...answer.ipv4.addresses, ...answer.ipv6.addresses] : []
    if (addresses.length === 0) {
      const reason = answer.kind === 'failed' ? answer.reason : 'no usable address'
      callback(Object.assign(new Error(reason), { code: LOOKUP_FAILED }), '')
      return
    }
    const found = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
    if (wantsAll) callback(null, found)
    else callback(null, found[0].address, found[0].family)
  }

  /** `lookUpHost` turns every failure into an answer. */
  #ask(hostname: string): Promise<HostAnswer> {
    const known = this.#underWay.get(hostname)
    if (known !== undefined) return known
    const asked = lookUpHost(hostname, this.#resolver).finally(() => this.#underWay.delete(hostname))
    this.#underWay.set(hostname, asked)
    return asked
  }
}

export const LOOKUP_FAILED = 'TIDEGATE_LOOKUP'

/**
 * `balance: source-hash`: a client always gets the same upstream, without a table: weighted rendezvous hashing. Each
 * candidate draws a number for the client, and the least for its weight wins. Who leaves loses only its own clients, who
 * joins takes only its own share, and every node and every start draws the same numbers.
 */
import { formatSocketAddress } from '../../lib/ip.ts'
import type { Service } from '../tables.ts'
import { mix32 } from '../../lib/client-hash.ts'
import type { BalanceMethod } from './method.ts'

const TWO_TO_32 = 2 ** 32

export const sourceHash: BalanceMethod = ({ service, places, count, weights, clientHash }) => {
  const seeds = seedsOf(service)
  let first = places[0]
  let least = Infinity
  for (let i = 0; i < count; i++) {
    const place = places[i]
    const weight = weights[place]
    const drawn = ((mix32(clientHash ^ seeds[place]) >>> 0) + 0.5) / TWO_TO_32
    // -ln(x) is never below 1 - x: most candidates are out without the logarithm.
    if (1 - drawn >= least * weight) continue
    const score = -Math.log(drawn) / weight
    if (score >= least) continue
    least = score
    first = place
  }
  return first
}

const seedsByService = new WeakMap<Service, Int32Array>()

/** From the address alone: an upstream that is added before others leaves their numbers as they are. */
function seedsOf(service: Service): Int32Array {
  let seeds = seedsByService.get(service)
  if (seeds === undefined) {
    seeds = Int32Array.from(service.candidates, ({ address }) => hashText(formatSocketAddress(address)))
    seedsByService.set(service, seeds)
  }
  return seeds
}

/** FNV-1a [draft-eastlake-fnv], mixed, as neighbouring addresses differ in one character. */
function hashText(text: string): number {
  let hash = 0x811c_9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x0100_0193)
  return mix32(hash)
}

/**
 * `balance: round-robin`: in turn, as often as the weight says, spread smoothly. The turn is one counter over all
 * workers; who has it is written in an order that is made once for the tables (turn-order.ts).
 */
import type { Service } from '../tables.ts'
import type { BalanceMethod } from './method.ts'
import { drawByWeight } from './draw-by-weight.ts'
import { turnOrder } from './turn-order.ts'
import { isReady } from './weight.ts'

/** Turns one choice may take, passing those who can't be used. More are needed only where nearly all of the weight is away. */
const TURNS_PER_CHOICE_MAX = 128

export const roundRobin: BalanceMethod = (pool) => {
  const { service, places, count, has, states } = pool
  if (count === 1) return places[0]
  const order = orderOf(service, service.candidates[places[0]].share.backup)
  for (let i = 0; i < TURNS_PER_CHOICE_MAX; i++) {
    const place = order[(states.nextTurn(service.index) >>> 0) % order.length]
    // Who is absent gives the turn up and the next turn is taken: so its share falls to all others, not to its neighbour.
    if (has[place] === 1 && isReady(pool, place)) return place
  }
  return places[drawByWeight(pool)]
}

interface Orders {
  readonly primaries: Uint8Array
  readonly backups: Uint8Array
}

const ordersByService = new WeakMap<Service, Orders>()

/** A pool has either primaries or backups: in one order with the others, they would pass over those all the time. */
function orderOf(service: Service, backup: boolean): Uint8Array {
  let orders = ordersByService.get(service)
  if (orders === undefined) {
    orders = { primaries: orderOfRank(service, false), backups: orderOfRank(service, true) }
    ordersByService.set(service, orders)
  }
  return backup ? orders.backups : orders.primaries
}

function orderOfRank({ candidates }: Service, backup: boolean): Uint8Array {
  return turnOrder(candidates.map(({ share }) => (share.backup === backup ? share.weight : 0)))
}

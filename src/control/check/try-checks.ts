/** `tidegate check --online`: one attempt at every upstream that has a check, and what came of each. */
import type { Config } from '../config/config.ts'
import { capacityFor, makeTables } from '../config/make-tables.ts'
import { StableSlots } from '../config/stable-slots.ts'
import type { ResolvedAddresses } from '../config/upstream-ips.ts'
import { attemptCheck } from './attempt.ts'
import { makeCheckNetwork } from './check-network.ts'
import { addressesIn, checkPlan } from './check-target.ts'

export interface TriedCheck {
  readonly service: string
  readonly upstream: string
  readonly isGood: boolean
  /** What was tried and what came back. */
  readonly said: string
  readonly ms: number
}

/** In the order of the configuration. */
export async function tryChecks(config: Config, addresses: ResolvedAddresses): Promise<TriedCheck[]> {
  const tables = makeTables(config, addresses, new StableSlots(capacityFor(config).addresses), 1)
  const network = makeCheckNetwork()
  const never = new AbortController().signal
  return Promise.all(
    config.services.flatMap((service, i) =>
      service.upstreams.flatMap((upstream, place) => {
        const plan = checkPlan(service, upstream)
        if (plan === undefined) return []
        const own = addressesIn(tables.services[i], tables.services[i].upstreams[place].index)
        const names = { service: service.name, upstream: upstream.name }
        return attemptCheck(plan, own, network, never).then((result) => ({ ...names, ...result }))
      }),
    ),
  )
}

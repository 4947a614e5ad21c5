/** `tidegate check --online`: one attempt at every upstream that has a check, and what came of each. */
import type { Config } from '../config/config.ts'
import { makeTables, addressCapacityFor } from '../config/make-tables.ts'
import { StableSlots } from '../config/stable-slots.ts'
import type { ResolvedAddresses } from '../config/upstream-ips.ts'
import { Semaphore } from '../resolve/semaphore.ts'
import { ATTEMPTS_AT_ONCE_MAX } from './active-checks.ts'
import { attemptCheck } from './attempt.ts'
import { addressesIn, checkPlan } from './check-target.ts'
import { SharedLookup } from './shared-lookup.ts'

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
  const tables = makeTables(config, addresses, new StableSlots(addressCapacityFor(config)), 1)
  const semaphore = new Semaphore(ATTEMPTS_AT_ONCE_MAX)
  const { lookup } = new SharedLookup()
  const never = new AbortController().signal
  return Promise.all(
    config.services.flatMap((service, i) =>
      service.upstreams.flatMap((upstream, place) => {
        const plan = checkPlan(service, upstream)
        if (plan === undefined) return []
        const own = addressesIn(tables.services[i], tables.services[i].upstreams[place].index)
        return semaphore.run(async () => {
          const { isGood, said, ms } = await attemptCheck(plan, own, lookup, never)
          return { service: service.name, upstream: upstream.name, isGood, said, ms }
        })
      }),
    ),
  )
}

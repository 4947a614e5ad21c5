/** Services and upstreams by the names in a request. */
import { didYouMean } from '../lib/did-you-mean.ts'
import type { Service, Tables, Upstream } from '../traffic/tables.ts'
import { ApiProblem } from './problem.ts'

/** Throws E_NOT_FOUND with what there is. */
export function findService({ services }: Tables, wanted: string): Service {
  const service = services.find(({ name }) => name === wanted)
  if (service === undefined) throw unknown('service', wanted, services, 'This node has')
  return service
}

/** Throws E_NOT_FOUND with what there is. */
export function findUpstream(service: Service, wanted: string): Upstream {
  const upstream = service.upstreams.find(({ name }) => name === wanted)
  if (upstream === undefined) throw unknown('upstream', wanted, service.upstreams, `Service ${service.name} has`)
  return upstream
}

/** So many names a sentence lists. */
const NAMES_SHOWN_MAX = 10

function unknown(kind: string, name: string, known: readonly { readonly name: string }[], has: string): ApiProblem {
  const names = known.map((one) => one.name)
  const near = didYouMean(name, names)
  const shown = names.slice(0, NAMES_SHOWN_MAX).join(', ') + (names.length > NAMES_SHOWN_MAX ? ', …' : '')
  const advice = near === undefined ? `${has} ${shown}.` : `Did you mean ${near}?`
  return new ApiProblem('E_NOT_FOUND', `There is no ${kind} ${JSON.stringify(name)}. ${advice}`, {
    title: `Unknown ${kind}`,
  })
}

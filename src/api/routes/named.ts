/** What a path names: a service of this node, an upstream of it. Throws E_NOT_FOUND with what was probably meant. */
import type { NodeView } from '../../control/node-view.ts'
import { didYouMean } from '../../lib/did-you-mean.ts'
import type { Service, Upstream } from '../../traffic/tables.ts'
import { ApiProblem } from '../problem.ts'

export function findService(node: NodeView, name: string): Service {
  const { services } = node.tables()
  const service = services.find((one) => one.name === name)
  if (service === undefined) throw unknown('service', name, services, 'This node has')
  return service
}

export function findUpstream(service: Service, name: string): Upstream {
  const upstream = service.upstreams.find((one) => one.name === name)
  if (upstream === undefined) throw unknown('upstream', name, service.upstreams, `Service ${service.name} has`)
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

/** POST /api/v1/services/{service}/upstreams/{upstream}: what an operator wants of an upstream, from now on. */
import type { IncomingMessage } from 'node:http'
import type { StateChange } from '../control/operator/operator-states.ts'
import type { NodeView } from '../control/node-view.ts'
import { didYouMean } from '../lib/did-you-mean.ts'
import type { Service, Upstream } from '../traffic/tables.ts'
import type { Wanted } from '../traffic/upstream-states.ts'
import { json, problem, type Answer } from './answer.ts'
import { UpstreamStateRequest, type UpstreamStateAnswer } from './contract.ts'
import { readJsonBody } from './json-body.ts'
import { upstreamStatus } from './status.ts'

export type SetUpstreamState = (service: Service, upstream: Upstream, to: Wanted, by: string) => Promise<StateChange>

const PATH = /^\/api\/v1\/services\/([^/]+)\/upstreams\/([^/]+)$/

/** The names in the path, or undefined when it is another path. */
export function upstreamPath(path: string): { readonly service: string; readonly upstream: string } | undefined {
  const found = PATH.exec(path)
  if (found === null) return undefined
  try {
    return { service: decodeURIComponent(found[1]), upstream: decodeURIComponent(found[2]) }
  } catch {
    return undefined
  }
}

export async function setUpstreamState(
  node: NodeView,
  set: SetUpstreamState,
  names: { readonly service: string; readonly upstream: string },
  request: IncomingMessage,
): Promise<Answer> {
  const { services } = node.tables()
  const service = services.find(({ name }) => name === names.service)
  if (service === undefined) return unknown('service', names.service, services, 'This node has')
  const upstream = service.upstreams.find(({ name }) => name === names.upstream)
  if (upstream === undefined)
    return unknown('upstream', names.upstream, service.upstreams, `Service ${service.name} has`)
  const body = await readJsonBody(request, UpstreamStateRequest)
  if (!body.ok) return body.answer
  const change = await set(service, upstream, body.value.state, request.socket.remoteAddress ?? 'unknown')
  const answer: UpstreamStateAnswer = {
    service: service.name,
    ...change,
    upstream: upstreamStatus(node, service, upstream),
  }
  return json(200, answer)
}

/** So many names a sentence lists. */
const NAMES_SHOWN_MAX = 10

function unknown(kind: string, name: string, known: readonly { readonly name: string }[], has: string): Answer {
  const names = known.map((one) => one.name)
  const near = didYouMean(name, names)
  const shown = names.slice(0, NAMES_SHOWN_MAX).join(', ') + (names.length > NAMES_SHOWN_MAX ? ', …' : '')
  const advice = near === undefined ? `${has} ${shown}.` : `Did you mean ${near}?`
  return problem(404, `Unknown ${kind}`, `There is no ${kind} ${JSON.stringify(name)}. ${advice}`)
}

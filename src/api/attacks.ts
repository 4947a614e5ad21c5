/** /api/v1/attacks and /api/v1/top: attacks on services, and who comes most. */
import { levelsOf } from '../control/detect/attack-kinds.ts'
import type { WatchedService } from '../control/detect/watched-service.ts'
import { TOP_SECONDS } from '../control/detect/visitors.ts'
import type { NodeView } from '../control/node-view.ts'
import { json, problem, type Answer } from './answer.ts'
import {
  type AttacksAnswer,
  type AttackView,
  ATTACKS_PATH,
  TOP_LISTED_DEFAULT,
  TOP_LISTED_MAX,
  TOP_PARAMETERS,
  TOP_SPANS,
  type TopAnswer,
  type TopSpan,
  type WatchedServiceView,
} from './contract.ts'

/** `/api/v1/attacks`, or one of them by its number; undefined for another path. */
export function attacks({ attacks }: Pick<NodeView, 'attacks'>, path: string): Answer | undefined {
  if (path === ATTACKS_PATH) {
    const answer = { services: attacks.watched().map(viewOf), attacks: attacks.list().toReversed() }
    return json(200, answer satisfies AttacksAnswer)
  }
  if (!path.startsWith(`${ATTACKS_PATH}/`)) return undefined
  const id = path.slice(ATTACKS_PATH.length + 1)
  const record = /^\d{1,15}$/.test(id) ? attacks.find(Number(id)) : undefined
  return record === undefined
    ? problem(404, 'Not found', `There is no attack ${id}; tidegate attacks lists them.`)
    : json(200, record satisfies AttackView)
}

function viewOf({ service, config, attack, isLearning, detector, sample }: WatchedService): WatchedServiceView {
  return {
    service: service.name,
    mode: config.mode,
    attack: attack?.start.id ?? null,
    learning: isLearning,
    calm: detector.calm.levels,
    limits: detector.limits,
    now: levelsOf(sample),
  }
}

export function top(node: Pick<NodeView, 'attacks' | 'tables'>, query: URLSearchParams): Answer {
  const by = query.get(TOP_PARAMETERS.by) ?? 'address'
  if (!isSpan(by)) return problem(400, 'Bad request', `by is ${by}; expected ${TOP_SPANS.join(' or ')}.`)
  const limitText = query.get(TOP_PARAMETERS.limit) ?? String(TOP_LISTED_DEFAULT)
  const limit = /^\d{1,6}$/.test(limitText) ? Number(limitText) : 0
  if (limit < 1 || limit > TOP_LISTED_MAX) {
    return problem(400, 'Bad request', `limit is ${limitText}; expected 1 to ${TOP_LISTED_MAX}.`)
  }
  const service = query.get(TOP_PARAMETERS.service) ?? undefined
  const names = node.tables().services.map(({ name }) => name)
  if (service !== undefined && !names.includes(service)) {
    return problem(404, 'Not found', `There is no service ${service}; there is ${names.join(', ')}.`)
  }
  return json(200, { by, seconds: TOP_SECONDS, sources: node.attacks.top(by, limit, service) } satisfies TopAnswer)
}

function isSpan(text: string): text is TopSpan {
  return (TOP_SPANS as readonly string[]).includes(text)
}

/** GET /api/v1/lists: the allow and deny lists in force. */
import type { NodeView } from '../control/node-view.ts'
import { json, type Answer } from './answer.ts'
import type { ListStatus } from './contract.ts'

export function lists(node: NodeView): Answer {
  return json(200, { lists: listStatuses(node) })
}

function listStatuses(node: NodeView): ListStatus[] {
  const all = node.lists()?.all ?? []
  return all.map(({ name, action, file, entries, badLines, badLineCount, readAtMs, problem }) => ({
    name,
    action,
    file,
    entries: entries.count,
    badLines: badLineCount,
    firstBadLines: [...badLines],
    readAt: new Date(readAtMs).toISOString(),
    problem: problem ?? null,
  }))
}

/** GET /api/v1/lists: the allow and deny lists in force. */
import type { NodeView } from '../../control/node-view.ts'
import { ADMIN_PATHS, ListsAnswer, type ListStatus, Problem } from '../contract.ts'
import type { App, Room } from '../room.ts'

export function listRoutes(app: App, { node }: Room): void {
  app.get(
    ADMIN_PATHS.lists,
    {
      config: { role: 'viewer' },
      schema: {
        operationId: 'lists',
        summary: 'The allow and deny lists in force.',
        tags: ['lists'],
        response: { 200: ListsAnswer, '4xx': Problem },
      },
    },
    () => ({ lists: listStatuses(node) }),
  )
}

export function listStatuses(node: NodeView): ListStatus[] {
  const all = node.lists()?.all ?? []
  return all.map(({ name, kept, action, file, entries, badLines, badLineCount, readAtMs, problem }) => ({
    name,
    kept: kept ?? null,
    action,
    file,
    entries: entries.count,
    badLines: badLineCount,
    firstBadLines: [...badLines],
    readAt: new Date(readAtMs).toISOString(),
    problem: problem ?? null,
  }))
}

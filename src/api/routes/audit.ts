/** GET /api/v1/audit: who changed what, a page at a time. */
import { z } from 'zod'
import { ACCESS_PATHS, AUDIT_LISTED_DEFAULT, AUDIT_LISTED_MAX, AuditAnswer, Problem } from '../contract.ts'
import type { App, Room } from '../room.ts'
import type { StoredAudit } from '../../control/access/access-store.ts'
import { countText } from './query.ts'

const Word = z.string().max(256, 'expected at most 256 characters').optional()
const Time = z.iso.datetime('expected a time such as 2026-11-21T18:00:00Z').optional()

const Query = z.strictObject({
  limit: countText(AUDIT_LISTED_MAX).default(AUDIT_LISTED_DEFAULT),
  before: countText(999_999_999).optional(),
  who: Word,
  action: Word,
  target: Word,
  result: Word,
  from: Time,
  to: Time,
})

export function auditRoutes(app: App, { auditLog }: Room): void {
  app.get(
    ACCESS_PATHS.audit,
    {
      config: { role: 'operator' },
      schema: {
        operationId: 'audit',
        summary: 'What was changed, by whom and from where, the newest first.',
        tags: ['access'],
        querystring: Query,
        response: { 200: AuditAnswer, '4xx': Problem },
      },
    },
    async ({ query }) => {
      const { from, to, ...filter } = query
      const timeOf = (text: string | undefined): number | undefined =>
        text === undefined ? undefined : Date.parse(text)
      const { entries, next } = await auditLog.list({ ...filter, fromMs: timeOf(from), toMs: timeOf(to) })
      return { entries: entries.map(viewOf), next }
    },
  )
}

function viewOf({ id, atMs, who, from, action, target, details, result }: StoredAudit) {
  return { id, at: new Date(atMs).toISOString(), who, from, action, target, details, result }
}

/** /api/v1/lists/{action}/{list}: lists that operators keep, entry by entry or as a whole. */
import { z } from 'zod'
import type { AskedEntry, KeptChange, KeptLists } from '../../control/lists/kept-lists.ts'
import type { KeptEntry } from '../../control/lists/kept-list.ts'
import { formatNetwork } from '../../lib/ip.ts'
import {
  KEPT_LIST_PATH,
  KEPT_LISTED_DEFAULT,
  KEPT_LISTED_MAX,
  KEPT_NAMED_MAX,
  KeptListChange,
  KeptListPage,
  KeptListParams,
  KeptListRemoval,
  KeptListRequest,
  Problem,
} from '../contract.ts'
import { ApiProblem } from '../problem.ts'
import { type App, askedBy, type Room } from '../room.ts'
import { type ReadEntries, readEntries, readNetworks } from '../read-kept-entries.ts'
import { countText } from './query.ts'

/** As many entries as are kept at most, with short comments. */
const BODY_BYTES_MAX = 4 * 1024 * 1024
const tags = ['lists']

const Query = z.strictObject({
  limit: countText(KEPT_LISTED_MAX).default(KEPT_LISTED_DEFAULT),
  after: z.string().max(100).optional(),
  search: z.string().max(100).optional(),
})

export type KeptListActions = Pick<KeptLists, 'of' | 'put' | 'replace' | 'remove'>

export function keptListRoutes(app: App, { actions: { keptLists } }: Room): void {
  addPage(app, keptLists)
  addChanges(app, keptLists)
  addRemoval(app, keptLists)
}

function addPage(app: App, lists: KeptListActions): void {
  app.get(
    KEPT_LIST_PATH,
    {
      config: { role: 'viewer' },
      schema: {
        operationId: 'keptList',
        summary: 'Entries of a list that operators keep, a page at a time.',
        tags,
        params: KeptListParams,
        querystring: Query,
        response: { 200: KeptListPage, '4xx': Problem },
      },
    },
    ({ params: { action, list }, query }) => {
      const kept = lists.of(action, list)
      const { entries, hasMore } = kept.page(query)
      return { total: kept.count, entries: entries.map(viewOf), next: hasMore ? (entries.at(-1)?.text ?? null) : null }
    },
  )
}

function addChanges(app: App, lists: KeptListActions): void {
  const rest = { bodyLimit: BODY_BYTES_MAX }
  const schema = {
    tags,
    params: KeptListParams,
    body: KeptListRequest,
    response: { 200: KeptListChange, '4xx': Problem, 503: Problem },
  }
  app.post(
    KEPT_LIST_PATH,
    {
      ...rest,
      config: { role: 'operator', audit: 'lists.add' },
      schema: {
        ...schema,
        operationId: 'addToKeptList',
        summary: 'Puts entries on a list, or gives those that are there a new comment and end.',
      },
    },
    async (request) => {
      const { action, list } = request.params
      const read = await readEntries(request.body)
      const change = await lists.put(action, list, read.entries, askedBy(request).who)
      request.auditDetails = inShort(change)
      return answerOf(change, read)
    },
  )
  app.put(
    KEPT_LIST_PATH,
    {
      ...rest,
      config: { role: 'operator', audit: 'lists.replace' },
      schema: {
        ...schema,
        operationId: 'replaceKeptList',
        summary: 'From now on the list has these entries and no others; says what that changed.',
      },
    },
    async (request) => {
      const { action, list } = request.params
      const read = await readEntries(request.body)
      requireSomeOf(read)
      const change = await lists.replace(action, list, read.entries, askedBy(request).who)
      request.auditDetails = inShort(change)
      return answerOf(change, read)
    },
  )
}

function addRemoval(app: App, lists: KeptListActions): void {
  app.delete(
    KEPT_LIST_PATH,
    {
      bodyLimit: BODY_BYTES_MAX,
      config: { role: 'operator', audit: 'lists.remove' },
      schema: {
        operationId: 'removeFromKeptList',
        summary: 'Takes these entries from a list, or all.',
        tags,
        params: KeptListParams,
        body: KeptListRemoval,
        response: { 200: KeptListChange, '4xx': Problem, 503: Problem },
      },
    },
    async (request) => {
      const { action, list } = request.params
      const { networks } = request.body
      if (networks === undefined) {
        const change = await lists.replace(action, list, [], askedBy(request).who)
        request.auditDetails = inShort(change)
        return answerOf(change, { entries: [], refused: [], refusedCount: 0 })
      }
      const read = readNetworks(networks, (text) => lists.of(action, list).has(text))
      const change = await lists.remove(
        action,
        list,
        read.entries.map(({ network }) => formatNetwork(network)),
      )
      request.auditDetails = inShort(change)
      return answerOf(change, read)
    },
  )
}

/** What was fetched from somewhere and is a page of errors does not empty a list. */
function requireSomeOf({ entries, refused: [first] }: ReadEntries): void {
  if (entries.length > 0 || first === undefined) return
  throw new ApiProblem(
    'E_REQUEST',
    `Nothing of it can be taken, and the list stays as it is. Line ${first.line}: ${first.message}.`,
  )
}

function answerOf(
  { added, changed, removed, ...rest }: KeptChange,
  { refused, refusedCount }: Omit<ReadEntries, 'entries'> & { entries: readonly AskedEntry[] },
): KeptListChange {
  const first = (texts: readonly string[]): string[] => texts.slice(0, KEPT_NAMED_MAX)
  return {
    ...rest,
    added: added.length,
    changed: changed.length,
    removed: removed.length,
    named: { added: first(added), changed: first(changed), removed: first(removed) },
    refusedCount,
    refused: refused.slice(0, KEPT_NAMED_MAX),
  }
}

/** So many networks the audit log names. */
const NAMED_MAX = 10

function inShort({ added, changed, removed }: KeptChange): string {
  const parts = Object.entries({ added, changed, removed }).filter(([, texts]) => texts.length > 0)
  const said = parts.map(([what, texts]) => {
    const more = texts.length - NAMED_MAX
    return `${what} ${texts.slice(0, NAMED_MAX).join(' ')}${more > 0 ? ` and ${more} more` : ''}`
  })
  return said.join('; ')
}

function viewOf({ text: network, comment, sinceMs, untilMs, by }: KeptEntry): KeptListPage['entries'][number] {
  const until = untilMs === Infinity ? null : new Date(untilMs).toISOString()
  return { network, comment, since: new Date(sinceMs).toISOString(), until, by }
}

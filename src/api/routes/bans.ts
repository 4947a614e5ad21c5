/** /api/v1/bans: who is banned, and what operators ban and unban. */
import { z } from 'zod'
import type { Ban } from '../../control/bans/ban.ts'
import type { AskedBans, RefusedPrefix } from '../../control/bans/ban-answers.ts'
import type { Bans } from '../../control/bans/bans.ts'
import { replaceByHand } from '../../control/bans/replace-by-hand.ts'
import { parseBanned } from '../../control/bans/source.ts'
import {
  BAN_ORIGIN_WORDS,
  BanChangeAnswer,
  BanList,
  BanRequest,
  BANS_LISTED_DEFAULT,
  BANS_LISTED_MAX,
  BANS_PATH,
  type BanView,
  Problem,
  UnbanRequest,
} from '../contract.ts'
import { ApiProblem } from '../problem.ts'
import { type App, askedBy, type Room } from '../room.ts'
import { countText } from './query.ts'

/** BANS_PER_REQUEST_MAX of the longest prefixes, with quotes. */
const BODY_BYTES_MAX = 1024 * 1024
/** A damaged list is known by its first mistakes. */
const REFUSED_TOLD_MAX = 5
const tags = ['bans']

const Query = z.strictObject({
  limit: countText(BANS_LISTED_MAX).default(BANS_LISTED_DEFAULT),
  origin: z.enum(BAN_ORIGIN_WORDS, `expected ${BAN_ORIGIN_WORDS.join(', ')}`).optional(),
  covering: z.string().max(100).optional(),
})

export type BanActions = Pick<
  Bans,
  'isLeft' | 'add' | 'remove' | 'flush' | 'list' | 'covering' | 'view' | 'noteAdminClient' | 'signal'
>

export function banRoutes(app: App, { actions: { bans } }: Room): void {
  addListing(app, bans)
  addBanning(app, bans)
  addReplacing(app, bans)
  addUnbanning(app, bans)
}

function addListing(app: App, bans: BanActions): void {
  app.get(
    BANS_PATH,
    {
      config: { role: 'viewer' },
      schema: {
        operationId: 'listBans',
        summary: 'The bans, newest first.',
        tags,
        querystring: Query,
        response: { 200: BanList, '4xx': Problem },
      },
    },
    ({ query }) => ({ total: totalOf(bans), bans: listed(bans, query).map(viewOf) }),
  )
}

function addBanning(app: App, bans: BanActions): void {
  app.post(
    BANS_PATH,
    {
      bodyLimit: BODY_BYTES_MAX,
      config: { role: 'operator', audit: 'bans.add' },
      schema: {
        operationId: 'addBans',
        summary: 'Bans addresses and networks, for a time or for good.',
        tags,
        body: BanRequest,
        response: { 200: BanChangeAnswer, '4xx': Problem },
      },
    },
    async (request) => {
      refuseWhenLeft(bans)
      const { changed, refused, stored } = await bans.add(askedBans(request.body), askedBy(request).who)
      request.auditDetails = inShort(request.body.prefixes)
      return changeAnswer(bans, { changed: changed.length, refused, stored })
    },
  )
}

function addReplacing(app: App, bans: BanActions): void {
  app.put(
    BANS_PATH,
    {
      bodyLimit: BODY_BYTES_MAX,
      config: { role: 'operator', audit: 'bans.replace' },
      schema: {
        operationId: 'replaceBans',
        summary: 'From now on operators have banned these and no others; other bans stay.',
        tags,
        body: BanRequest,
        response: { 200: BanChangeAnswer, '4xx': Problem },
      },
    },
    async (request) => {
      refuseWhenLeft(bans)
      const { changed, refused, stored, isTaken } = await replaceByHand(
        bans,
        askedBans(request.body),
        askedBy(request).who,
      )
      if (!isTaken) throw new ApiProblem('E_REQUEST', `Nothing has changed: ${firstOf(refused)}.`)
      request.auditDetails = `${changed.length} changed`
      return changeAnswer(bans, { changed: changed.length, refused, stored })
    },
  )
}

function askedBans({ prefixes, ttlMs, comment = '', force = false }: BanRequest): AskedBans {
  return { prefixes, ttlMs: ttlMs === 0 ? Infinity : ttlMs, comment: comment || 'by hand', force }
}

function firstOf(refused: readonly RefusedPrefix[]): string {
  const more = refused.length - REFUSED_TOLD_MAX
  const told = refused.slice(0, REFUSED_TOLD_MAX).map(({ prefix, why }) => `${prefix} ${why}`)
  return told.join('; ') + (more > 0 ? `; and ${more} more` : '')
}

function addUnbanning(app: App, bans: BanActions): void {
  app.delete(
    BANS_PATH,
    {
      bodyLimit: BODY_BYTES_MAX,
      config: { role: 'operator', audit: 'bans.remove' },
      schema: {
        operationId: 'removeBans',
        summary: 'Ends these bans, all, or all of one origin.',
        tags,
        body: UnbanRequest,
        response: { 200: BanChangeAnswer, '4xx': Problem },
      },
    },
    async (request) => {
      refuseWhenLeft(bans)
      const { prefixes, origin } = request.body
      const by = askedBy(request).who
      request.auditDetails = prefixes === undefined ? `all ${origin ?? ''}` : inShort(prefixes)
      if (prefixes === undefined) {
        const { bans: changed, stored } = await bans.flush(origin, by)
        return changeAnswer(bans, { changed, refused: [], stored })
      }
      const { changed, refused, stored } = await bans.remove(prefixes, by)
      return changeAnswer(bans, { changed: changed.length, refused, stored })
    },
  )
}

function listed(bans: BanActions, { limit, origin, covering }: z.infer<typeof Query>): readonly Ban[] {
  if (covering === undefined) return bans.list(limit, origin)
  const network = parseBanned(covering)
  if (!network.ok) throw new ApiProblem('E_REQUEST', `covering: ${covering} ${network.problem}.`)
  return bans.covering(network.value)
}

/** So many prefixes the audit log names. */
const PREFIXES_TOLD_MAX = 20

function inShort(prefixes: readonly string[]): string {
  const more = prefixes.length - PREFIXES_TOLD_MAX
  return prefixes.slice(0, PREFIXES_TOLD_MAX).join(' ') + (more > 0 ? ` and ${more} more` : '')
}

export function refuseWhenLeft({ isLeft }: Pick<BanActions, 'isLeft'>): void {
  if (!isLeft) return
  throw new ApiProblem('E_UPGRADED', 'Nothing has changed: the next version has taken over meanwhile. Ask again.')
}

interface ChangeByHand {
  readonly changed: number
  readonly refused: readonly RefusedPrefix[]
  readonly stored: boolean
}

function changeAnswer(bans: BanActions, { refused, ...change }: ChangeByHand): BanChangeAnswer {
  return { ...change, refused: [...refused], total: totalOf(bans) }
}

/** Those that are watched are listed too. */
function totalOf(bans: BanActions): number {
  return bans.view().total
}

export function viewOf({ text, origin, sinceMs, untilMs, why, by, repeated, isWatched }: Ban): BanView {
  const until = untilMs === Infinity ? null : new Date(untilMs).toISOString()
  return { prefix: text, origin, since: new Date(sinceMs).toISOString(), until, why, by, repeated, watched: isWatched }
}

/** /api/v1/bans: who is banned, and what operators ban and unban. */
import type { IncomingMessage } from 'node:http'
import type { Ban } from '../control/bans/ban.ts'
import type { RefusedPrefix } from '../control/bans/ban-answers.ts'
import type { Bans } from '../control/bans/bans.ts'
import { parseBanned } from '../control/bans/source.ts'
import { json, methodNotAllowed, problem, type Answer } from './answer.ts'
import {
  BAN_LIST_PARAMETERS,
  BAN_ORIGIN_WORDS,
  type BanChangeAnswer,
  type BanList,
  type BanOriginWord,
  BanRequest,
  BANS_LISTED_DEFAULT,
  BANS_LISTED_MAX,
  BANS_PATH,
  type BanView,
  UnbanRequest,
} from './contract.ts'
import { readJsonBody } from './json-body.ts'

/** BANS_PER_REQUEST_MAX of the longest prefixes, with quotes. */
const BODY_BYTES_MAX = 1024 * 1024

export type BanActions = Pick<
  Bans,
  'isLeft' | 'add' | 'remove' | 'flush' | 'list' | 'covering' | 'view' | 'noteAdminClient'
>

export async function answerBans(request: IncomingMessage, bans: BanActions): Promise<Answer> {
  const by = request.socket.remoteAddress ?? 'unknown'
  switch (request.method) {
    case 'GET':
    case 'HEAD':
      return listBans(new URL(request.url ?? '/', 'http://admin').searchParams, bans)
    case 'POST':
      return await addBans(request, bans, by)
    case 'DELETE':
      return await removeBans(request, bans, by)
    default:
      return methodNotAllowed(BANS_PATH, ['GET', 'POST', 'DELETE'])
  }
}

function listBans(query: URLSearchParams, bans: BanActions): Answer {
  const limitText = query.get(BAN_LIST_PARAMETERS.limit) ?? String(BANS_LISTED_DEFAULT)
  const limit = /^\d{1,6}$/.test(limitText) ? Number(limitText) : 0
  if (limit < 1 || limit > BANS_LISTED_MAX) {
    return problem(400, 'Bad request', `limit is ${limitText}; expected 1 to ${BANS_LISTED_MAX}.`)
  }
  const origin = query.get(BAN_LIST_PARAMETERS.origin) ?? undefined
  if (origin !== undefined && !isOrigin(origin)) {
    return problem(400, 'Bad request', `origin is ${origin}; expected ${BAN_ORIGIN_WORDS.join(', ')}.`)
  }
  const covering = query.get(BAN_LIST_PARAMETERS.covering)
  if (covering === null)
    return json(200, { total: totalOf(bans), bans: bans.list(limit, origin).map(viewOf) } satisfies BanList)
  const network = parseBanned(covering)
  if (!network.ok) return problem(400, 'Bad request', `${covering} ${network.problem}.`)
  return json(200, { total: totalOf(bans), bans: bans.covering(network.value).map(viewOf) } satisfies BanList)
}

function isOrigin(text: string): text is BanOriginWord {
  return (BAN_ORIGIN_WORDS as readonly string[]).includes(text)
}

async function addBans(request: IncomingMessage, bans: BanActions, by: string): Promise<Answer> {
  const body = await readJsonBody(request, BanRequest, BODY_BYTES_MAX)
  if (!body.ok) return body.answer
  if (bans.isLeft) return upgradedMeanwhile()
  const { prefixes, ttlMs, comment = '', force = false } = body.value
  const asked = { prefixes, ttlMs: ttlMs === 0 ? Infinity : ttlMs, comment: comment || 'by hand', force }
  const { changed, refused, stored } = await bans.add(asked, by)
  return changeAnswer(bans, { changed: changed.length, refused, stored })
}

async function removeBans(request: IncomingMessage, bans: BanActions, by: string): Promise<Answer> {
  const body = await readJsonBody(request, UnbanRequest, BODY_BYTES_MAX)
  if (!body.ok) return body.answer
  if (bans.isLeft) return upgradedMeanwhile()
  const { prefixes, origin } = body.value
  if (prefixes === undefined) {
    const { bans: changed, stored } = await bans.flush(origin, by)
    return changeAnswer(bans, { changed, refused: [], stored })
  }
  const { changed, refused, stored } = await bans.remove(prefixes, by)
  return changeAnswer(bans, { changed: changed.length, refused, stored })
}

function upgradedMeanwhile(): Answer {
  return problem(503, 'Upgraded', 'Nothing has changed: the next version has taken over meanwhile. Ask again.')
}

interface ChangeByHand {
  readonly changed: number
  readonly refused: readonly RefusedPrefix[]
  readonly stored: boolean
}

function changeAnswer(bans: BanActions, { refused, ...change }: ChangeByHand): Answer {
  return json(200, { ...change, refused: [...refused], total: totalOf(bans) } satisfies BanChangeAnswer)
}

/** Those that are watched are listed too. */
function totalOf(bans: BanActions): number {
  return bans.view().total
}

export function viewOf({ text, origin, sinceMs, untilMs, why, by, repeated, isWatched }: Ban): BanView {
  const until = untilMs === Infinity ? null : new Date(untilMs).toISOString()
  return { prefix: text, origin, since: new Date(sinceMs).toISOString(), until, why, by, repeated, watched: isWatched }
}

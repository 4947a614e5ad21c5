/** Asks a running daemon through its admin API. */
import type { ZodType } from 'zod'
import {
  ADMIN_ADDRESS_DEFAULT,
  ADMIN_PATHS,
  ANSWER_TIMEOUT_MS,
  BanChangeAnswer,
  BanList,
  type BanRequest,
  BANS_PATH,
  NodeStatus,
  Problem,
  ShieldStatus,
  UpstreamStateAnswer,
  upstreamStatePath,
  type UnbanRequest,
  type WantedState,
} from '../api/contract.ts'
import { parseJson, send } from './admin-send.ts'
import { CommandError, EXIT_CODES } from './exit-code.ts'
import { isOnThisMachine } from './local-token.ts'
import type { TlsAnswer } from './tls-request.ts'
import { givenToken } from './token-option.ts'

export { urlInUse } from './admin-send.ts'

/** `host:port` or a URL; throws CommandError when it is neither. Beyond this machine a bare address is one over TLS. */
export function adminUrl(text: string = process.env['TIDEGATE_ADMIN'] ?? ADMIN_ADDRESS_DEFAULT): URL {
  const isWhole = /^https?:\/\//.test(text)
  const url = URL.parse(isWhole ? text : `http://${text}`)
  if (url !== null && url.hostname !== '') {
    return isWhole || isOnThisMachine(url) ? url : new URL(`https://${text}`)
  }
  throw new CommandError(
    `${JSON.stringify(text)} is no address; write HOST:PORT, 127.0.0.1:9900 for example.`,
    EXIT_CODES.usage,
  )
}

/** Throws CommandError with what to do when nothing, or something else, answers there. */
export async function fetchStatus(admin: URL): Promise<NodeStatus> {
  return await fetchAnswer(new URL(ADMIN_PATHS.status, admin), NodeStatus)
}

/** What the shield does, and what it does not and why. Throws CommandError as fetchStatus does. */
export async function fetchShield(admin: URL): Promise<ShieldStatus> {
  return await fetchAnswer(new URL(ADMIN_PATHS.shield, admin), ShieldStatus)
}

/**
 * The answer to a request that changes something; its status is part of it. Throws CommandError when nothing, or
 * something else, answers there, and with the reason when Tidegate refuses to listen.
 */
export async function askAdmin<Answer>(
  url: URL,
  shape: ZodType<Answer>,
  request: RequestInit,
  timeoutMs: number,
): Promise<Answer> {
  const { status, text } = await sendInTime(url, request, timeoutMs)
  const answer = shape.safeParse(parseJson(text))
  if (answer.success) return answer.data
  throw status < 300 ? new CommandError(stranger(url)) : refusal(url, status, text)
}

/** Throws CommandError with what the daemon says is wrong; unknown names are wrong usage. */
export async function setUpstreamState(
  admin: URL,
  service: string,
  upstream: string,
  state: WantedState,
): Promise<UpstreamStateAnswer> {
  const url = new URL(upstreamStatePath(service, upstream), admin)
  return await fetchAnswer(url, UpstreamStateAnswer, jsonRequest('POST', { state }))
}

/** Throws CommandError with what the daemon says is wrong. */
export async function listBans(admin: URL, query: Readonly<Record<string, string>>): Promise<BanList> {
  const url = new URL(`${BANS_PATH}?${new URLSearchParams(query).toString()}`, admin)
  return await fetchAnswer(url, BanList)
}

/** Throws CommandError with what the daemon says is wrong; prefixes that it refuses are in the answer. */
export async function changeBans(
  admin: URL,
  method: 'POST' | 'DELETE',
  body: BanRequest | UnbanRequest,
): Promise<BanChangeAnswer> {
  return await fetchAnswer(new URL(BANS_PATH, admin), BanChangeAnswer, jsonRequest(method, body))
}

/** Throws CommandError with what the daemon says is wrong. */
export async function fetchAnswer<Answer>(url: URL, shape: ZodType<Answer>, request?: RequestInit): Promise<Answer> {
  const answer = shape.safeParse(parseJson(await fetchText(url, request)))
  if (answer.success) return answer.data
  throw new CommandError(stranger(url))
}

/** The answer to a change. Throws CommandError with what the daemon says is wrong. */
export async function changeAnswer<Answer>(
  url: URL,
  shape: ZodType<Answer>,
  method: 'POST' | 'PUT' | 'PATCH' | 'DELETE',
  body?: object,
): Promise<Answer> {
  return await fetchAnswer(url, shape, body === undefined ? { method } : jsonRequest(method, body))
}

function jsonRequest(method: string, body: object): RequestInit {
  return { method, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
}

function stranger(url: URL): string {
  return `What answers at ${url.href} is not Tidegate, or a version that this command does not know.`
}

async function fetchText(url: URL, request: RequestInit = {}): Promise<string> {
  const { status, text } = await sendInTime(url, request, ANSWER_TIMEOUT_MS)
  if (status < 300) return text
  throw refusal(url, status, text)
}

/** A signal of the request's own outranks the time. */
async function sendInTime(url: URL, request: RequestInit, timeoutMs: number): Promise<TlsAnswer> {
  try {
    return await send(url, { signal: AbortSignal.timeout(timeoutMs), ...request })
  } catch (error) {
    if (error instanceof CommandError) throw error
    throw new CommandError(unreachable(url, error as Error, timeoutMs))
  }
}

/** What was asked for is not there, or is written wrong: the daemon's sentence says how it is right. */
const USAGE_STATUSES: ReadonlySet<number> = new Set([400, 404])

function refusal(url: URL, status: number, text: string): CommandError {
  const problem = Problem.safeParse(parseJson(text))
  if (!problem.success) return new CommandError(`${url.href} answered ${status}; is it Tidegate?`)
  const given = status === 401 ? givenToken() : undefined
  if (given !== undefined) {
    const detail = `${problem.data.detail} It is from ${given.from}.`
    return new CommandError(
      `${detail} \`tidegate tokens add\` makes another; on the daemon's machine its user needs none.`,
    )
  }
  return new CommandError(problem.data.detail, USAGE_STATUSES.has(status) ? EXIT_CODES.usage : EXIT_CODES.failed)
}

function unreachable(url: URL, error: Error, timeoutMs: number): string {
  const cause = (error.cause ?? error) as NodeJS.ErrnoException
  const why = error.name === 'TimeoutError' ? `no answer within ${timeoutMs / 1000} s` : (cause.code ?? cause.message)
  return `Cannot reach Tidegate at ${url.host}: ${why}. Is it running? The address is admin.listen in its configuration; give it with --admin HOST:PORT.`
}

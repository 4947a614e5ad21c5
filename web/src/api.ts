/** Asks the admin API. Every answer is of the contract; an error is a Problem, and says what to do. */
import type { Problem } from '../../src/api/contract.ts'

export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly status: number
  /** Undefined when it was not Tidegate that answered, or nobody did. */
  readonly code: string | undefined
  /** The whole answer: some problems say more. */
  readonly body: unknown

  constructor(status: number, message: string, code?: string, body?: unknown) {
    super(message)
    this.status = status
    this.code = code
    this.body = body
  }
}

let loggedOut = (): void => {}

/** `heard` is called when an answer says that nobody is logged in. */
export function onLoggedOut(heard: () => void): void {
  loggedOut = heard
}

const UNREACHABLE = 'Tidegate does not answer. Is it running, and is this machine still connected to it?'

/** Throws ApiError; `body` is sent as JSON. */
export async function ask<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
  const headers: Record<string, string> = { accept: 'application/json' }
  // A form of another site cannot send it.
  if (method !== 'GET') headers['x-tidegate'] = '1'
  if (body !== undefined) headers['content-type'] = 'application/json'
  return await send<Answer>(method, path, headers, body)
}

export function get<Answer>(path: string): Promise<Answer> {
  return ask<Answer>('GET', path)
}

/** What a page asks again by itself: a session that nobody uses ends all the same. */
export function look<Answer>(path: string): Promise<Answer> {
  return send<Answer>('GET', path, { accept: 'application/json', 'x-tidegate': 'look' })
}

async function send<Answer>(
  method: string,
  path: string,
  headers: Record<string, string>,
  body?: unknown,
): Promise<Answer> {
  const init: RequestInit = { method, headers, credentials: 'same-origin', redirect: 'error' }
  if (body !== undefined) init.body = JSON.stringify(body)
  const response = await fetch(addressOf(path), init).catch(() => {
    throw new ApiError(0, UNREACHABLE)
  })
  const text = await response.text()
  const answer = parse(text)
  if (response.ok) return answer as Answer
  const { detail, code } = (answer ?? {}) as Partial<Problem>
  if (code === 'E_UNAUTHENTICATED') loggedOut()
  throw new ApiError(response.status, detail ?? `The answer was ${response.status}.`, code, answer)
}

/** Below the folder the page was served from. */
export function addressOf(path: string): string {
  return new URL(path.replace(/^\//, ''), new URL('.', location.href)).href
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

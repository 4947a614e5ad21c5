/** One POST with a deadline for all of it. Nothing is followed, and of the answer only its beginning is read. */
import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import type { LookupFunction } from 'node:net'
import { plain } from './plain-text.ts'
import { SendError } from './send-error.ts'

const ANSWER_BYTES_MAX = 4 * 1024
const ANSWER_TOLD_CHARACTERS_MAX = 200
/** They say that it may work later. */
const LATER_STATUSES: ReadonlySet<number> = new Set([408, 425, 429])

export interface Post {
  readonly url: string
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
  readonly ca: string | undefined
  readonly lookup: LookupFunction
  readonly signal: AbortSignal
}

/** Resolves when the receiver has taken it (2xx); throws SendError. */
export async function postJson(post: Post): Promise<void> {
  const { status, text, retryAfterMs } = await send(post).catch((error: NodeJS.ErrnoException) => {
    throw new SendError(post.signal.aborted ? 'no answer in time' : plain(error.code ?? error.message))
  })
  if (status >= 200 && status < 300) return
  const said = plain(text.trim().slice(0, ANSWER_TOLD_CHARACTERS_MAX))
  const redirects = status >= 300 && status < 400 ? '; redirects are not followed' : ''
  const isFinal = status < 500 && !LATER_STATUSES.has(status)
  throw new SendError(`answered ${status}${redirects}${said === '' ? '' : `: ${said}`}`, { isFinal, retryAfterMs })
}

interface Answer {
  readonly status: number
  readonly text: string
  readonly retryAfterMs: number | undefined
}

function send({ url, body, headers, ca, lookup, signal }: Post): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const request = (url.startsWith('https:') ? requestHttps : requestHttp)(url, {
    method: 'POST',
    agent: false,
    lookup,
    signal,
    maxHeaderSize: 8 * 1024,
    headers: {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      'user-agent': 'Tidegate',
      connection: 'close',
      ...headers,
    },
    ...(ca === undefined ? {} : { ca }),
  })
  request.on('error', reject)
  request.on('response', (response) => {
    const { statusCode: status = 0, headers } = response
    const retryAfterMs = secondsOf(headers['retry-after'])
    let bytes = Buffer.alloc(0)
    const done = (): void => {
      resolve({ status, text: bytes.toString(), retryAfterMs })
      request.destroy()
    }
    // It was taken: what else it has to say is of no use.
    if (status >= 200 && status < 300) done()
    response.on('data', (piece: Buffer) => {
      bytes = Buffer.concat([bytes, piece])
      if (bytes.length >= ANSWER_BYTES_MAX) done()
    })
    response.on('end', done)
    response.on('error', reject)
  })
  request.end(body)
  return promise
}

function secondsOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,6}$/.test(text) ? Number(text) * 1000 : undefined
}

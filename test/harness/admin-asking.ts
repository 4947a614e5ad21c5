/** Asks the admin API of a daemon under test, with the token that its refusal names. */
import { readFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import type { Address } from './address.ts'
import { within } from './deadline.ts'

export interface AdminRequest {
  readonly headers?: Record<string, string>
  /** Is sent as JSON. */
  readonly body?: unknown
}

export interface AdminAnswer {
  readonly status: number
  readonly body: string
}

export class AdminAsking {
  #token: string | undefined

  async ask(at: Address, method: string, path: string, request: AdminRequest): Promise<AdminAnswer> {
    const sent = this.#token
    const token = sent === undefined ? {} : { authorization: `Bearer ${sent}` }
    const type = request.body === undefined ? {} : { 'content-type': 'application/json' }
    const headers = { ...token, ...type, ...request.headers }
    const answer = await askOnce(at, method, path, headers, JSON.stringify(request.body) ?? '')
    if (answer.status !== 401 || sent !== undefined) return answer
    const { tokenFile } = JSON.parse(answer.body) as { tokenFile?: string }
    if (tokenFile === undefined) return answer
    this.#token = readFileSync(tokenFile, 'utf8').trim()
    return this.ask(at, method, path, request)
  }
}

function askOnce(
  { host, port }: Address,
  method: string,
  path: string,
  headers: Record<string, string>,
  text: string,
): Promise<AdminAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<AdminAnswer>()
  const call = httpRequest({ host, port, path, method, headers, agent: false }, (response) => {
    let body = ''
    response.setEncoding('utf8').on('data', (piece: string) => (body += piece))
    response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
    response.on('error', reject)
  })
  call.on('error', reject)
  // Node frames no body of DELETE by itself.
  if (text !== '') call.setHeader('content-length', Buffer.byteLength(text))
  call.end(text)
  return within(`an answer to ${method} ${path}`, promise)
}

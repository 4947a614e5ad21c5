/** One HTTP request over a connection that is open, and the verdict on its answer. */
import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import type { Socket } from 'node:net'
import type { Progress } from './check-connection.ts'
import { type CheckPlan, hostHeaderOf } from './check-target.ts'
import { BODY_BYTES_MAX, bodyProblem, statusProblem } from './judge-answer.ts'

export interface Judged {
  readonly status: number
  /** Why it is a bad answer. */
  readonly problem: string | undefined
}

/** Rejects where no whole answer comes. The body is read only where somebody wants to look at it. */
export async function askHttp(plan: CheckPlan, socket: Socket, progress: Progress): Promise<Judged> {
  progress.waitsFor = 'answer'
  const { check } = plan
  const { status, message } = await answerTo(sendRequest(plan, socket))
  const problem = statusProblem(status, check)
  if (problem !== undefined || check.expectBody === undefined) return { status, problem }
  progress.waitsFor = 'end of the body'
  const body = message === undefined ? Buffer.alloc(0) : await firstBytes(message)
  return { status, problem: bodyProblem(status, body, check.expectBody) }
}

function sendRequest(plan: CheckPlan, socket: Socket): ClientRequest {
  const { method, headers, body } = plan.check
  const own = new Set(Object.keys(headers).map((name) => name.toLowerCase()))
  const defaults = { Host: hostHeaderOf(plan), 'User-Agent': 'tidegate-check', Accept: '*/*' }
  const asked = request({
    createConnection: () => socket,
    method,
    path: plan.url.path,
    setHost: false,
    headers: {
      ...Object.fromEntries(Object.entries(defaults).filter(([name]) => !own.has(name.toLowerCase()))),
      ...headers,
      // For GET node would send a body without saying how long it is.
      ...(body === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(body)) }),
      Connection: 'close',
    },
  })
  asked.end(body)
  return asked
}

interface Answer {
  readonly status: number
  /** Undefined where there can be no body. */
  readonly message: IncomingMessage | undefined
}

function answerTo(asked: ClientRequest): Promise<Answer> {
  return new Promise((resolve, reject) => {
    asked.on('response', (message) => {
      // When the connection is cut later; who reads the body hears of it too.
      message.on('error', () => {})
      resolve({ status: message.statusCode ?? 0, message })
    })
    asked.on('upgrade', (message) => resolve({ status: message.statusCode ?? 0, message: undefined }))
    asked.on('error', reject)
  })
}

async function firstBytes(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of message as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes >= BODY_BYTES_MAX) break
  }
  return Buffer.concat(chunks).subarray(0, BODY_BYTES_MAX)
}

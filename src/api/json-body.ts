/** Reads the body of a request that changes something: JSON, small, and said to be JSON. */
import type { IncomingMessage } from 'node:http'
import { z } from 'zod'
import { problem, type Answer } from './answer.ts'

export const BODY_BYTES_MAX = 4 * 1024

/** What was sent, or the answer that says what is wrong with it. */
export type JsonBody<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly answer: Answer }

export async function readJsonBody<Value>(
  request: IncomingMessage,
  shape: z.ZodType<Value>,
  bytesMax = BODY_BYTES_MAX,
): Promise<JsonBody<Value>> {
  // Other types can be sent across sites without asking first (a form does).
  if (!/^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? '')) {
    return refused(415, 'Unsupported media type', 'The body is expected as content-type: application/json.')
  }
  const text = await readText(request, bytesMax)
  if (text === undefined) return refused(413, 'Body too large', `The body may have ${bytesMax} bytes.`)
  try {
    const parsed = shape.safeParse(JSON.parse(text))
    if (parsed.success) return { ok: true, value: parsed.data }
    return refused(400, 'Bad request', parsed.error.issues.map(sentenceOf).join(' '))
  } catch {
    return refused(400, 'Bad request', 'The body is not JSON.')
  }
}

/** Undefined when it is too long; the rest is then not read. */
async function readText(request: IncomingMessage, bytesMax: number): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let bytes = 0
  // The request stays whole when the loop is left: its socket has to carry the answer.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > bytesMax) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function sentenceOf({ path, message }: z.core.$ZodIssue): string {
  return path.length === 0 ? `${message}.` : `${path.join('.')}: ${message}.`
}

function refused(status: number, title: string, detail: string): { ok: false; answer: Answer } {
  return { ok: false, answer: problem(status, title, detail) }
}

/** Is the answer to an HTTP check a good one? Pure. */
import type { ActiveCheckConfig, ExpectedBody } from '../config/active-check.ts'

/** What of a body is looked at. */
export const BODY_BYTES_MAX = 64 * 1024

type Expectation = Pick<ActiveCheckConfig, 'expectStatus' | 'expectBody'>

/** Why the status is a bad one; undefined when it is good. */
export function statusProblem(status: number, { expectStatus }: Expectation): string | undefined {
  if (expectStatus.some(({ first, last }) => status >= first && status <= last)) return undefined
  const ranges = expectStatus.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`))
  return `HTTP ${status}, expected ${ranges.join(', ')}`
}

/** Why the body is a bad one; `body` is its first BODY_BYTES_MAX bytes. */
export function bodyProblem(status: number, body: Buffer, expected: ExpectedBody): string | undefined {
  const text = body.toString('utf8')
  const isGood = expected.kind === 'text' ? text.includes(expected.text) : expected.pattern.test(text)
  if (isGood) return undefined
  const looked = body.length < BODY_BYTES_MAX ? `${body.length} bytes` : 'first 64 KiB'
  return `HTTP ${status}, but its body (${looked}) has no match for expectBody`
}

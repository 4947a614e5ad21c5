/** What the admin API answers with. */
import type { Problem } from './contract.ts'

export interface Answer {
  readonly status: number
  readonly contentType: string
  readonly body: string
  /** The methods that the path takes, with status 405. */
  readonly allow?: string
}

export function text(status: number, body: string): Answer {
  return { status, contentType: 'text/plain; charset=utf-8', body: `${body}\n` }
}

export function json(status: number, value: unknown, contentType = 'application/json'): Answer {
  return { status, contentType, body: `${JSON.stringify(value)}\n` }
}

export function problem(status: number, title: string, detail: string): Answer {
  const body: Problem = { type: 'about:blank', title, status, detail }
  return json(status, body, 'application/problem+json')
}

export function methodNotAllowed(path: string, methods: readonly string[]): Answer {
  return { ...problem(405, 'Method not allowed', `${path} takes ${methods.join(' and ')}.`), allow: methods.join(', ') }
}

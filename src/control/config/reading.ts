/** What reading one value answers: the value, or a problem with its code. */
import type { ConfigProblemCode } from './problem.ts'

export type Reading<Value> = { readonly ok: true; readonly value: Value } | Unread

export interface Unread {
  readonly ok: false
  readonly code: ConfigProblemCode
  readonly problem: string
}

export function read<Value>(value: Value): Reading<Value> {
  return { ok: true, value }
}

export function unread(code: ConfigProblemCode, problem: string): Unread {
  return { ok: false, code, problem }
}

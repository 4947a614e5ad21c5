/** What a reader of text answers: the value, or one sentence that says what is wrong and what is expected instead. */
export type Parsed<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly problem: string }

export function parsed<Value>(value: Value): Parsed<Value> {
  return { ok: true, value }
}

export function unparsed(problem: string): { readonly ok: false; readonly problem: string } {
  return { ok: false, problem }
}

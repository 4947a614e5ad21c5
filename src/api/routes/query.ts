/** Parts of queries that several routes take. */
import { z } from 'zod'

/** A whole number from 1, as text. */
export function countText(max: number) {
  const expected = `expected 1 to ${max}`
  return z
    .string()
    .regex(/^\d{1,9}$/, expected)
    .transform(Number)
    .pipe(z.int(expected).min(1, expected).max(max, expected))
}

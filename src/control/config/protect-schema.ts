/** `services[].protect`: who is let in, and what becomes of the others. */
import { z } from 'zod'
import { choice } from './leaf.ts'
import { wireSchema } from './protect-wire-schema.ts'

export const protectSchema = z.strictObject({
  refuse: choice(
    ['reset', 'close'],
    'What a client sees that is refused: a reset, which leaves nothing behind here, or an ordinary close.',
  ).prefault('reset'),
  ...wireSchema,
})

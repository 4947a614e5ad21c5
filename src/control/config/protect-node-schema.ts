/** `protect` at the top of the file: what is the node's and not one service's. */
import { z } from 'zod'
import { bansSchema } from './protect-bans-schema.ts'

export const protectNodeSchema = z.strictObject({
  bans: bansSchema.prefault({}).meta({ description: 'Who misbehaves is banned for a time.' }),
})

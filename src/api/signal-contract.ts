/** The part of contract.ts about upstreams that know an abuser when they see one; import it from there. */
import { z } from 'zod'

/** Takes POST with a SignalRequest; answers a SignalAnswer. */
export const SIGNALS_PATH = '/api/v1/services/:service/signals'
export function signalsPath(service: string): string {
  return `/api/v1/services/${encodeURIComponent(service)}/signals`
}
export const SIGNAL_TTL_MS_DEFAULT = 600_000
const SIGNAL_TTL_MS_MIN = 1_000
const SIGNAL_TTL_MS_MAX = 365 * 86_400_000
const REASON_CHARACTERS_MAX = 200

export const SignalRequest = z
  .strictObject({
    /** The client's address. */
    client: z.string().max(100).optional(),
    /** Or the id of its connection, as in the log and in the UNIQUE_ID of PROXY v2; it must be open. */
    connection: z
      .string()
      .regex(/^[\da-f]{24}$/, 'expected 24 hex digits')
      .optional(),
    /** For the log and whoever looks at the ban. */
    reason: z.string().min(1).max(REASON_CHARACTERS_MAX),
    ttlMs: z.int().min(SIGNAL_TTL_MS_MIN).max(SIGNAL_TTL_MS_MAX).optional(),
  })
  .refine(
    ({ client, connection }) => (client === undefined) !== (connection === undefined),
    'expected either client or connection',
  )
  .meta({ examples: [{ client: '192.0.2.7', reason: '30 failed logins', ttlMs: 3_600_000 }] })
export type SignalRequest = z.infer<typeof SignalRequest>

export const SignalAnswer = z.object({
  /** What is banned: an IPv4 address, or the /64 of an IPv6 address. */
  prefix: z.string(),
  /** Null is for good. */
  until: z.iso.datetime().nullable(),
  /** False where a ban of before ends no earlier, and was left as it is. */
  changed: z.boolean(),
})
export type SignalAnswer = z.infer<typeof SignalAnswer>

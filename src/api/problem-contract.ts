/** The part of contract.ts about errors; import it from there. */
import { z } from 'zod'

/** What the API refuses with: codes stay, docs/api.md tells them from here. */
export const PROBLEMS = {
  E_REQUEST: { status: 400, title: 'Bad request' },
  E_UNAUTHENTICATED: { status: 401, title: 'Not logged in' },
  E_SECOND_FACTOR: { status: 401, title: 'Second factor needed' },
  E_FORBIDDEN: { status: 403, title: 'Not allowed' },
  E_HOST: { status: 403, title: 'Host refused' },
  E_ORIGIN: { status: 403, title: 'Origin refused' },
  E_NOT_FOUND: { status: 404, title: 'Not found' },
  E_METHOD: { status: 405, title: 'Method not allowed' },
  E_NEVER_BANNED: { status: 409, title: 'Never banned' },
  E_CONFLICT: { status: 409, title: 'Changed meanwhile' },
  E_READ_ONLY: { status: 409, title: 'Read-only' },
  E_NOT_EDITABLE: { status: 409, title: 'To be changed as text' },
  E_BODY_TOO_LARGE: { status: 413, title: 'Body too large' },
  E_MEDIA_TYPE: { status: 415, title: 'Unsupported media type' },
  E_TOO_MANY: { status: 429, title: 'Too many requests' },
  E_INTERNAL: { status: 500, title: 'Internal error' },
  E_STORE: { status: 503, title: 'The store is off' },
  E_UPGRADED: { status: 503, title: 'Upgraded' },
  E_NOT_READY: { status: 503, title: 'Not ready' },
} as const
export type ProblemCode = keyof typeof PROBLEMS

/** An error of the API [RFC 9457]. */
export const Problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number(),
  detail: z.string(),
  /** One of PROBLEMS, or of those of another version. */
  code: z.string().optional(),
  /** With E_UNAUTHENTICATED, for who asks on the same machine: where the token is that only the daemon's user can read. */
  tokenFile: z.string().optional(),
})
export type Problem = z.infer<typeof Problem>

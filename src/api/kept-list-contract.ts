/** The part of contract.ts about lists that operators keep; import it from there. */
import { z } from 'zod'

/**
 * One list: GET answers a KeptListPage, POST adds and PUT replaces what a KeptListRequest names, DELETE takes a
 * KeptListRemoval; the last three answer a KeptListChange. A list is there as long as it has entries.
 */
export const KEPT_LIST_PATH = '/api/v1/lists/:action/:list'
export function keptListPath(action: ListActionWord, list: string): string {
  return `/api/v1/lists/${action}/${encodeURIComponent(list)}`
}
export const KEPT_LIST_PARAMETERS = { limit: 'limit', after: 'after', search: 'search' } as const
/** In one answer. */
export const KEPT_LISTED_DEFAULT = 100
export const KEPT_LISTED_MAX = 1_000
/** In one request. */
export const KEPT_ENTRIES_PER_REQUEST_MAX = 100_000
export const KEPT_COMMENT_CHARACTERS_MAX = 120
/** Ten years. */
const TTL_MS_MAX = 3650 * 86_400_000
/** In an answer, of each kind. */
export const KEPT_NAMED_MAX = 100

export const LIST_ACTION_WORDS = ['allow', 'deny'] as const
export type ListActionWord = (typeof LIST_ACTION_WORDS)[number]
export const KeptListName = z
  .string()
  .regex(/^[a-z\d][a-z\d._-]{0,39}$/, 'expected up to 40 lower-case letters, digits, dots, _ and -, as in scanners')
export const KeptListParams = z.object({
  action: z.enum(LIST_ACTION_WORDS, 'expected allow or deny'),
  list: KeptListName,
})

const Count = z.number().nonnegative()
const Comment = z.string().max(KEPT_COMMENT_CHARACTERS_MAX)
/** 0 is for good. */
const TtlMs = z.int().min(0).max(TTL_MS_MAX)

export const KeptListRequest = z
  .strictObject({
    entries: z
      .array(
        z.strictObject({
          /** `192.0.2.0/24`, one address, or a range such as `192.0.2.1-192.0.2.9`. */
          network: z.string().max(200),
          comment: Comment.optional(),
          ttlMs: TtlMs.optional(),
        }),
      )
      .max(KEPT_ENTRIES_PER_REQUEST_MAX)
      .optional(),
    /** Lines as list files have them: docs/lists.md. */
    text: z.string().optional(),
    /** Of entries that have none of their own. */
    comment: Comment.optional(),
    ttlMs: TtlMs.optional(),
    /** Also networks that are suspiciously wide. */
    force: z.boolean().optional(),
  })
  .refine(({ entries, text }) => (entries === undefined) !== (text === undefined), 'expected either entries or text')
  .meta({ examples: [{ entries: [{ network: '192.0.2.0/24', comment: 'scanner' }], ttlMs: 86_400_000 }] })
export type KeptListRequest = z.infer<typeof KeptListRequest>

export const KeptListRemoval = z
  .strictObject({
    networks: z.array(z.string().max(200)).min(1).max(KEPT_ENTRIES_PER_REQUEST_MAX).optional(),
    all: z.literal(true).optional(),
  })
  .refine(({ networks, all }) => (networks === undefined) === (all === true), 'expected either networks or "all": true')
  .meta({ examples: [{ networks: ['192.0.2.0/24'] }] })
export type KeptListRemoval = z.infer<typeof KeptListRemoval>

const Networks = z.array(z.string()).max(KEPT_NAMED_MAX)
export const KeptListChange = z.object({
  added: Count,
  /** With another comment or end. */
  changed: Count,
  removed: Count,
  unchanged: Count,
  /** The first of each. */
  named: z.object({ added: Networks, changed: Networks, removed: Networks }),
  /** Lines, or entries counted from 1, that were left out; `refused` are the first of them. */
  refusedCount: Count,
  refused: z.array(z.object({ line: z.int(), message: z.string() })),
  /** On the list after it. */
  entries: Count,
  /** False where it is kept, but the node does not go by it (yet); the log says why. */
  inForce: z.boolean(),
})
export type KeptListChange = z.infer<typeof KeptListChange>

export const KeptListPage = z.object({
  /** All on the list, whatever is searched for. */
  total: Count,
  /** By network as text. */
  entries: z.array(
    z.object({
      network: z.string(),
      comment: z.string(),
      since: z.iso.datetime(),
      /** Null is for good. */
      until: z.iso.datetime().nullable(),
      by: z.string(),
    }),
  ),
  /** What `after` is to be for the next page; null on the last. */
  next: z.string().nullable(),
})
export type KeptListPage = z.infer<typeof KeptListPage>

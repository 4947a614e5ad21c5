/** The part of contract.ts about attacks and who comes most; import it from there. */
import { z } from 'zod'

const Count = z.number().nonnegative()
/** Reasons are those of docs/close-reasons.md; a newer daemon may know more than we do. */
const CountByReason = z.record(z.string(), Count)

/** GET answers an AttacksAnswer, the newest attack first, `?limit=` of them; with `/ID` behind it an AttackView. */
export const ATTACKS_PATH = '/api/v1/attacks'
/** GET answers a TopAnswer; `?service=`, `?by=address` or `prefix`, `?limit=`. */
export const TOP_PATH = '/api/v1/top'
export const TOP_PARAMETERS = { service: 'service', by: 'by', limit: 'limit' } as const
export const TOP_SPANS = ['address', 'prefix'] as const
export type TopSpan = (typeof TOP_SPANS)[number]
export const TOP_LISTED_DEFAULT = 20
export const TOP_LISTED_MAX = 100

/** By kind of attack: docs/attacks.md. */
const AttackLevels = z.record(z.string(), Count)
const AttackSourceView = z.object({
  source: z.string(),
  /** At least so many; where clients came faster than they could be looked at, an estimate. */
  newConnections: Count,
  refused: Count,
})

export const AttackView = z.object({
  id: z.int(),
  service: z.string(),
  kind: z.string(),
  kinds: z.array(z.string()),
  start: z.iso.datetime(),
  /** Null while it is under way. */
  end: z.iso.datetime().nullable(),
  /** Why it is over. */
  ended: z.string().nullable(),
  updated: z.iso.datetime(),
  calm: AttackLevels,
  limits: AttackLevels,
  peak: z.record(z.string(), Count),
  newcomers: Count,
  admitted: Count,
  refused: CountByReason,
  unused: Count,
  served: Count,
  bytes: Count,
  bansMade: Count,
  addresses: z.array(AttackSourceView),
  prefixes: z.array(AttackSourceView),
  /** `AS64496`; none without a database of AS numbers. */
  asns: z.array(AttackSourceView),
})
export type AttackView = z.infer<typeof AttackView>

const WatchedServiceView = z.object({
  service: z.string(),
  mode: z.enum(['auto', 'on', 'off']),
  /** The attack under way. */
  attack: z.int().nullable(),
  /** No attack is called yet. */
  learning: z.boolean(),
  calm: AttackLevels,
  limits: AttackLevels,
  now: AttackLevels,
})
export type WatchedServiceView = z.infer<typeof WatchedServiceView>

export const AttacksAnswer = z.object({
  services: z.array(WatchedServiceView),
  attacks: z.array(AttackView),
})
export type AttacksAnswer = z.infer<typeof AttacksAnswer>

export const TopAnswer = z.object({
  by: z.enum(TOP_SPANS),
  /** Over how many seconds. */
  seconds: Count,
  sources: z.array(
    z.object({
      service: z.string(),
      source: z.string(),
      /** 0 also where the service does not count its sources, as protect.perAddress or perPrefix is off. */
      open: Count,
      newPerSecond: Count,
      refusedPerSecond: Count,
    }),
  ),
})
export type TopAnswer = z.infer<typeof TopAnswer>

/** The part of contract.ts about changes of the configuration; import it from there. */
import { z } from 'zod'
import { ChangedKey, ConfigDifference, ConfigProblem } from './reload-contract.ts'

/** GET answers a ConfigAnswer; PUT takes a ConfigPut and answers a ConfigChangeAnswer. */
export const CONFIG_PATH = '/api/v1/config'
/** POST takes a ConfigProposal and answers a ConfigChangeAnswer: what PUT would do. */
export const CONFIG_DRY_RUN_PATH = '/api/v1/config/dry-run'
/** POST takes a ConfigEdits and answers a ConfigChangeAnswer. */
export const CONFIG_EDITS_PATH = '/api/v1/config/edits'
/** GET answers the JSON Schema of the file. */
export const CONFIG_SCHEMA_PATH = '/api/v1/config/schema'
/** GET, with `?limit=` and `?before=ID`, answers a ConfigHistoryAnswer. */
export const CONFIG_HISTORY_PATH = '/api/v1/config/history'
/** GET answers a ConfigVersionAnswer. */
export const CONFIG_VERSION_PATH = '/api/v1/config/history/:id'
/** POST takes a ConfigRollback and answers a ConfigChangeAnswer. */
export const CONFIG_ROLLBACK_PATH = '/api/v1/config/rollback'
/**
 * POST takes an UpstreamAddition; at UPSTREAM_STATE_PATH, PATCH takes an UpstreamPatch and DELETE an UpstreamRemoval. All
 * answer a ConfigChangeAnswer.
 */
export const UPSTREAMS_PATH = '/api/v1/services/:service/upstreams'
export function upstreamsPath(service: string): string {
  return `/api/v1/services/${encodeURIComponent(service)}/upstreams`
}
export function configVersionPath(id: number): string {
  return `/api/v1/config/history/${id}`
}
export const CONFIG_HISTORY_LISTED_MAX = 1_000
export const WHY_CHARACTERS_MAX = 500
/** In one request: the file is parsed for each. */
export const CONFIG_EDITS_MAX = 30
/** Of the whole file. */
export const CONFIG_CHARACTERS_MAX = 2 ** 20

const Version = z.string().regex(/^[0-9a-f]{64}$/, 'expected a version as GET /api/v1/config answers it')
const Why = z.string().max(WHY_CHARACTERS_MAX).optional()
const Text = z.string().max(CONFIG_CHARACTERS_MAX)

export const ConfigAnswer = z.object({
  file: z.string(),
  text: z.string(),
  /** SHA-256 of the text, hex. */
  version: z.string(),
  /** Why it cannot be changed here; null where it can. */
  readOnly: z.string().nullable(),
})
export type ConfigAnswer = z.infer<typeof ConfigAnswer>

/** `version` is that of the text it was made of; without one, If-Match says it. */
export const ConfigPut = z.strictObject({ text: Text, version: Version.optional(), why: Why })
export type ConfigPut = z.infer<typeof ConfigPut>

export const ConfigProposal = z.strictObject({ text: Text, version: Version.optional() })
export type ConfigProposal = z.infer<typeof ConfigProposal>

/** `['services', 0, 'balance']` */
const Path = z
  .array(z.union([z.string().max(200), z.int().min(0)]))
  .min(1)
  .max(20)
type Value = string | number | boolean | Value[] | { [key: string]: Value }
const Value: z.ZodType<Value> = z
  .lazy(() => z.union([z.string(), z.number(), z.boolean(), z.array(Value), z.record(z.string(), Value)]))
  // It is made of itself, so the OpenAPI document has to name it.
  .meta({ id: 'ConfigValue' })
const ConfigEdit = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('set'), path: Path, value: Value }),
  z.strictObject({ kind: z.literal('remove'), path: Path }),
  /** Into the list at the path; at its end without `at`. */
  z.strictObject({ kind: z.literal('insert'), path: Path, at: z.int().min(0).optional(), value: Value }),
  /** Where the items stand now, in the order that is wanted. */
  z.strictObject({ kind: z.literal('order'), path: Path, order: z.array(z.int().min(0)).max(10_000) }),
])

/** Without `version`: of whatever is in the file. */
const Changing = { version: Version.optional(), why: Why, dryRun: z.boolean().optional() }
export const ConfigEdits = z.strictObject({ edits: z.array(ConfigEdit).min(1).max(CONFIG_EDITS_MAX), ...Changing })
export type ConfigEdits = z.infer<typeof ConfigEdits>

export const ConfigRollback = z.strictObject({
  id: z.int().min(1),
  version: Version,
  why: Why,
  dryRun: z.boolean().optional(),
})
export type ConfigRollback = z.infer<typeof ConfigRollback>

const Weight = z.int().min(0).max(1000)
/** 0 is off. */
const ConnectionsMax = z.int().min(0).max(10_000_000)
const Place = z.int().min(0).max(10_000)

export const UpstreamAddition = z.strictObject({
  address: z.string().max(300),
  name: z.string().max(200).optional(),
  weight: Weight.optional(),
  backup: z.boolean().optional(),
  maxConnections: ConnectionsMax.optional(),
  /** Before the upstream that stands there now, from 0; the last without it. */
  position: Place.optional(),
  ...Changing,
})
export type UpstreamAddition = z.infer<typeof UpstreamAddition>

export const UpstreamPatch = z.strictObject({
  weight: Weight.optional(),
  backup: z.boolean().optional(),
  maxConnections: ConnectionsMax.optional(),
  /** Where it stands then, from 0. */
  position: Place.optional(),
  ...Changing,
})
export type UpstreamPatch = z.infer<typeof UpstreamPatch>

/** What a change without values takes: DELETE of an upstream. */
export const UpstreamRemoval = z.strictObject(Changing).nullish()

export const ConfigVersionView = z.object({
  id: z.int(),
  at: z.iso.datetime(),
  /** `file`: somebody who wrote it by hand. */
  who: z.string(),
  why: z.string(),
  /** Of the text. */
  version: z.string(),
  bytes: z.number(),
})
export type ConfigVersionView = z.infer<typeof ConfigVersionView>
export const ConfigHistoryAnswer = z.object({ versions: z.array(ConfigVersionView) })
export type ConfigHistoryAnswer = z.infer<typeof ConfigHistoryAnswer>
/** `unified` is what a rollback to it would change. */
export const ConfigVersionAnswer = ConfigVersionView.extend({ text: z.string(), unified: z.string() })
export type ConfigVersionAnswer = z.infer<typeof ConfigVersionAnswer>

const Told = {
  /** For people. */
  text: z.string(),
  /** The text of the file before and after, as `diff -u` shows it. */
  unified: z.string(),
  /** Of the text that is in the file now; with `checked`, of the one that would be. */
  version: z.string(),
  /** Why the text that failed is still in the file. */
  notPutBack: z.string().optional(),
}
/** Its place in the history, or why it has none. */
const History = z.union([z.object({ id: z.int() }), z.object({ problem: z.string() })])

/** As a ReloadAnswer, with the same statuses. All but `done` have left the file as it was. */
export const ConfigChangeAnswer = z.discriminatedUnion('kind', [
  z.object({
    kind: z.enum(['done', 'checked']),
    difference: ConfigDifference,
    tablesVersion: z.number(),
    history: History.optional(),
    ...Told,
  }),
  z.object({ kind: z.literal('wrong-config'), problems: z.array(ConfigProblem), ...Told }),
  z.object({ kind: z.literal('needs-restart'), keys: z.array(ChangedKey), ...Told }),
  z.object({ kind: z.literal('failed'), code: z.string(), ...Told }),
])
export type ConfigChangeAnswer = z.infer<typeof ConfigChangeAnswer>

/** With E_CONFLICT, beside what a Problem has: what is in the file now. */
export const ConfigConflict = z.object({ current: z.object({ text: z.string(), version: z.string() }) })
export type ConfigConflict = z.infer<typeof ConfigConflict>

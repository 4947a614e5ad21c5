/** The part of contract.ts about what a configuration changes; import it from there. */
import { z } from 'zod'

/** `before` or `after` is missing where the key had or has no value. */
export const ChangedKey = z.object({ key: z.string(), before: z.string().optional(), after: z.string().optional() })
const Names = z.array(z.string())

export const ConfigDifference = z.object({
  settings: z.array(ChangedKey),
  servicesAdded: Names,
  servicesRemoved: Names,
  servicesChanged: z.array(
    z.object({
      name: z.string(),
      listenersAdded: Names,
      listenersRemoved: Names,
      upstreamsAdded: Names,
      upstreamsRemoved: Names,
      upstreamsChanged: z.array(z.object({ name: z.string(), keys: z.array(ChangedKey) })),
      keys: z.array(ChangedKey),
    }),
  ),
  listenersMoved: z.array(z.object({ address: z.string(), from: z.string(), to: z.string() })),
})

/** What is wrong with a configuration, and where; codes are those of docs/config.md. */
export const ConfigProblem = z.object({
  code: z.string(),
  file: z.string(),
  line: z.number(),
  column: z.number(),
  key: z.string(),
  value: z.string().optional(),
  message: z.string(),
})

/** `text` is for people. All but `done` have changed nothing. */
export const ReloadAnswer = z.discriminatedUnion('kind', [
  z.object({
    kind: z.enum(['done', 'checked']),
    difference: ConfigDifference,
    text: z.string(),
    tablesVersion: z.number(),
  }),
  z.object({ kind: z.literal('wrong-config'), problems: z.array(ConfigProblem), text: z.string() }),
  z.object({ kind: z.literal('needs-restart'), keys: z.array(ChangedKey), text: z.string() }),
  z.object({ kind: z.literal('failed'), code: z.string(), text: z.string() }),
])
export type ReloadAnswer = z.infer<typeof ReloadAnswer>

/** The status of each answer. */
export const RELOAD_STATUSES: Readonly<Record<ReloadAnswer['kind'], number>> = {
  done: 200,
  checked: 200,
  'wrong-config': 422,
  'needs-restart': 409,
  failed: 503,
}

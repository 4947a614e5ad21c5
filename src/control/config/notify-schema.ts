/** `notify` at the top of the file: who is told, and of what. docs/notify.md says how to choose. */
import { z } from 'zod'
import { isMeasure, RULE_WORDS } from '../notify/notify-config.ts'
import { choice, duration, leaf, name } from './leaf.ts'
import { readAbove, readMailAddress, readMailServer, readReceiverUrl } from './read-notify-values.ts'
import { readFile } from './read-folder.ts'
import { read } from './reading.ts'

/** Each has a queue of its own. */
export const CHANNELS_MAX = 16
export const RULES_MAX = 100
const RECIPIENTS_MAX = 20
const NAMES_MAX = 1_000

const channelName = name('What rules, the log and the dashboard call it. No two channels have the same.')
const text = (description: string) => leaf((value) => read(value), { type: 'string', description })
const ca = leaf(readFile, {
  type: 'string',
  description:
    "A file with the certificates (PEM) of the authorities to trust, instead of the public ones; relative to this file's folder.",
}).optional()

const webhook = z.strictObject({
  name: channelName,
  url: leaf(readReceiverUrl, { type: 'string', description: 'Where messages are sent to as JSON: `https://…`.' }),
  secret: text(
    'What messages are signed with (HMAC-SHA256), so that the receiver knows they are ours: 16 characters or more, `whsec_…` in base64.',
  ).optional(),
  ca,
})

const slack = z.strictObject({
  name: channelName,
  url: leaf(readReceiverUrl, {
    type: 'string',
    description: 'The address of an incoming webhook: of Slack, Mattermost, or Discord (with `/slack` behind it).',
  }),
  ca,
})

const email = z.strictObject({
  name: channelName,
  server: leaf(readMailServer, { type: 'string', description: 'The mail server: `HOST:PORT`.' }),
  security: choice(
    ['starttls', 'tls', 'off'],
    '`starttls`: nothing is sent before TLS has begun; `tls`: TLS from the first byte, as on port 465; `off`: in the clear.',
  ).prefault('starttls'),
  user: text('The name to log in with. Without one nobody logs in.').optional(),
  password: text('Its password.').optional(),
  from: leaf(readMailAddress, { type: 'string', description: 'The address that messages come from.' }),
  to: z
    .array(leaf(readMailAddress, { type: 'string', description: 'A mail address.' }))
    .min(1)
    .max(RECIPIENTS_MAX)
    .meta({ description: 'Who gets them.' }),
  ca,
})

const rule = z.strictObject({
  when: choice(RULE_WORDS, `What is told of: what is so, or (${RULE_WORDS.filter(isMeasure).join(', ')}) too much.`),
  name: name('What messages and the dashboard call the rule; its `when` when absent.').optional(),
  above: leaf(readAbove, {
    type: ['string', 'integer'],
    description:
      'The threshold for the mean of a minute: bytes a second (`50MiB`), clients a second, or bans. Of `overload` a level.',
  }).optional(),
  per: choice(['node', 'service'], 'Whether a threshold is for the whole node, or for each service.').prefault('node'),
  services: z
    .array(name('The name of a service.'))
    .min(1)
    .max(NAMES_MAX)
    .optional()
    .meta({ description: 'For these services only.' }),
  channels: z
    .array(name('The name of a channel.'))
    .min(1)
    .max(CHANNELS_MAX)
    .optional()
    .meta({ description: 'Who is told; everybody when absent.' }),
  gap: duration({ minMs: 1_000 }, 'The same is not told of again before so much time is over.').prefault('10m'),
  before: duration({}, 'Of `certificate`: how long before its end.').prefault('14d'),
})

const list = <Schema extends z.ZodType>(schema: Schema, max: number) => z.array(schema).max(max).prefault([])

export const notifySchema = z.strictObject({
  webhooks: list(webhook, CHANNELS_MAX).meta({ description: 'Programs that are told by HTTP.' }),
  slack: list(slack, CHANNELS_MAX).meta({ description: 'Chats that take messages as Slack does.' }),
  emails: list(email, CHANNELS_MAX).meta({ description: 'People who are told by e-mail.' }),
  rules: list(rule, RULES_MAX).meta({ description: 'What is told of.' }),
})
export type ParsedNotify = z.output<typeof notifySchema>

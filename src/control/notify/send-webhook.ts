/** The message as JSON, signed; and as chats take it. docs/notify.md describes both. */
import type { LookupFunction } from 'node:net'
import { type Change, type Message, textOf } from './message.ts'
import type { SlackConfig, WebhookConfig } from './notify-config.ts'
import { slackText } from './plain-text.ts'
import { postJson } from './post-json.ts'
import { signed } from './signature.ts'

export async function sendWebhook(
  { url, secret, ca }: WebhookConfig,
  message: Message,
  lookup: LookupFunction,
  signal: AbortSignal,
): Promise<void> {
  const body = JSON.stringify(webhookBody(message))
  // The time of this attempt: receivers refuse what is old.
  const headers = secret === undefined ? { 'webhook-id': message.id } : signed(secret, message.id, Date.now(), body)
  await postJson({ url, body, headers, ca, lookup, signal })
}

export function webhookBody(message: Message): Readonly<Record<string, unknown>> {
  const { id, atMs, node, rule, when, title, changes, changesLeftOut } = message
  return {
    type: `tidegate.${when}`,
    timestamp: new Date(atMs).toISOString(),
    data: {
      id,
      node,
      rule,
      when,
      title,
      text: textOf(message),
      changes: changes.map(changeBody),
      changesLeftOut,
    },
  }
}

function changeBody({ sinceMs, untilMs, ...change }: Change): Readonly<Record<string, unknown>> {
  const until = untilMs === null ? null : new Date(untilMs).toISOString()
  return { ...change, since: new Date(sinceMs).toISOString(), until }
}

export async function sendSlack(
  { url, ca }: SlackConfig,
  message: Message,
  lookup: LookupFunction,
  signal: AbortSignal,
): Promise<void> {
  await postJson({ url, body: JSON.stringify(slackBody(message)), ca, lookup, signal })
}

export function slackBody(message: Message): Readonly<Record<string, unknown>> {
  return { text: slackText(textOf(message)), mrkdwn: false, unfurl_links: false, unfurl_media: false }
}

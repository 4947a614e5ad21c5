/**
 * Signs what a webhook gets, as Standard Webhooks do (https://www.standardwebhooks.com): HMAC-SHA256 over
 * `id.timestamp.body`. The time is part of it, so that a message that somebody kept can't be sent again much later.
 */
import { createHmac } from 'node:crypto'

const BASE64_PREFIX = 'whsec_'

/** Headers for a body that is sent at a time. */
export function signed(secret: string, id: string, atMs: number, body: string): Readonly<Record<string, string>> {
  const timestamp = String(Math.floor(atMs / 1000))
  const signature = createHmac('sha256', keyOf(secret)).update(`${id}.${timestamp}.${body}`).digest('base64')
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` }
}

/** Text that anybody chose is its own UTF-8. */
function keyOf(secret: string): Buffer {
  return secret.startsWith(BASE64_PREFIX)
    ? Buffer.from(secret.slice(BASE64_PREFIX.length), 'base64')
    : Buffer.from(secret)
}

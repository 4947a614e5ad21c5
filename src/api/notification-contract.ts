/** The part of contract.ts about notifications; import it from there. */
import { z } from 'zod'

/** GET answers a NotificationsAnswer. */
export const NOTIFICATIONS_PATH = '/api/v1/notifications'
/** Takes POST with a NotificationTestRequest; answers a NotificationTestAnswer when all channels have answered, or not. */
export const NOTIFICATION_TEST_PATH = '/api/v1/notifications/test'
/** Longer than an attempt may take. */
export const NOTIFICATION_TEST_TIMEOUT_MS = 20_000

const Count = z.number().nonnegative()
const Time = z.iso.datetime()

export const NotificationChannel = z.object({
  name: z.string(),
  type: z.enum(['webhook', 'slack', 'email']),
  /** The host, or the recipients: paths of URLs may be secret. */
  to: z.string(),
  waiting: Count,
  sent: Count,
  /** Given up. */
  failed: Count,
  lastSent: Time.nullable(),
  lastError: z.object({ at: Time, text: z.string() }).nullable(),
  nextAttempt: Time.nullable(),
})
export type NotificationChannel = z.infer<typeof NotificationChannel>

export const NotificationRule = z.object({
  name: z.string(),
  when: z.string(),
  /** What it is about, in a sentence without its end. */
  about: z.string(),
  /** Empty: all. */
  channels: z.array(z.string()),
  gapMs: Count,
  /** What is wrong now, and was told. */
  active: z.array(z.object({ text: z.string(), since: Time })),
  lastSent: Time.nullable(),
})
export type NotificationRule = z.infer<typeof NotificationRule>

export const NotificationDelivery = z.object({
  id: z.string(),
  at: Time,
  channel: z.string(),
  rule: z.string(),
  title: z.string(),
  state: z.enum(['waiting', 'sent', 'failed']),
  attempts: Count,
  error: z.string().nullable(),
})
export type NotificationDelivery = z.infer<typeof NotificationDelivery>

export const NotificationsAnswer = z.object({
  channels: z.array(NotificationChannel),
  rules: z.array(NotificationRule),
  /** The newest first, 100 at most. */
  deliveries: z.array(NotificationDelivery),
})
export type NotificationsAnswer = z.infer<typeof NotificationsAnswer>

/** Without a channel: all of them. */
export const NotificationTestRequest = z.strictObject({ channel: z.string().max(63).optional() })
export type NotificationTestRequest = z.infer<typeof NotificationTestRequest>

export const NotificationTestAnswer = z.object({
  results: z.array(
    z.object({
      channel: z.string(),
      ok: z.boolean(),
      ms: Count,
      /** Why it was not taken. */
      error: z.string().nullable(),
    }),
  ),
})
export type NotificationTestAnswer = z.infer<typeof NotificationTestAnswer>

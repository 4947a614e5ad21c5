/** /api/v1/notifications: who is told of what, how that goes, and whether it works. */
import {
  isMeasure,
  measureText,
  EVENTS,
  type ChannelConfig,
  type NotifyRule,
} from '../../control/notify/notify-config.ts'
import type { NotifyView } from '../../control/notify/notify.ts'
import {
  NOTIFICATION_TEST_PATH,
  NOTIFICATION_TEST_TIMEOUT_MS,
  NotificationTestAnswer,
  NotificationTestRequest,
  NOTIFICATIONS_PATH,
  NotificationsAnswer,
  Problem,
} from '../contract.ts'
import { ApiProblem } from '../problem.ts'
import { type App, askedBy, type Room } from '../room.ts'

const tags = ['notifications']
/** Each may hold connections to all receivers for as long as an attempt may take. */
const TESTS_MAX = 2

export function notificationRoutes(app: App, { node }: Room): void {
  let tests = 0
  app.get(
    NOTIFICATIONS_PATH,
    {
      config: { role: 'viewer' },
      schema: {
        operationId: 'notifications',
        summary: 'Channels, rules, and what was sent.',
        tags,
        response: { 200: NotificationsAnswer, '4xx': Problem },
      },
    },
    () => answerOf(node.notify.view()),
  )
  app.post(
    NOTIFICATION_TEST_PATH,
    {
      config: { role: 'operator', audit: 'notifications.test' },
      schema: {
        operationId: 'testNotifications',
        summary: 'Sends a test to one channel or to all, and says what came of it.',
        tags,
        body: NotificationTestRequest,
        response: { 200: NotificationTestAnswer, '4xx': Problem },
      },
    },
    async (request) => {
      const { channel } = request.body
      if (tests >= TESTS_MAX)
        throw new ApiProblem('E_TOO_MANY', 'Another test is under way; ask again when it has ended.')
      tests++
      request.raw.socket.setTimeout(NOTIFICATION_TEST_TIMEOUT_MS)
      request.auditDetails = channel ?? 'all'
      try {
        const results = await node.notify.test(askedBy(request).who, channel)
        if (results === undefined) throw new ApiProblem('E_NOT_FOUND', noSuchChannel(channel, node.notify.view()))
        return {
          results: results.map(({ channel, ms, error }) => ({
            channel,
            ok: error === undefined,
            ms,
            error: error ?? null,
          })),
        }
      } finally {
        tests--
      }
    },
  )
}

function noSuchChannel(channel: string | undefined, { channels }: NotifyView): string {
  const names = channels.map(({ config }) => config.name)
  return `There is no channel ${channel}; ${names.length === 0 ? 'notify has none' : `there is ${names.join(', ')}`}.`
}

function answerOf({ channels, rules, deliveries }: NotifyView): NotificationsAnswer {
  return {
    channels: channels.map(({ config, waiting, sent, failed, lastSentMs, lastError, nextAttemptMs }) => ({
      name: config.name,
      type: config.type,
      to: receiverOf(config),
      waiting,
      sent,
      failed,
      lastSent: timeOf(lastSentMs),
      lastError: lastError === undefined ? null : { at: new Date(lastError.atMs).toISOString(), text: lastError.text },
      nextAttempt: timeOf(nextAttemptMs),
    })),
    rules: rules.map(({ rule, told, lastSentMs }) => ({
      name: rule.name,
      when: rule.when,
      about: aboutOf(rule),
      channels: [...(rule.channels ?? [])],
      gapMs: rule.gapMs,
      active: told.map(({ alarm, sinceMs }) => ({ text: alarm.summary, since: new Date(sinceMs).toISOString() })),
      lastSent: timeOf(lastSentMs),
    })),
    deliveries: deliveries.map(({ channel, message, state, attempts, error }) => ({
      id: message.id,
      at: new Date(message.atMs).toISOString(),
      channel,
      rule: message.rule,
      title: message.title,
      state,
      attempts,
      error,
    })),
  }
}

function timeOf(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString()
}

/** The rest of a URL may be what makes it work. */
function receiverOf(config: ChannelConfig): string {
  return config.type === 'email' ? config.to.join(', ') : new URL(config.url).host
}

function aboutOf({ when, above, per, services }: NotifyRule): string {
  const only = services === undefined ? '' : ` (${services.join(', ')})`
  if (!isMeasure(when))
    return `${EVENTS[when]}${when === 'overload' && above > 0 ? ` (above level ${above})` : ''}${only}`
  const where = per === 'node' ? 'of the node' : 'of a service'
  return `more than ${measureText(when, above)}, ${where}${only}`
}

/** The log lines about notifications: a channel that fails is said once, and each message that is given up. */
import type { Log } from '../log/log.ts'
import type { Message } from './message.ts'

export function sayNotifyFailing(log: Log, channel: string, reason: string): void {
  const sentence = `Notifications do not reach ${channel}: ${reason}. They are tried again; tidegate notify shows how it goes.`
  log.say('notify-failing', { channel, reason }, sentence)
}

export function sayNotifyBack(log: Log, channel: string): void {
  log.say('notify-back', { channel }, `Notifications reach ${channel} again.`)
}

export function sayNotifyLost(log: Log, channel: string, { rule, title }: Message, reason: string): void {
  log.say(
    'notify-lost',
    { channel, rule, title, reason },
    `A notification for ${channel} is given up (${reason}): ${title}`,
  )
}

/** The text of `tidegate notify`. Pure. */
import type { NotificationsAnswer, NotificationTestAnswer } from '../api/contract.ts'
import type { Painter } from './painter.ts'
import { count, shown, type TableRow, tableLines } from './table.ts'

const CHANNEL_COLUMNS = ['channel', 'type', 'to', 'sent', 'waiting', 'given up', 'last sent', 'last error'] as const
const RULE_COLUMNS = ['rule', 'what', 'tells', 'last sent', 'now'] as const
/** Of those that are known. */
const DELIVERIES_SHOWN_MAX = 10

export function notificationsText({ channels, rules, deliveries }: NotificationsAnswer, paint: Painter): string {
  if (channels.length === 0) return 'Nobody is told of anything: notify has no channel (docs/notify.md).\n'
  const lines = [
    ...tableLines(CHANNEL_COLUMNS, channels.map(channelRow), paint),
    '',
    ...(rules.length === 0
      ? ['  There are no rules: nothing is told.']
      : tableLines(RULE_COLUMNS, rules.map(ruleRow), paint)),
  ]
  const last = deliveries.slice(0, DELIVERIES_SHOWN_MAX).map((delivery) => deliveryLine(delivery, paint))
  if (last.length > 0) lines.push('', ...last)
  return `${lines.join('\n')}\n`
}

function deliveryLine({ at, channel, state, title, error }: NotificationsAnswer['deliveries'][number], paint: Painter) {
  const why = error === null || state === 'sent' ? '' : `  (${shown(error)})`
  const line = `  ${timeText(at)}  ${shown(channel)}  ${state}  ${shown(title)}${why}`
  return state === 'failed' ? paint('red', line) : line
}

function channelRow(channel: NotificationsAnswer['channels'][number]): TableRow {
  const { name, type, to, sent, waiting, failed, lastSent, lastError } = channel
  // What was wrong before the last message that went well is over.
  const isFailing = lastError !== null && (lastSent === null || lastError.at > lastSent)
  const cells = [
    name,
    type,
    shown(to),
    count(sent),
    count(waiting),
    count(failed),
    lastSent === null ? 'never' : timeText(lastSent),
    lastError === null ? '-' : `${timeText(lastError.at)} ${shown(lastError.text)}`,
  ]
  return isFailing ? { cells, style: 'red' } : { cells }
}

function ruleRow({ name, about, channels, lastSent, active }: NotificationsAnswer['rules'][number]): TableRow {
  const tells = channels.length === 0 ? 'everybody' : channels.join(', ')
  const cells = [
    name,
    shown(about),
    tells,
    lastSent === null ? 'never' : timeText(lastSent),
    active.length === 0 ? '-' : active.map(({ text }) => shown(text)).join(' '),
  ]
  return active.length === 0 ? { cells } : { cells, style: 'yellow' }
}

export function testText({ results }: NotificationTestAnswer, paint: Painter): string {
  if (results.length === 0) return 'There is no channel in notify of the configuration.\n'
  const lines = results.map(({ channel, ok, ms, error }) =>
    ok ? `${channel}: taken after ${ms} ms.` : paint('red', `${channel}: not taken: ${shown(error ?? '')}.`),
  )
  return `${lines.join('\n')}\n`
}

/** To the second, in UTC. */
function timeText(iso: string): string {
  return `${iso.slice(0, 19).replace('T', ' ')}Z`
}

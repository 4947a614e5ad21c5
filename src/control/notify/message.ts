/** What a channel is given to say. Text of others (reasons of checks, names) is plain in it, and escaped again by each channel. */
import { hostname } from 'node:os'
import { randomUUID } from 'node:crypto'
import { plain } from './plain-text.ts'
import type { RuleWord } from './notify-config.ts'

/** More changes at once are counted, and not told one by one. */
export const CHANGES_TOLD_MAX = 20

/** Something that is wrong now. */
export interface Alarm {
  /** Null: it is about the node. */
  readonly service: string | null
  readonly upstream: string | null
  /** A sentence, and the one that is told when it is over. */
  readonly summary: string
  readonly over: string
  readonly values: Readonly<Record<string, number | string>>
}

export interface Change extends Omit<Alarm, 'over'> {
  readonly kind: 'began' | 'ended'
  readonly sinceMs: number
  /** Of one that ended. */
  readonly untilMs: number | null
  /** How often it came and went without a message of its own. */
  readonly cameAndWent: number
}

export interface Message {
  readonly id: string
  readonly atMs: number
  readonly node: string
  readonly rule: string
  readonly when: RuleWord | 'test'
  readonly title: string
  readonly changes: readonly Change[]
  /** Of so many more there is nothing but their number. */
  readonly changesLeftOut: number
}

export function messageOf(rule: { name: string; when: RuleWord }, changes: readonly Change[], atMs: number): Message {
  const told = changes.slice(0, CHANGES_TOLD_MAX)
  return {
    ...base(atMs),
    rule: rule.name,
    when: rule.when,
    title: titleOf(told, changes.length),
    ...rest(told, changes),
  }
}

export function testMessage(channel: string, who: string, atMs: number): Message {
  const title = plain(`This is a test of the channel ${channel}, asked for by ${who}. Nothing is wrong.`)
  return { ...base(atMs), rule: 'test', when: 'test', title, changes: [], changesLeftOut: 0 }
}

function base(atMs: number): Pick<Message, 'id' | 'atMs' | 'node'> {
  return { id: `msg_${randomUUID()}`, atMs, node: plain(hostname()) }
}

function rest(told: readonly Change[], all: readonly Change[]): Pick<Message, 'changes' | 'changesLeftOut'> {
  return { changes: told, changesLeftOut: all.length - told.length }
}

/** Nothing of others in it is more than text. */
export function plainAlarm(alarm: Alarm): Alarm {
  const values = Object.entries(alarm.values).map(([key, value]) => [key, plainValue(value)])
  const { summary, over } = alarm
  return { ...alarm, summary: plain(summary), over: plain(over), values: Object.fromEntries(values) as Alarm['values'] }
}

function plainValue(value: number | string): number | string {
  return typeof value === 'string' ? plain(value) : value
}

/** The same with fewer changes, where it would be more than the store takes. */
export function shortened(message: Message, bytesMax: number): Message {
  if (message.changes.length <= 1 || Buffer.byteLength(JSON.stringify(message)) <= bytesMax) return message
  const changes = message.changes.slice(0, Math.ceil(message.changes.length / 2))
  const leftOut = message.changes.length - changes.length
  return shortened({ ...message, changes, changesLeftOut: message.changesLeftOut + leftOut }, bytesMax)
}

function titleOf(changes: readonly Change[], count: number): string {
  const [first] = changes
  return count === 1 ? first.summary : `${first.summary} And ${count - 1} more.`
}

/** For people, in lines. */
export function textOf({ node, title, changes, changesLeftOut, rule, when, atMs }: Message): string {
  const more = changesLeftOut === 0 ? [] : [`And ${changesLeftOut} more.`]
  const lines = changes.length === 0 ? [title] : changes.map(lineOf)
  const at = new Date(atMs).toISOString()
  const by = when === 'test' ? '' : `, rule ${rule}`
  return [...lines, ...more, '', `Tidegate on ${node}${by}, ${at}`].join('\n')
}

function lineOf({ kind, summary, sinceMs, untilMs, cameAndWent }: Change): string {
  const times = cameAndWent === 0 ? '' : ` It came and went ${cameAndWent} times before.`
  if (kind === 'began') return `ALARM ${summary}${times} Since ${new Date(sinceMs).toISOString()}.`
  const seconds = Math.max(0, Math.round(((untilMs ?? sinceMs) - sinceMs) / 1000))
  return `OVER ${summary}${times} It lasted ${lasted(seconds)}.`
}

function lasted(seconds: number): string {
  if (seconds < 120) return `${seconds} s`
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`
}

/** What checks write into the log. `event` and the fields are a contract (docs/log-events.md). */
import { formatDuration } from '../../lib/duration.ts'
import type { Service } from '../../traffic/tables.ts'
import type { Log } from '../log/log.ts'
import type { CheckPlan } from './check-target.ts'
import type { CheckResult } from './checked-upstream.ts'

/** A check that found something else than the one before it. */
export interface News extends CheckResult {
  /**
   * To the beginning of the check before this one: within that time the upstream went, or came back. Null for the first.
   */
  readonly sinceLastCheckMs: number | null
}

export function sayUpstreamDown(log: Log, { service, upstream, check }: CheckPlan, news: News): void {
  const { said, ms, goodAttempts, badAttempts, sinceLastCheckMs } = news
  const next = formatDuration(check.intervalMs)
  const sentence = `${service}: upstream ${upstream} is down: ${said}. It is checked again every ${next}.`
  log.say(
    'upstream-down',
    { service, upstream, reason: said, ms, goodAttempts, badAttempts, sinceLastCheckMs },
    sentence,
  )
}

export function sayUpstreamUp(log: Log, plan: CheckPlan, news: News, downMs: number): void {
  const { service, upstream } = plan
  const { said, ms, goodAttempts, badAttempts, sinceLastCheckMs } = news
  const downForMs = Math.round(downMs)
  const sentence = `${service}: upstream ${upstream} is back after ${Math.round(downForMs / 100) / 10} s: ${said}.`
  const counts = { ms, goodAttempts, badAttempts, sinceLastCheckMs, downForMs }
  log.say('upstream-up', { service, upstream, reason: said, ...counts }, sentence)
}

export function sayAllDown(log: Log, { name, whenAllDown, upstreams }: Service, isAnyLeftToTry: boolean): void {
  const what = isAnyLeftToTry
    ? 'whenAllDown is try-all: clients are sent to those that are down, in the hope that the verdict is wrong.'
    : 'Clients are refused until one is back.'
  const why = whenAllDown === 'refuse' ? ' (whenAllDown: refuse)' : ''
  const sentence = `${name}: ALL UPSTREAMS ARE DOWN (${upstreams.length})${isAnyLeftToTry ? '' : why}. ${what}`
  const names = upstreams.map(({ name: upstream }) => upstream).slice(0, NAMES_MAX)
  log.say('all-upstreams-down', { service: name, upstreams: names, whenAllDown }, sentence)
}

export function sayUpstreamsBack(log: Log, { name }: Service, upstream: string, downForMs: number): void {
  const sentence = `${name}: upstream ${upstream} takes clients again; for ${Math.round(downForMs / 100) / 10} s all were down.`
  log.say('upstreams-back', { service: name, upstream, downForMs: Math.round(downForMs) }, sentence)
}

/** A service may have 256 upstreams. */
const NAMES_MAX = 16

/** What checks write into the log. `event` and the fields are a contract (docs/log-events.md). */
import { formatDuration } from '../../lib/duration.ts'
import type { Service } from '../../traffic/tables.ts'
import type { Log } from '../log/log.ts'
import type { CheckPlan } from './check-target.ts'
import type { CheckResult } from './checked-upstream.ts'

export function sayUpstreamDown(log: Log, { service, upstream, check }: CheckPlan, result: CheckResult): void {
  const { said, ms, goodAttempts, badAttempts } = result
  const next = formatDuration(check.intervalMs)
  const sentence = `${service}: upstream ${upstream} is down: ${said}. It is checked again every ${next}.`
  log.say('upstream-down', { service, upstream, reason: said, ms, goodAttempts, badAttempts }, sentence)
}

export function sayUpstreamUp(log: Log, plan: CheckPlan, result: CheckResult, downMs: number): void {
  const { service, upstream } = plan
  const { said, ms, goodAttempts, badAttempts } = result
  const downForMs = Math.round(downMs)
  const sentence = `${service}: upstream ${upstream} is back after ${Math.round(downForMs / 100) / 10} s: ${said}.`
  log.say('upstream-up', { service, upstream, reason: said, ms, goodAttempts, badAttempts, downForMs }, sentence)
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

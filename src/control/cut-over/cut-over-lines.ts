/** The log lines about services that are opened and closed. `event` and the fields are a contract (docs/log-events.md). */
import type { ChecklistItem } from '../golive/golive.ts'
import type { Log } from '../log/log.ts'
import { reasonOf } from '../operator/durable-file.ts'

export interface SaidSwitch {
  readonly service: string
  readonly enabled: boolean
  readonly by: string
  readonly planned: boolean
}

export function saySwitched(log: Log, { service, enabled, by, planned }: SaidSwitch): void {
  if (!enabled) {
    log.say('service-disabled', { service, by }, `Service ${service} is closed to new clients, by ${by}.`)
    return
  }
  const when = planned ? `as planned by ${by}` : `by ${by}`
  log.say('service-enabled', { service, by, planned }, `Service ${service} is open, ${when}.`)
}

export function sayPlanned(log: Log, service: string, at: string | null, by: string): void {
  const sentence =
    at === null ? `Service ${service} is not opened by itself any more` : `Service ${service} opens at ${at}`
  log.say('cut-over-planned', { service, at, by }, `${sentence}, by ${by}.`)
}

export function sayCutOverFailed(log: Log, service: string, reason: string): void {
  log.say('cut-over-failed', { service, reason }, `Service ${service} could not be opened, trying again: ${reason}`)
}

/** Nothing where all is well. */
export function sayUnready(log: Log, service: string, items: readonly ChecklistItem[]): void {
  const titles = (state: string): string[] => items.filter((item) => item.state === state).map(({ title }) => title)
  const [fail, unknown] = [titles('fail'), titles('unknown')]
  if (fail.length + unknown.length === 0) return
  const sentence = `Service ${service} was opened while not all was settled: ${[...fail, ...unknown].join(', ')}.`
  log.say('cut-over-unready', { service, fail, unknown }, sentence)
}

export function sayNotRead(log: Log, file: string, error: Error, movedTo: string | undefined): void {
  const sentence =
    'What operators had opened, closed and planned could not be read: services are as the configuration says.'
  log.say('cut-overs-not-read', { file, reason: reasonOf(error), ...(movedTo ? { movedTo } : {}) }, sentence)
}

export function sayNotStored(log: Log, file: string, error: Error): void {
  const sentence = `What was set holds now, but not over a restart: ${file} could not be written.`
  log.say('cut-overs-not-stored', { file, reason: reasonOf(error) }, sentence)
}

/** The log lines about what an operator sets. `event` and the fields are a contract (docs/log-events.md). */
import type { Service, Upstream } from '../../traffic/tables.ts'
import type { Wanted } from '../../traffic/upstream-states.ts'
import type { Log } from '../log/log.ts'
import { reasonOf } from './durable-file.ts'

export interface SaidChange {
  readonly from: Wanted
  readonly to: Wanted
  /** Who asked: the address of a client of the admin API, or the file it was stored in. */
  readonly by: string
}

export function sayStateSet(
  log: Log,
  { name: service }: Service,
  { name: upstream }: Upstream,
  change: SaidChange,
): void {
  const { from, to, by } = change
  const sentence = `Upstream ${upstream} of ${service} is set from ${from} to ${to}, by ${by}.`
  log.say('upstream-state-set', { service, upstream, from, to, by }, sentence)
}

export function sayLastUpstreamTaken(log: Log, { name: service }: Service, { name: upstream }: Upstream): void {
  const sentence = `${upstream} was the last usable upstream of ${service}: there is none left for new clients.`
  log.say('last-upstream-taken', { service, upstream }, sentence)
}

export function sayStatesNotRead(log: Log, file: string, error: Error, movedTo: string | undefined): void {
  const sentence = `What operators had set could not be read: all upstreams are up again, as far as operators go.`
  log.say('upstream-states-not-read', { file, reason: reasonOf(error), ...(movedTo ? { movedTo } : {}) }, sentence)
}

export function sayStatesNotStored(log: Log, file: string, error: Error): void {
  const sentence = `What was set holds now, but not over a restart: ${file} could not be written.`
  log.say('upstream-states-not-stored', { file, reason: reasonOf(error) }, sentence)
}

/** The log lines about attacks: two for each. */
import type { Log } from '../log/log.ts'
import { reasonOf } from '../operator/durable-file.ts'
import type { AttackRecord } from './attack.ts'

export function sayAttackStarted(log: Log, record: AttackRecord): void {
  const { id, service, kind, peak, calm, limits } = record
  const fields = { attack: id, service, kind, newPerSecond: peak.newPerSecond, sources: peak.sources, calm, limits }
  const sentence = `Service ${service} is under attack (${kind}): ${peak.newPerSecond} new connections a second from ${peak.sources} addresses. Clients that are not known have less until it is over.`
  log.say('attack-started', fields, sentence)
}

export function sayAttackEnded(log: Log, record: AttackRecord): void {
  const { id, service, kinds, ended, start, end, peak, newcomers, admitted, served, addresses } = record
  const seconds = Math.round((Date.parse(end ?? record.updated) - Date.parse(start)) / 1000)
  const refused = Object.values(record.refused).reduce((sum, clients) => sum + clients, 0)
  const topSources = addresses.slice(0, 3).map(({ source }) => source)
  const numbers = { seconds, newPerSecondMax: peak.newPerSecond, newcomers, admitted, refused, served, topSources }
  const sentence = `The attack on ${service} is over (${ended}) after ${seconds} s: ${newcomers} clients came, ${refused} were refused. tidegate attacks show ${id} has the rest.`
  log.say('attack-ended', { attack: id, service, kinds, ended, ...numbers }, sentence)
}

export function sayAttacksNotRead(log: Log, file: string, error: Error, movedTo: string | undefined): void {
  const sentence = `${file} is damaged, and some of what it had is lost.`
  const fields = { file, reason: reasonOf(error), ...(movedTo === undefined ? {} : { movedTo }) }
  log.say('attacks-not-read', fields, sentence)
}

export function sayAttacksNotStored(log: Log, file: string, error: Error): void {
  const sentence = `What is known of attacks will be gone at the next start: ${file} could not be written.`
  log.say('attacks-not-stored', { file, reason: reasonOf(error) }, sentence)
}

/** The log lines about the store: one when it breaks, one when it is back. */
import type { Log } from '../log/log.ts'
import type { SetAside, StoreFailure } from './store-messages.ts'

export function sayStoreFailing(log: Log, file: string, { code, message }: StoreFailure): void {
  const sentence = `${message} Traffic goes on; users, history and statistics do without it meanwhile.`
  log.say('store-failing', { file, code, reason: message }, sentence)
}

export function sayBansFromStore(log: Log, bans: number): void {
  const sentence = `There is no file of bans that can be read: those by hand are taken from the store (${bans}); \`tidegate bans flush\` ends them.`
  log.say('bans-from-store', { bans }, sentence)
}

export function sayStoreBack(log: Log, file: string, forMs: number): void {
  const seconds = Math.round(forMs / 1000)
  log.say('store-back', { file, seconds }, `${file} is read and written again, after ${seconds} s.`)
}

export function sayStoreDamaged(log: Log, file: string, { movedTo, reason }: SetAside): void {
  const sentence = `${reason} It was moved to ${movedTo} and begun anew, without users, history and statistics; put a backup in its place, or keep it for whoever can read what is left.`
  log.say('store-damaged', { file, reason, movedTo }, sentence)
}

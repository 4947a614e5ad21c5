/** What the log says of the kernel's part. `event` and the fields are a contract (docs/log-events.md). */
import type { Log } from '../log/log.ts'
import type { FirewallRule } from './ruleset.ts'

export function sayActive(log: Log, table: string): void {
  log.say('firewall-active', { table }, `The kernel drops what is banned or denied: table inet ${table}.`)
}

export function sayRefused(log: Log, why: string): void {
  log.say('firewall-refused', { why }, `The kernel does not help with refusing: ${why}. User space refuses alone.`)
}

export function sayWithout(log: Log, part: string, why: string): void {
  log.say('firewall-without', { part, why }, `The kernel goes without protect.firewall.${part}: ${why}.`)
}

export function sayRestored(log: Log, table: string): void {
  log.say('firewall-restored', { table }, `Somebody changed or flushed table inet ${table}; it is put back.`)
}

export function sayLeftover(log: Log, table: string): void {
  log.say('firewall-leftover', { table }, `Table inet ${table} was left by an earlier start; it is removed.`)
}

export function sayDropped(
  log: Log,
  counts: readonly { readonly rule: FirewallRule; readonly packets: number }[],
): void {
  const packets = Object.fromEntries(counts.map(({ rule, packets }) => [rule, packets]))
  const sum = counts.reduce((sum, { packets }) => sum + packets, 0)
  log.say('firewall-dropped', { packets }, `The kernel dropped ${sum} packets since the last such line.`)
}

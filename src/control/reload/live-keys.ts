/** Which keys outside of services a running daemon can take over. What is not named here is set up once, at the start. */
import type { ChangedKey, ConfigDifference } from './config-difference.ts'

/** Everything below `services` changes live. docs/operating.md lists the others: they need a restart. */
const LIVE_KEYS: ReadonlySet<string> = new Set([
  'admin.hosts',
  'admin.watchConfig',
  'protect.bans.rule',
  'protect.bans.strikes',
  'protect.bans.within',
  'protect.bans.ttl',
  'protect.bans.ttlMax',
  'protect.bans.spare',
  'protect.bans.prefix.rule',
  'protect.bans.prefix.after',
  'protect.bans.prefix.within',
  'log.level',
  'log.format',
  'log.connections',
  'notify.emails',
  'notify.rules',
  'notify.slack',
  'notify.webhooks',
  'protect.allow',
  'protect.asnDatabase',
  'protect.countryDatabase',
  'protect.deny',
  'protect.lists',
  'protect.overload.rule',
  'protect.overload.reserve',
  'protect.overload.idleAtLeast',
  'protect.overload.firstByteAtLeast',
  'traffic.drainTimeout',
  'traffic.upgradeDrainTimeout',
])

/** The changes that need a restart. */
export function restartChanges({ settings }: ConfigDifference): ChangedKey[] {
  return settings.filter(({ key }) => !LIVE_KEYS.has(key))
}

/** `protect.bans`: from what is written to what the judge of bans works with. */
import type { BanRules } from '../bans/ban-rules.ts'
import type { ParsedNodeProtect } from './protect-node-schema.ts'

export function makeBanRules({ within, ttl, ttlMax, prefix, ...rest }: ParsedNodeProtect['bans']): BanRules {
  return {
    ...rest,
    withinMs: within,
    ttlMs: ttl,
    ttlMaxMs: ttlMax,
    prefix: { rule: prefix.rule, after: prefix.after, withinMs: prefix.within },
  }
}

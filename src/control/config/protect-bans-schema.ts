/** `protect.bans` at the top of the file: what strikes lead to. docs/bans.md says how to choose. */
import { z } from 'zod'
import { choice, count, duration, leaf, RULES } from './leaf.ts'
import { readNetwork } from './read-address.ts'

const STRIKES_MAX = 1_000_000
const BANS_MAX = 1_000_000
const SPARED_NETWORKS_MAX = 1_000
/** One is no neighbourhood. */
const NEIGHBOURS_MIN = 2
const NEIGHBOURS_MAX = 64
/** Shorter ones would be over before they are looked at (bans.ts reads strikes 40 times a second). */
const WITHIN_MS_MIN = 1_000

/** Who comes to us from there is more often a load balancer in front than an attacker [RFC 1918, 4193, 4291]. */
const PRIVATE_NETWORKS = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '169.254.0.0/16', 'fc00::/7', 'fe80::/10']

const rule = choice(RULES, 'Whether there are such bans, or only (`watch`) counts and log lines of them.')

export const bansSchema = z.strictObject({
  rule: rule.prefault('on'),
  strikes: count(1, STRIKES_MAX, 'So many strikes within `within` ban an address, or an IPv6 /64.').prefault('20'),
  within: duration({ minMs: WITHIN_MS_MIN }, 'How long a strike counts.').prefault('10m'),
  ttl: duration({ minMs: 1000 }, 'How long the first ban lasts; twice as long the second, and so on.').prefault('10m'),
  ttlMax: duration({ minMs: 1000 }, 'The longest that a ban for strikes lasts.').prefault('7d'),
  max: count(
    1,
    BANS_MAX,
    'Bans at once. When they are too many, the weakest go first, and of those the oldest.',
  ).prefault('100000'),
  spare: z
    .array(leaf(readNetwork, { type: 'string', description: 'A network such as `192.0.2.0/24`, or one address.' }))
    .max(SPARED_NETWORKS_MAX)
    .prefault(PRIVATE_NETWORKS)
    .meta({ description: 'Networks that strikes never ban. Operators may.' }),
  prefix: z
    .strictObject({
      rule: rule.prefault('watch'),
      after: count(
        NEIGHBOURS_MIN,
        NEIGHBOURS_MAX,
        'So many addresses of one /24 (of IPv6: /64 of one /48) that strikes ban within `within` have all of it banned.',
      ).prefault('5'),
      within: duration({ minMs: WITHIN_MS_MIN }, 'How long the ban of a neighbour counts.').prefault('1m'),
    })
    .prefault({})
    .meta({ description: 'Bans of a whole neighbourhood.' }),
})

/** The shape of `protect.perAddress`, `perPrefix` and `newConnections`: how much one source, and all together, may do. */
import { z } from 'zod'
import { choice, count, countOr, leaf, RULES } from './leaf.ts'
import { parseRate } from '../../lib/rate.ts'
import type { Rate } from '../../lib/rate.ts'
import { SOURCE_CONNECTIONS_MAX } from '../../traffic/admit/source-table.ts'
import { read, unread } from './reading.ts'

const BURST_MAX = 10_000_000

const burst = (description: string) => count(1, BURST_MAX, description).optional()
export const RATE_KEYS = { burst }

function rule(fallback: (typeof RULES)[number], what: string) {
  const description = `Whether ${what}: \`on\` refuses, \`watch\` lets in and counts what it would refuse, \`off\` does not look.`
  return choice(RULES, description).prefault(fallback)
}

export function newConnectionsRate(description: string) {
  return leaf<Rate>(
    (text) => {
      const rate = parseRate(text)
      return rate.ok ? read(rate.value) : unread('E_CONFIG_RATE', rate.problem)
    },
    { type: 'string', pattern: '^[0-9]+/(s|m|h)$', description },
  )
}

export function rateOrOff(description: string) {
  return leaf<Rate | null>(
    (text) => {
      if (text === 'off') return read(null)
      const rate = parseRate(text)
      return rate.ok ? read(rate.value) : unread('E_CONFIG_RATE', `${rate.problem}, or off`)
    },
    { type: 'string', pattern: '^[0-9]+/(s|m|h)$|^off$', description },
  )
}

const BURST = 'So many may come at once before the rate holds. By default those of ten seconds, and never below 5.'

export const perAddressSchema = z.strictObject({
  rule: rule('on', 'one address is held to the limits below'),
  connections: countOr('off', 1, SOURCE_CONNECTIONS_MAX, 'Open at once, over all workers.').prefault('1000'),
  rate: rateOrOff('New connections in a time: `30/s`, `600/m`, `20/h` or `off`.').prefault('100/s'),
  burst: burst(BURST),
})

export const perPrefixSchema = z.strictObject({
  rule: rule('watch', 'a /24, of IPv6 a /48, is held to the limits below'),
  connections: countOr('off', 1, SOURCE_CONNECTIONS_MAX, 'Open at once, over all workers.').prefault('8000'),
  rate: rateOrOff('New connections in a time: `30/s`, `600/m`, `20/h` or `off`.').prefault('800/s'),
  burst: burst(BURST),
})

export const perAsnSchema = z.strictObject({
  rule: rule('on', 'an AS is held to the limits below'),
  connections: countOr('off', 1, SOURCE_CONNECTIONS_MAX, 'Open at once, over all workers.').prefault('off'),
  rate: rateOrOff('New connections in a time: `30/s`, `600/m`, `20/h` or `off`.').prefault('off'),
  burst: burst(BURST),
})

export const newConnectionsSchema = z.strictObject({
  rule: rule('off', 'the service as a whole is held to the rate below'),
  rate: newConnectionsRate(
    'New connections of all clients in a time: `500/s`. Required unless the rule is off.',
  ).optional(),
  burst: burst(BURST),
})

/** `services[].protect.attack`: when a service is called under attack, and what holds then. docs/attacks.md says how to choose. */
import { z } from 'zod'
import { choice, count, countOr, duration, RULES } from './leaf.ts'
import { SOURCE_CONNECTIONS_MAX } from '../../traffic/admit/source-table.ts'
import { newConnectionsRate, RATE_KEYS, rateOrOff } from './source-limits-schema.ts'

const FACTOR_MAX = 1_000
const SOURCES_MAX = 10_000_000
const PERCENT_MAX = 100
/** Shorter, and the look of one second would be the whole rule. */
const START_MS_MAX = 60_000
const HOUR_MS = 3_600_000

const rule = (what: string) =>
  choice(
    RULES,
    `Whether ${what} in an attack: \`on\` refuses, \`watch\` counts what it would refuse, \`off\` leaves the ordinary limit. By default \`on\` where the ordinary rule is not off.`,
  ).optional()

const budget = (whose: string) =>
  z.strictObject({
    rule: rule(`${whose} is held to the limits below`),
    connections: countOr(
      'off',
      1,
      SOURCE_CONNECTIONS_MAX,
      'Open at once, over all workers. By default a quarter of the ordinary limit.',
    ).optional(),
    rate: rateOrOff('New connections in a time. By default a quarter of the ordinary rate.').optional(),
    burst: RATE_KEYS.burst('So many may come at once. By default those of two seconds, and never below 5.'),
  })

export const attackSchema = z.strictObject({
  mode: choice(
    ['auto', 'on', 'off'],
    'Whether attacks are called and the stricter budgets hold meanwhile (`auto`), or hold always (`on`); `off` does neither.',
  ).prefault('auto'),
  startAfter: duration(
    { minMs: 1000, maxMs: START_MS_MAX, wholeSeconds: true },
    'So many seconds have to be over a threshold, of twice as many, before an attack is called.',
  ).prefault('5s'),
  endAfter: duration(
    { minMs: 1000, maxMs: HOUR_MS, wholeSeconds: true },
    'An attack is over when no second was over a threshold for so long.',
  ).prefault('60s'),
  learnFor: duration(
    { zero: true, minMs: 1000, maxMs: 24 * HOUR_MS },
    'How long a service that is new, or was never calm, is watched before an attack can be called.',
  ).prefault('5m'),
  factor: count(2, FACTOR_MAX, 'A second is over a threshold beyond so many times the calm.').prefault('4'),
  floors: z
    .strictObject({
      newConnections: newConnectionsRate('New connections that are no attack, however calm it was.').prefault('100/s'),
      sources: count(1, SOURCES_MAX, 'Different addresses within ten seconds that are no attack.').prefault('500'),
      unused: count(1, PERCENT_MAX, 'Connections that end unused, in percent, that are no attack.').prefault('50'),
    })
    .prefault({})
    .meta({ description: 'Below these no attack is called.' }),
  perAddress: budget('an address that is not known')
    .prefault({})
    .meta({ description: 'How much an address may do in an attack, unless it is known from before.' }),
  perPrefix: budget('a /24, of IPv6 a /48,')
    .prefault({})
    .meta({ description: 'How much a /24 may do in an attack, of IPv6 a /48, without clients that are known.' }),
  newConnections: z
    .strictObject({
      rule: rule('all clients that are not known are held to the rate below'),
      rate: newConnectionsRate(
        'New connections of all clients that are not known. By default a quarter of the ordinary rate, where there is one.',
      ).optional(),
      burst: RATE_KEYS.burst('So many may come at once. By default those of two seconds, and never below 5.'),
    })
    .prefault({})
    .meta({ description: 'How many new connections of unknown clients the service takes in an attack.' }),
})
export type ParsedAttack = z.output<typeof attackSchema>

/** `services[].protect`: who is let in, and what becomes of the others. */
import { z } from 'zod'
import { attackSchema } from './attack-schema.ts'
import { choice, duration } from './leaf.ts'
import { asnsSchema, countriesSchema } from './network-rules-schema.ts'
import { makeWaySchema } from './make-way-schema.ts'
import { wireSchema } from './protect-wire-schema.ts'
import { newConnectionsSchema, perAddressSchema, perAsnSchema, perPrefixSchema } from './source-limits-schema.ts'

/** Each keeps a file open, and a client gives up some time. */
const TARPIT_MS_MAX = 10 * 60_000

export const protectSchema = z.strictObject({
  refuse: choice(
    ['reset', 'close', 'drop', 'tarpit'],
    'What a client sees that is refused: a reset, which leaves nothing behind here; an ordinary close; nothing at all; or a connection that nobody reads, for tarpitFor, and then a reset.',
  ).prefault('reset'),
  tarpitFor: duration(
    { minMs: 1000, maxMs: TARPIT_MS_MAX },
    'How long a client is kept waiting where `refuse` is `tarpit`.',
  ).prefault('10s'),
  perAddress: perAddressSchema
    .prefault({})
    .meta({ description: 'How much one address may do; of IPv6 the /64 is one.' }),
  perPrefix: perPrefixSchema.prefault({}).meta({ description: 'How much a /24 may do, of IPv6 a /48.' }),
  perAsn: perAsnSchema
    .optional()
    .meta({ description: 'How much all clients of one network operator (AS) may do, by protect.asnDatabase.' }),
  newConnections: newConnectionsSchema
    .prefault({})
    .meta({ description: 'How many new connections the service takes.' }),
  countries: countriesSchema
    .optional()
    .meta({ description: 'Which countries clients may come from, by protect.countryDatabase.' }),
  asns: asnsSchema
    .optional()
    .meta({ description: 'Which networks (AS numbers) clients may come from, by protect.asnDatabase.' }),
  attack: attackSchema.prefault({}).meta({
    description: 'When the service is called under attack, and what holds then for clients that are not known.',
  }),
  makeWay: makeWaySchema
    .prefault({})
    .meta({ description: 'Whether clients that have never said a byte go for new ones when all places are taken.' }),
  ...wireSchema,
})

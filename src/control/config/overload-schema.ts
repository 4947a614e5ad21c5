/** The shape of `protect.overload` and `protect.knownClients`: who is let in when there is no room for all. */
import { z } from 'zod'
import { choice, count, duration, percent, RULES } from './leaf.ts'

/** More would be kept from strangers than is left for them. */
const RESERVE_PERCENT_MAX = 50
/** 21 bytes each: 210 MB. */
const KNOWN_CLIENTS_MAX = 10_000_000

export const overloadSchema = z.strictObject({
  rule: choice(
    RULES,
    'Whether an overload shortens deadlines and refuses strangers, or only (`watch`) counts and log lines tell of it.',
  ).prefault('on'),
  reserve: percent(
    0,
    RESERVE_PERCENT_MAX,
    'Of `traffic.maxConnections`, for the allow list and for clients that were useful before.',
  ).prefault('5%'),
  idleAtLeast: duration({}, 'What is left of `idleTimeout` at least.').prefault('10s'),
  firstByteAtLeast: duration({}, 'What is left of `firstByteTimeout` at least.').prefault('5s'),
})

export const knownClientsSchema = z.strictObject({
  max: count(
    1,
    KNOWN_CLIENTS_MAX,
    'Clients that are remembered for having been useful; the oldest goes first.',
  ).prefault('100000'),
})

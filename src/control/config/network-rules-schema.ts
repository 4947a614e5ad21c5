/** The shape of `protect.countries` and `protect.asns`: where clients may come from. */
import { z } from 'zod'
import { countryCodeMeant, isCountryCode } from '../../lib/country-code.ts'
import { parseAsn } from '../databases/record-values.ts'
import { choice, leaf, RULES } from './leaf.ts'
import { type Reading, read, unread } from './reading.ts'

const COUNTRIES_MAX = 250
/** Of one service. */
export const ASNS_MAX = 10_000

const rule = (of: string) =>
  choice(
    RULES,
    `Whether clients are held to the ${of} below: \`on\` refuses, \`watch\` lets in and counts what it would refuse, \`off\` does not look.`,
  ).prefault('on')

const unknown = (what: string) =>
  choice(
    ['admit', 'refuse'],
    `What becomes of a client whose ${what} the database does not know. By default it is treated as one that is not named.`,
  ).optional()

const country = leaf(readCountry, {
  type: 'string',
  pattern: '^[A-Z]{2}$',
  description: 'The two letters of ISO 3166-1: `DE`.',
})
const asn = leaf(readAsn, {
  type: ['string', 'integer'],
  pattern: '^(AS)?[0-9]+$',
  minimum: 1,
  maximum: 2 ** 32 - 1,
  description: 'An AS number: `64496` or `AS64496`.',
})

const countries = (description: string) => z.array(country).min(1).max(COUNTRIES_MAX).optional().meta({ description })
const asns = (description: string) => z.array(asn).min(1).max(ASNS_MAX).optional().meta({ description })

export const countriesSchema = z.strictObject({
  rule: rule('countries'),
  allow: countries('Only clients from these are let in.'),
  deny: countries('Clients from these are refused.'),
  unknown: unknown('country'),
})

export const asnsSchema = z.strictObject({
  rule: rule('AS numbers'),
  allow: asns('Only clients from these are let in.'),
  deny: asns('Clients from these are refused.'),
  unknown: unknown('AS'),
})

function readCountry(text: string): Reading<string> {
  if (isCountryCode(text)) return read(text)
  const meant = countryCodeMeant(text)
  const hint = meant === undefined ? '' : `, did you mean ${meant}?`
  return unread(
    'E_CONFIG_COUNTRY',
    `is not the code of a country${hint || ';'} expected two letters of ISO 3166-1, such as DE`,
  )
}

function readAsn(text: string): Reading<number> {
  const asn = parseAsn(text)
  if (asn !== undefined) return read(asn)
  return unread('E_CONFIG_ASN', 'is not an AS number; expected one such as 64496 or AS64496, up to 4294967295')
}

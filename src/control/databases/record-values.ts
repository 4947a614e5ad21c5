/**
 * What a record says of country and AS, in the words of each vendor:
 *
 *   GeoLite2, DB-IP Lite, IP2Location   { country: { iso_code: "DE" } }   { autonomous_system_number: 64496 }
 *   IPinfo Lite                         { country_code: "DE", country: "Germany", asn: "AS64496" }
 *   IPinfo, older                       { country: "DE" }                 { asn: "AS64496" }
 */
import { countryNumber } from '../../lib/country-code.ts'
import { type MmdbData, NOT_FOUND } from '../../lib/mmdb/mmdb-data.ts'
import { UNKNOWN } from '../../traffic/admit/network-database.ts'

const ASN_MAX = 2 ** 32 - 1
/** `AS4294967295` */
const ASN_TEXT_BYTES_MAX = 12

/** The country's number, or UNKNOWN. Throws MmdbError. */
export function countryAt(data: MmdbData, at: number): number {
  const country = data.find(at, 'country')
  const isoCode = country === NOT_FOUND ? NOT_FOUND : data.find(country, 'iso_code')
  return (
    countryTextAt(data, isoCode) || countryTextAt(data, data.find(at, 'country_code')) || countryTextAt(data, country)
  )
}

function countryTextAt(data: MmdbData, at: number): number {
  return at === NOT_FOUND ? UNKNOWN : countryNumber(data.text(at, 2) ?? '')
}

/** The AS number, or UNKNOWN. Throws MmdbError. */
export function asnAt(data: MmdbData, at: number): number {
  const named = data.find(at, 'autonomous_system_number')
  const place = named === NOT_FOUND ? data.find(at, 'asn') : named
  if (place === NOT_FOUND) return UNKNOWN
  const asn = data.uint(place) ?? parseAsn(data.text(place, ASN_TEXT_BYTES_MAX) ?? '') ?? UNKNOWN
  return asn <= ASN_MAX ? asn : UNKNOWN
}

/** `AS64496` or `64496`; undefined where it is neither. AS 0 is nobody's. [RFC 7607] */
export function parseAsn(text: string): number | undefined {
  const digits = /^(?:AS)?([0-9]{1,10})$/i.exec(text)?.[1]
  const asn = Number(digits)
  return digits !== undefined && asn >= 1 && asn <= ASN_MAX ? asn : undefined
}

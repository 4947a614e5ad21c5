import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { mmdb, type MmdbValue } from '../../../test/harness/mmdb.ts'
import { countryCode } from '../../lib/country-code.ts'
import { MmdbFile } from '../../lib/mmdb/mmdb-file.ts'
import { asnAt, countryAt, parseAsn } from './record-values.ts'

function dataOf(value: MmdbValue) {
  const { data } = new MmdbFile(mmdb({ '192.0.2.0/24': value }))
  return data
}

function country(value: MmdbValue): string | undefined {
  const data = dataOf(value)
  const number = countryAt(data, data.start)
  return number === 0 ? undefined : countryCode(number)
}

function asn(value: MmdbValue): number {
  const data = dataOf(value)
  return asnAt(data, data.start)
}

describe('the country of a record', () => {
  const records: [string, MmdbValue, string | undefined][] = [
    ['GeoLite2', { continent: { code: 'EU' }, country: { geoname_id: 1, iso_code: 'DE', names: { en: 'x' } } }, 'DE'],
    ['IPinfo Lite', { asn: 'AS1', country: 'Germany', country_code: 'DE' }, 'DE'],
    ['older IPinfo', { country: 'DE' }, 'DE'],
    ['lower case', { country_code: 'de' }, 'DE'],
    ['only a registered country', { registered_country: { iso_code: 'DE' } }, undefined],
    ['no country', { country: { iso_code: 'ZZ' } }, undefined],
    ['empty', { country_code: '', country: '' }, undefined],
    ['no text', { country: 7 }, undefined],
    ['no map', 'DE', undefined],
  ]
  for (const [name, value, expected] of records) test(name, () => assert.equal(country(value), expected))
})

describe('the AS of a record', () => {
  const records: [string, MmdbValue, number][] = [
    ['GeoLite2', { autonomous_system_number: 64_496, autonomous_system_organization: 'x' }, 64_496],
    ['IPinfo Lite', { asn: 'AS64496', as_name: 'x' }, 64_496],
    ['a number', { asn: 64_496 }, 64_496],
    ['as text', { asn: '64496' }, 64_496],
    ['the largest', { autonomous_system_number: 4_294_967_295 }, 4_294_967_295],
    ['too large', { autonomous_system_number: 4_294_967_296n }, 0],
    ['empty', { asn: '' }, 0],
    ['nothing', { country: 'DE' }, 0],
  ]
  for (const [name, value, expected] of records) test(name, () => assert.equal(asn(value), expected))
})

test('AS numbers as people write them', () => {
  assert.deepEqual(['64496', 'AS64496', 'as1', '4294967295'].map(parseAsn), [64_496, 64_496, 1, 4_294_967_295])
  for (const text of ['0', 'AS0', '4294967296', '-1', '1.5', 'AS', '', '12345678901', 'ASN1']) {
    assert.equal(parseAsn(text), undefined, text)
  }
})

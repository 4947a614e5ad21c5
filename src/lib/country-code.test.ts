import assert from 'node:assert/strict'
import { test } from 'node:test'
import { countryCode, countryCodeMeant, countryNumber, isCountryCode } from './country-code.ts'

test('a code is a number, and back', () => {
  for (const code of ['AA', 'AZ', 'BA', 'DE', 'XK', 'ZY']) assert.equal(countryCode(countryNumber(code)), code)
  assert.equal(countryNumber('de'), countryNumber('DE'))
  assert.deepEqual(['ZZ', '', 'D', 'DEU', '1A', 'Germany'].map(countryNumber), [0, 0, 0, 0, 0, 0])
})

test('only codes that are given out are codes', () => {
  assert.deepEqual(['DE', 'XK', 'GB', 'de', 'UK', 'EU', 'XX'].map(isCountryCode), [
    true,
    true,
    true,
    false,
    false,
    false,
    false,
  ])
})

test('what people write instead', () => {
  assert.deepEqual(
    ['uk', 'de', 'USA', 'germany', 'United States', 'EU', 'nowhere', 'constructor'].map(countryCodeMeant),
    ['GB', 'DE', 'US', 'DE', 'US', undefined, undefined, undefined],
  )
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { countryNumber } from '../../lib/country-code.ts'
import { numberSet } from '../../lib/number-set.ts'
import { parseConfig } from './load.ts'
import { makeNetworkRules } from './make-network-rules.ts'

function rulesOf(protect: string) {
  const databases = 'protect: { countryDatabase: a.mmdb, asnDatabase: b.mmdb }'
  const service = `  - { name: web, listen: ["127.0.0.1:1"], upstreams: ["203.0.113.1:1"], protect: ${protect} }`
  const [{ protect: own }] = parseConfig(`${databases}\nservices:\n${service}\n`, 'tidegate.yaml', {}).services
  return makeNetworkRules(own)
}

test('without a word there is no rule', () => {
  const { countries, asns } = rulesOf('{}')
  assert.deepEqual([countries.rule, asns.rule], ['off', 'off'])
})

test('who is unknown counts as not named, unless the rule says otherwise', () => {
  assert.deepEqual(rulesOf('{ countries: { deny: [DE, NO] } }').countries, {
    rule: 'on',
    named: 'refuse',
    numbers: numberSet([countryNumber('DE'), countryNumber('NO')]),
    unknown: 'admit',
  })
  assert.deepEqual(rulesOf('{ asns: { rule: watch, allow: [AS64496, 1] } }').asns, {
    rule: 'watch',
    named: 'admit',
    numbers: numberSet([64_496, 1]),
    unknown: 'refuse',
  })
  assert.equal(rulesOf('{ asns: { allow: [1], unknown: admit } }').asns.unknown, 'admit')
  assert.equal(rulesOf('{ countries: { deny: [DE], unknown: refuse } }').countries.unknown, 'refuse')
})

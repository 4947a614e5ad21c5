import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HOUR_SECONDS, HourMemory, SERIES_SERVICES_IN_MEMORY_MAX } from './hour-memory.ts'
import { FIELD } from './series-fields.ts'

const FIRST = 1_795_280_400
const { connectionsNew } = FIELD

test('a second stays for an hour, and its place is empty for the next one', () => {
  const hour = new HourMemory()
  assert.equal(hour.begin(FIRST), true)
  hour.add(FIRST, 'web', connectionsNew, 7)
  hour.add(FIRST, 'web', connectionsNew, 1)
  assert.equal(hour.value(FIRST, 'web', connectionsNew), 8)
  assert.equal(hour.value(FIRST + HOUR_SECONDS, 'web', connectionsNew), 0)
  hour.begin(FIRST + HOUR_SECONDS)
  assert.equal(hour.hasSecond(FIRST), false)
  assert.equal(hour.value(FIRST + HOUR_SECONDS, 'web', connectionsNew), 0)
  assert.equal(hour.begin(FIRST), false)
  hour.add(FIRST, 'web', connectionsNew, 5)
  assert.equal(hour.value(FIRST + HOUR_SECONDS, 'web', connectionsNew), 0)
})

test('there is a bound on services; one that is gone makes room once its hour is over', () => {
  const hour = new HourMemory()
  hour.begin(FIRST)
  for (let i = 0; i < SERIES_SERVICES_IN_MEMORY_MAX + 5; i++) hour.add(FIRST, `service-${i}`, connectionsNew, 1)
  assert.equal(hour.services.length, SERIES_SERVICES_IN_MEMORY_MAX + 1)
  hour.forgetIfEmpty('service-0')
  assert.equal(hour.services.length, SERIES_SERVICES_IN_MEMORY_MAX + 1)
  hour.begin(FIRST + HOUR_SECONDS)
  hour.forgetIfEmpty('service-0')
  assert.equal(hour.services.length, SERIES_SERVICES_IN_MEMORY_MAX)
})

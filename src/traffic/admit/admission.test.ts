import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseIp } from '../../lib/ip.ts'
import { CLOSE_REASON_CODES, CLOSE_REASON_NAMES, type CloseReason } from '../close-reason.ts'
import { Counters, SERVICE, SERVICE_STRIDE, WORKER } from '../counters.ts'
import { PLAIN_PROTECT, serviceForTest } from '../service-for-test.ts'
import type { ServiceProtect } from '../tables.ts'
import { Admission, ADMITTED, type Source } from './admission.ts'
import { BanTable } from './ban-table.ts'
import { rateLimit } from './rate-limit.ts'
import { KnownClients, makeKnownClientsMemory } from './known-clients.ts'
import { newcomerRingBytes, NewcomersWriter } from './newcomers.ts'
import { makeSourceMemory, NO_HANDLE } from './source-table.ts'

const NO_BANS = new BanTable(1).memory
const SHAPE = { services: 2, upstreams: 1 }

const newcomers = (): NewcomersWriter => new NewcomersWriter(new SharedArrayBuffer(newcomerRingBytes(4)))

function sourceOf(text: string): Source {
  const addressBytes = parseIp(text)!
  return { addressBytes, addressAt: 0, family: addressBytes.length === 4 ? 4 : 6 }
}

/** Admission of one worker, asked in words. */
function admissionFor(protect: Partial<ServiceProtect>, index = 0) {
  const service = serviceForTest([], { index, protect: { ...PLAIN_PROTECT, ...protect } })
  const counters = new Counters(new SharedArrayBuffer(Counters.bytes(SHAPE)), SHAPE)
  const admission = new Admission(
    counters,
    undefined,
    NO_BANS,
    makeSourceMemory(1024 * 1024, SHAPE.services),
    newcomers(),
    new KnownClients(makeKnownClientsMemory(100)),
  )
  return {
    admission,
    counters,
    /** `admitted`, or why not. */
    judge: (text: string, nowMs = 1000): string => {
      const code = admission.takeSourcePlaces(service, sourceOf(text), nowMs)
      return code === ADMITTED ? 'admitted' : CLOSE_REASON_NAMES[code]
    },
    watched: (reason: CloseReason): number => {
      return counters.services[index * SERVICE_STRIDE + SERVICE.watched + CLOSE_REASON_CODES[reason]]
    },
  }
}

const none = { connectionsMax: 0, rate: null }

describe('admission by rates and counts', () => {
  test('with every rule off nothing is taken', () => {
    const { admission, judge, counters } = admissionFor({})
    for (let i = 0; i < 100; i++) assert.equal(judge('192.0.2.1'), 'admitted')
    assert.deepEqual([admission.addressHandle, admission.prefixHandle], [NO_HANDLE, NO_HANDLE])
    assert.equal(counters.worker[WORKER.sourcesTracked], 0)
  })

  test('asks the address first, then its prefix, then the service', () => {
    const once = rateLimit(1, 3_600_000, 1)
    const { judge } = admissionFor({
      perAddress: { rule: 'on', connectionsMax: 1, rate: null },
      perPrefix: { rule: 'on', connectionsMax: 0, rate: once },
      newConnections: { rule: 'on', rate: rateLimit(1, 3_600_000, 2) },
    })
    assert.deepEqual(
      ['192.0.2.1', '192.0.2.1', '192.0.2.2', '198.51.100.1', '203.0.113.1', '203.0.113.1'].map((text) => judge(text)),
      [
        'admitted',
        'refused-address-connections',
        'refused-prefix-rate',
        'admitted',
        'refused-service-rate',
        'refused-service-rate',
      ],
    )
  })

  test('who is refused in the end has spent nothing on the way', () => {
    const { admission, judge, counters } = admissionFor({
      perAddress: { rule: 'on', connectionsMax: 5, rate: rateLimit(1, 3_600_000, 2) },
      perPrefix: { rule: 'on', connectionsMax: 5, rate: rateLimit(1, 3_600_000, 3) },
      newConnections: { rule: 'on', rate: rateLimit(1, 1000, 1) },
    })
    assert.equal(judge('192.0.2.1'), 'admitted')
    admission.giveSourcePlacesBack(admission.addressHandle, admission.prefixHandle)
    for (let i = 0; i < 50; i++) assert.equal(judge('192.0.2.1'), 'refused-service-rate')
    assert.deepEqual([admission.addressHandle, admission.prefixHandle], [NO_HANDLE, NO_HANDLE])
    assert.equal(counters.worker[WORKER.sourcesTracked], 0)
    assert.equal(judge('192.0.2.1', 2000), 'admitted')
    assert.equal(judge('192.0.2.1', 3000), 'refused-address-rate')
    assert.equal(judge('192.0.2.2', 3000), 'admitted')
  })

  test('a rule on watch counts once for each client, lets it in, and counts it as open', () => {
    const { admission, judge, watched } = admissionFor({
      perAddress: { rule: 'watch', connectionsMax: 1, rate: null },
      perPrefix: { rule: 'on', connectionsMax: 4, rate: null },
    })
    for (let i = 0; i < 4; i++) assert.equal(judge('192.0.2.1'), 'admitted')
    assert.equal(watched('refused-address-connections'), 3)
    assert.equal(judge('192.0.2.2'), 'refused-prefix-connections')
    assert.notEqual(admission, undefined)
  })

  test('the allow list is above all of it', () => {
    const { admission, judge } = admissionFor({ perAddress: { rule: 'on', connectionsMax: 1, rate: null } })
    admission.isAllowed = true
    for (let i = 0; i < 3; i++) assert.equal(judge('192.0.2.1'), 'admitted')
    assert.equal(admission.addressHandle, NO_HANDLE)
    admission.isAllowed = false
    assert.deepEqual([judge('192.0.2.1'), judge('192.0.2.1')], ['admitted', 'refused-address-connections'])
  })

  test('services count for themselves', () => {
    const perAddress = { rule: 'on', connectionsMax: 1, rate: null } as const
    const memory = makeSourceMemory(1024 * 1024, SHAPE.services)
    const counters = new Counters(new SharedArrayBuffer(Counters.bytes(SHAPE)), SHAPE)
    const admission = new Admission(counters, undefined, NO_BANS, memory, newcomers(), new KnownClients(makeKnownClientsMemory(100)))
    const found = [0, 1, 0].map((index) => {
      const service = serviceForTest([], {
        index,
        protect: { ...PLAIN_PROTECT, perAddress, perPrefix: { rule: 'off', ...none } },
      })
      return admission.takeSourcePlaces(service, sourceOf('2001:db8::1'), 1000)
    })
    assert.deepEqual(found, [ADMITTED, ADMITTED, CLOSE_REASON_CODES['refused-address-connections']])
  })
})

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { countryNumber } from '../../lib/country-code.ts'
import { formatIp, parseIp } from '../../lib/ip.ts'
import { numberSet } from '../../lib/number-set.ts'
import { CLOSE_REASON_CODES, CLOSE_REASON_NAMES, type CloseReason } from '../close-reason.ts'
import { Counters, SERVICE, SERVICE_STRIDE, WORKER } from '../counters.ts'
import { PLAIN_PROTECT, serviceForTest } from '../service-for-test.ts'
import type { ServiceProtect } from '../tables.ts'
import { Admission, ADMITTED, type Source } from './admission.ts'
import { BanTable } from './ban-table.ts'
import { networksForTest } from './network-database-for-test.ts'
import { rateLimit } from './rate-limit.ts'
import { KnownClients, makeKnownClientsMemory } from './known-clients.ts'
import { listOf } from './list-for-test.ts'
import { newcomerRingBytes, NewcomersWriter } from './newcomers.ts'
import { ALERT, makeSourceMemory, NO_HANDLE, SourceTable } from './source-table.ts'
import { strikeRingBytes, StrikesReader, StrikesWriter } from './strikes.ts'

const NO_BANS = new BanTable(1).memory
const SHAPE = { services: 2, upstreams: 1 }

const newcomers = (): NewcomersWriter => new NewcomersWriter(new SharedArrayBuffer(newcomerRingBytes(4)))

function sourceOf(text: string): Source {
  const addressBytes = parseIp(text)!
  return { addressBytes, addressAt: 0, family: addressBytes.length === 4 ? 4 : 6 }
}

const ALLOWED = { allow: listOf('192.0.2.0/24'), deny: undefined }

/** Admission of one worker, asked in words. */
function admissionFor(protect: Partial<ServiceProtect>, index = 0) {
  const service = serviceForTest([], { index, protect: { ...PLAIN_PROTECT, ...protect } })
  const counters = new Counters(new SharedArrayBuffer(Counters.bytes(SHAPE)), SHAPE)
  const strikesMemory = new SharedArrayBuffer(strikeRingBytes(4))
  const memory = makeSourceMemory(1024 * 1024, SHAPE.services)
  const known = new KnownClients(makeKnownClientsMemory(100))
  const admission = new Admission({
    counters,
    lists: undefined,
    bansMemory: NO_BANS,
    sourceMemory: memory,
    strikes: new StrikesWriter(strikesMemory, counters),
    newcomers: newcomers(),
    known,
  })
  return {
    service,
    known,
    sources: new SourceTable(memory, counters.worker),
    admission,
    counters,
    /** `admitted`, or why not. */
    judge: (text: string, nowMs = 1000): string => {
      const source = sourceOf(text)
      admission.judgeAddress(service, source, nowMs)
      const code = admission.takeSourcePlaces(service, source, nowMs)
      return code === ADMITTED ? 'admitted' : CLOSE_REASON_NAMES[code]
    },
    judgeNetwork: (text: string): string => {
      admission.judgeAddress(service, sourceOf(text), 1000)
      const code = admission.judgeNetwork(service)
      return code === ADMITTED ? 'admitted' : CLOSE_REASON_NAMES[code]
    },
    /** What control hears of since the last time, as `kind address`. */
    strikes: (): string[] => {
      const heard: string[] = []
      new StrikesReader(strikesMemory).read(10, ({ kind, address }) => {
        heard.push(`${kind} ${formatIp(address.slice(0, 4))}`)
      })
      return heard
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

  test('clients of one AS share its limits, over all their prefixes; those of no known AS have none', () => {
    const memory = networksForTest({ '192.0.0.0': { asn: 7 }, '2001::': { asn: 7 } })
    const { admission, judge, watched, counters } = admissionFor({
      perPrefix: { rule: 'on', connectionsMax: 2, rate: null },
      perAsn: { rule: 'on', connectionsMax: 3, rate: null },
      newConnections: { rule: 'on', rate: rateLimit(1, 3_600_000, 6) },
    })
    admission.useNetworks(memory)
    const asked = ['192.0.2.1', '192.0.2.2', '192.0.2.3', '2001:db8::1', '2001:db8::2', '198.51.100.1', '198.51.100.2']
    assert.deepEqual(
      asked.map((text) => judge(text)),
      [
        'admitted',
        'admitted',
        'refused-prefix-connections',
        'admitted',
        'refused-asn-connections',
        'admitted',
        'admitted',
      ],
    )
    assert.equal(watched('refused-asn-connections'), 0)
    const tracked = counters.worker[WORKER.sourcesTracked]
    judge('2001:db8:1::1')
    assert.equal(counters.worker[WORKER.sourcesTracked], tracked)
  })

  test('what the last client of an AS had taken is given back', () => {
    const memory = networksForTest({ '192.0.0.0': { asn: 4_200_000_000 } })
    const { admission, judge, counters } = admissionFor({ perAsn: { rule: 'on', connectionsMax: 1, rate: null } })
    admission.useNetworks(memory)
    for (let i = 0; i < 3; i++) {
      assert.equal(judge('192.0.2.1'), 'admitted')
      const { addressHandle, prefixHandle, asnHandle } = admission
      assert.equal(judge('192.0.2.2'), 'refused-asn-connections')
      admission.giveSourcePlacesBack(addressHandle, prefixHandle, asnHandle)
    }
    assert.equal(counters.worker[WORKER.sourcesTracked], 0)
  })

  test('countries and AS numbers: the first that is broken, on watch only counted', () => {
    const [de, fr] = ['DE', 'FR'].map(countryNumber)
    const networks = networksForTest({ '192.0.0.0': { country: de, asn: 7 }, '198.51.0.0': { country: fr, asn: 8 } })
    const rule = { rule: 'on', named: 'refuse', unknown: 'admit' } as const
    const { admission, judgeNetwork, watched } = admissionFor({
      countries: { ...rule, rule: 'watch', numbers: numberSet([de]) },
      asns: { ...rule, named: 'admit', numbers: numberSet([8]) },
    })
    assert.equal(judgeNetwork('192.0.2.1'), 'admitted')
    admission.useNetworks(networks)
    const asked = ['192.0.2.1', '198.51.100.1', '203.0.113.1', '2001:db8::1'].map(judgeNetwork)
    assert.deepEqual(asked, ['refused-asn', 'admitted', 'admitted', 'admitted'])
    assert.equal(watched('refused-country'), 1)
    admission.useLists(ALLOWED)
    assert.equal(judgeNetwork('192.0.2.1'), 'admitted')
    assert.equal(watched('refused-country'), 1)
  })

  test('the allow list is above all of it', () => {
    const { admission, judge } = admissionFor({ perAddress: { rule: 'on', connectionsMax: 1, rate: null } })
    admission.useLists(ALLOWED)
    for (let i = 0; i < 3; i++) assert.equal(judge('192.0.2.1'), 'admitted')
    assert.equal(admission.addressHandle, NO_HANDLE)
    admission.useLists(undefined)
    assert.deepEqual([judge('192.0.2.1'), judge('192.0.2.1')], ['admitted', 'refused-address-connections'])
  })

  test('an address above its limit is struck, with what it did; one that is watched, or whose prefix is full, is not', () => {
    const few = admissionFor({ perAddress: { rule: 'on', connectionsMax: 1, rate: null } })
    const slow = admissionFor({ perAddress: { rule: 'on', connectionsMax: 0, rate: rateLimit(1, 60_000, 1) } })
    const watched = admissionFor({ perAddress: { rule: 'watch', connectionsMax: 1, rate: null } })
    const prefix = admissionFor({ perPrefix: { rule: 'on', connectionsMax: 1, rate: null } })
    for (const { judge } of [few, slow, watched, prefix]) for (let i = 0; i < 2; i++) judge('192.0.2.1')
    assert.deepEqual(few.strikes(), ['connections 192.0.2.1'])
    assert.deepEqual(slow.strikes(), ['rate 192.0.2.1'])
    assert.deepEqual([...watched.strikes(), ...prefix.strikes()], [])
  })

  test('services count for themselves', () => {
    const perAddress = { rule: 'on', connectionsMax: 1, rate: null } as const
    const memory = makeSourceMemory(1024 * 1024, SHAPE.services)
    const counters = new Counters(new SharedArrayBuffer(Counters.bytes(SHAPE)), SHAPE)
    const strikes = new StrikesWriter(new SharedArrayBuffer(strikeRingBytes(4)), counters)
    const admission = new Admission({
      counters,
      lists: undefined,
      bansMemory: NO_BANS,
      sourceMemory: memory,
      strikes,
      newcomers: newcomers(),
      known: new KnownClients(makeKnownClientsMemory(100)),
    })
    const found = [0, 1, 0].map((index) => {
      const service = serviceForTest([], {
        index,
        protect: { ...PLAIN_PROTECT, perAddress, perPrefix: { rule: 'off', ...none } },
      })
      admission.judgeAddress(service, sourceOf('2001:db8::1'), 1000)
      return admission.takeSourcePlaces(service, sourceOf('2001:db8::1'), 1000)
    })
    assert.deepEqual(found, [ADMITTED, ADMITTED, CLOSE_REASON_CODES['refused-address-connections']])
  })
})

describe('admission under attack', () => {
  const wide = { rule: 'on', connectionsMax: 100, rate: null } as const
  const off = { rule: 'off', connectionsMax: 0, rate: null } as const
  const budgets = {
    perAddress: { ...off, rule: 'on', connectionsMax: 2 } as const,
    perPrefix: off,
    newConnections: off,
  }
  const once = rateLimit(1, 3_600_000, 1)

  /** How many of ten from this address are let in, and why the last is not. */
  function tenOf({ judge }: ReturnType<typeof admissionFor>, text: string): string {
    const verdicts = Array.from({ length: 10 }, () => judge(text))
    return `${verdicts.filter((verdict) => verdict === 'admitted').length}, ${verdicts[9]}`
  }

  test('strangers are held to the budgets, those who are known to the ordinary limits', () => {
    const asked = admissionFor({ perAddress: wide, attack: budgets })
    asked.known.add(parseIp('198.51.100.1')!, 0, 4, 0)
    assert.equal(tenOf(asked, '192.0.2.1'), '10, admitted')
    asked.sources.setAlert(0, ALERT.attack)
    assert.equal(tenOf(asked, '192.0.2.2'), '2, refused-attack')
    assert.equal(asked.judge('192.0.2.1'), 'refused-attack', 'what it had open counts')
    assert.equal(tenOf(asked, '198.51.100.1'), '10, admitted')
    asked.sources.setAlert(0, ALERT.none)
    assert.equal(tenOf(asked, '192.0.2.3'), '10, admitted')
  })

  test('who goes beyond a budget is struck for what it did', () => {
    const few = admissionFor({ attack: budgets })
    const slow = admissionFor({ attack: { ...budgets, perAddress: { ...off, rule: 'on', rate: once } } })
    for (const asked of [few, slow]) {
      asked.sources.setAlert(0, ALERT.attack)
      for (let i = 0; i < 3; i++) asked.judge('192.0.2.1')
    }
    assert.deepEqual(few.strikes(), ['connections 192.0.2.1'])
    assert.deepEqual(slow.strikes(), ['rate 192.0.2.1', 'rate 192.0.2.1'])
  })

  test('who is allowed has no budget', () => {
    const asked = admissionFor({ perAddress: wide, attack: budgets })
    asked.sources.setAlert(0, ALERT.attack)
    asked.admission.useLists(ALLOWED)
    assert.equal(tenOf(asked, '192.0.2.2'), '10, admitted')
  })

  test('a budget that is off leaves the ordinary limit', () => {
    const asked = admissionFor({
      perAddress: { ...wide, connectionsMax: 5 },
      attack: { ...budgets, perAddress: { ...budgets.perAddress, rule: 'off' } },
    })
    asked.sources.setAlert(0, ALERT.forced)
    assert.equal(tenOf(asked, '192.0.2.2'), '5, refused-address-connections')
  })

  test('on watch it counts whom it would refuse, and the ordinary limit goes on refusing', () => {
    const watch = { ...budgets, perAddress: { ...budgets.perAddress, rule: 'watch' } as const }
    for (const [perAddress, said] of [
      [{ ...wide, connectionsMax: 5 }, '5, refused-address-connections'],
      [off, '10, admitted'],
    ] as const) {
      const asked = admissionFor({ perAddress, attack: watch })
      asked.sources.setAlert(0, ALERT.attack)
      assert.equal(tenOf(asked, '192.0.2.2'), said)
      assert.equal(asked.watched('refused-attack'), perAddress === off ? 8 : 3)
    }
  })

  test('strangers who use up the rate of all of them leave that of the others alone', () => {
    const newConnections = { rule: 'on', rate: rateLimit(1, 3_600_000, 3) } as const
    const asked = admissionFor({
      newConnections,
      attack: { ...budgets, perAddress: off, newConnections: { rule: 'on', rate: once } },
    })
    asked.known.add(parseIp('198.51.100.1')!, 0, 4, 0)
    asked.sources.setAlert(0, ALERT.attack)
    assert.equal(tenOf(asked, '192.0.2.2'), '1, refused-attack')
    assert.deepEqual([asked.judge('198.51.100.1'), asked.judge('198.51.100.1')], ['admitted', 'admitted'])
  })

  test('budgets that come to hold between two questions are of the client that is asked about', () => {
    const budget = { rule: 'on', connectionsMax: 1, rate: null } as const
    const attack = { ...PLAIN_PROTECT.attack, perAddress: budget }
    const { admission, service, sources, judge } = admissionFor({ attack })
    sources.setAlert(0, ALERT.attack)
    assert.equal(judge('192.0.2.1'), 'admitted')
    sources.setAlert(0, ALERT.none)
    const next = sourceOf('203.0.113.1')
    admission.judgeAddress(service, next, 1000)
    sources.setAlert(0, ALERT.attack)
    assert.equal(admission.takeSourcePlaces(service, next, 1000), ADMITTED)
    assert.deepEqual([judge('203.0.113.1'), judge('192.0.2.1')], ['refused-attack', 'refused-attack'])
  })

  test('nobody becomes known in an attack, but where an operator wants the budgets', () => {
    const { admission, sources, service } = admissionFor({})
    const can = [ALERT.none, ALERT.attack, ALERT.forced].map((alert) => {
      sources.setAlert(0, alert)
      return admission.canBecomeKnown(service)
    })
    assert.deepEqual(can, [true, false, true])
  })

  test('who comes is counted and told, but for those who are allowed', () => {
    const { admission, counters, service } = admissionFor({})
    admission.noteNewcomer(service, sourceOf('192.0.2.1'), true)
    admission.isAllowed = true
    admission.noteNewcomer(service, sourceOf('192.0.2.2'), false)
    assert.equal(counters.services[SERVICE.newcomers], 1)
  })
})

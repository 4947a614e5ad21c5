import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseIp, parseNetwork } from '../../lib/ip.ts'
import { CLOSE_REASON_CODES } from '../close-reason.ts'
import { Counters, SERVICE, SERVICE_STRIDE } from '../counters.ts'
import { PLAIN_PROTECT, serviceForTest } from '../service-for-test.ts'
import type { Service } from '../tables.ts'
import type { Source } from './admission.ts'
import { MakeWay, type MakeWayRule, SilentClient } from './make-way.ts'

const SHAPE = { services: 3, upstreams: 1 }
const AFTER_MS = 1000
const SPARED = '198.51.100.1'

class Client extends SilentClient {
  readonly service: Service
  readonly address: string
  activeMs: number
  hasServicePlace = true
  isSilent = true
  isGreeted = false
  hasUnread = false
  asked = 0

  constructor(service: Service, activeMs: number, address = '192.0.2.1') {
    super()
    this.service = service
    this.activeMs = activeMs
    this.address = address
  }
}

function sourceOf(text: string): Source {
  const addressBytes = parseIp(text)!
  return { addressBytes, addressAt: 0, family: addressBytes.length === 4 ? 4 : 6 }
}

function serviceWith(index: number, rule: Partial<MakeWayRule> = {}, changes: Partial<Service> = {}): Service {
  const makeWay: MakeWayRule = { rule: 'on', afterMs: AFTER_MS, greeted: 'stay', ...rule }
  return serviceForTest([], { index, protect: { ...PLAIN_PROTECT, makeWay }, ...changes })
}

function makeWayFor() {
  const counters = new Counters(new SharedArrayBuffer(Counters.bytes(SHAPE)), SHAPE)
  const spared = parseIp(SPARED)!
  const admission = { isSpared: ({ addressBytes }: Source) => Buffer.compare(addressBytes, spared) === 0 }
  const makeWay = new MakeWay<Client>(counters, admission, {
    service: ({ service }) => service,
    activeMs: ({ activeMs }) => activeMs,
    isSilent: ({ isSilent }) => isSilent,
    isGreeted: ({ isGreeted }) => isGreeted,
    hasUnread: (client) => {
      client.asked++
      return client.hasUnread
    },
    source: ({ address }) => sourceOf(address),
  })
  const watched = ({ index }: Service) =>
    counters.services[index * SERVICE_STRIDE + SERVICE.watched + CLOSE_REASON_CODES['made-way']]
  return { makeWay, watched }
}

function listed(makeWay: MakeWay<Client>, ...clients: Client[]): void {
  for (const client of clients) makeWay.note(client)
}

test('the one that has been silent longest goes, once it has been so for long enough', () => {
  const { makeWay } = makeWayFor()
  const service = serviceWith(0)
  const [first, second] = [new Client(service, 0), new Client(service, 300)]
  listed(makeWay, first, second)
  assert.equal(makeWay.oldest(service, 999), undefined)
  assert.equal(makeWay.oldest(service, 1000), first)
  makeWay.forget(first)
  assert.equal(makeWay.oldest(service, 1000), undefined)
  assert.equal(makeWay.oldest(undefined, 1300), second)
  // Asked for again, it is the same: it stays listed until it ends.
  assert.equal(makeWay.oldest(undefined, 1300), second)
})

test('of all services the one goes that has been silent longest, by the rule of its own', () => {
  const { makeWay } = makeWayFor()
  const [web, mail, odd] = [serviceWith(0), serviceWith(1, { afterMs: 30_000 }), serviceWith(2, { rule: 'off' })]
  const clients = [new Client(mail, 0), new Client(odd, 0), new Client(web, 500)]
  listed(makeWay, ...clients)
  assert.equal(clients[1].isListed, false)
  assert.equal(makeWay.oldest(undefined, 2000), clients[2])
  assert.equal(makeWay.oldest(mail, 2000), undefined)
  assert.equal(makeWay.oldest(undefined, 30_000), clients[0])
})

test('who has spoken, is known or allowed, or is the proxy in front is left alone for good', () => {
  const { makeWay } = makeWayFor()
  const service = serviceWith(0, {}, { acceptProxyFrom: [parseNetwork('203.0.113.0/24')!] })
  const proxy = new Client(service, 0, '203.0.113.7')
  const spoken = new Client(service, 0)
  spoken.isSilent = false
  const unread = new Client(service, 0)
  unread.hasUnread = true
  const greeted = new Client(service, 0)
  greeted.isGreeted = true
  const spared = new Client(service, 0, SPARED)
  const last = new Client(service, 0)
  listed(makeWay, spoken, unread, greeted, spared, proxy, last)
  assert.equal(makeWay.oldest(service, 5000), last)
  assert.deepEqual(
    [spoken, unread, greeted, spared, proxy].map(({ isListed }) => isListed),
    Array(5).fill(false),
  )
  // A call into the kernel is made for who would go, and for nobody else.
  assert.deepEqual([spoken.asked, greeted.asked, spared.asked], [0, 0, 0])
})

test('where greeted clients go, one that heard something a moment ago lets others go first', () => {
  const { makeWay } = makeWayFor()
  const service = serviceWith(0, { greeted: 'go' })
  const [greeted, silent] = [new Client(service, 4500), new Client(service, 100)]
  greeted.isGreeted = true
  listed(makeWay, greeted, silent)
  assert.equal(makeWay.oldest(service, 5000), silent)
  makeWay.forget(silent)
  assert.equal(makeWay.oldest(service, 5000), undefined)
  assert.equal(makeWay.oldest(service, 5500), greeted)
})

test('for a place of the service one goes that has one', () => {
  const { makeWay } = makeWayFor()
  const service = serviceWith(0)
  const [without, withPlace] = [new Client(service, 0), new Client(service, 0)]
  without.hasServicePlace = false
  listed(makeWay, without, withPlace)
  assert.equal(makeWay.oldest(service, 2000), withPlace)
})

test('on watch each client that would have to go is counted once, and stays', () => {
  const { makeWay, watched } = makeWayFor()
  const service = serviceWith(0, { rule: 'watch' })
  listed(makeWay, new Client(service, 0), new Client(service, 0))
  for (let i = 0; i < 5; i++) assert.equal(makeWay.oldest(service, 2000), undefined)
  assert.equal(watched(service), 2)
})

test('a service on watch does not keep the silent of another from making way', () => {
  const { makeWay, watched } = makeWayFor()
  const [watching, web] = [serviceWith(0, { rule: 'watch' }), serviceWith(1)]
  const silent = new Client(web, 500)
  listed(makeWay, new Client(watching, 0), new Client(watching, 0), silent)
  assert.equal(makeWay.oldest(undefined, 2000), silent)
  assert.equal(watched(watching), 1)
})

test('thousands that have spoken are passed over in portions, and each only once', () => {
  const { makeWay } = makeWayFor()
  const service = serviceWith(0)
  const speakers = Array.from({ length: 200 }, () => new Client(service, 0))
  for (const speaker of speakers) speaker.isSilent = false
  const silent = new Client(service, 0)
  listed(makeWay, ...speakers, silent)
  let newcomers = 1
  while (makeWay.oldest(service, 2000) === undefined) newcomers++
  assert.equal(newcomers, 4)
  assert.equal(speakers.filter(({ isListed }) => isListed).length, 0)
})

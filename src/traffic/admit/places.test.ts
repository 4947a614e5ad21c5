import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseIp } from '../../lib/ip.ts'
import { Chooser } from '../balance/choose.ts'
import { CLOSE_REASON_NAMES } from '../close-reason.ts'
import { Counters } from '../counters.ts'
import { NodeWide } from '../node-wide.ts'
import { SharedQueue } from '../queue/shared-queue.ts'
import { WaitingRoom } from '../queue/waiting-room.ts'
import { WorkerWakes } from '../queue/worker-wakes.ts'
import { PLAIN_PROTECT, serviceForTest, workerMemoryForTest } from '../service-for-test.ts'
import type { Service } from '../tables.ts'
import { UpstreamStates } from '../upstream-states.ts'
import { ADMITTED } from './admission.ts'
import type { Source } from './admission.ts'
import { MakeWay, SilentClient } from './make-way.ts'
import { OverloadGate } from './overload-gate.ts'
import { OverloadState } from './overload-state.ts'
import { Places } from './places.ts'

const SHAPE = { services: 2, upstreams: 1 }
const NOW_MS = 10_000
const STRANGER: Source = { addressBytes: parseIp('192.0.2.1')!, addressAt: 0, family: 4 }

class Client extends SilentClient {
  readonly service: Service
  hasServicePlace: boolean

  constructor(service: Service, hasServicePlace: boolean) {
    super()
    this.service = service
    this.hasServicePlace = hasServicePlace
  }
}

/** A node of so many places for strangers, of ten in all, asked in words; clients are silent for ever. */
function nodeFor(strangersMax = 10) {
  const memory = workerMemoryForTest(SHAPE, 1)
  const counters = new Counters(memory.counterMemory, SHAPE)
  const nodeWide = new NodeWide(memory.nodeWideMemory)
  const states = new UpstreamStates(memory.upstreamStatesMemory, SHAPE)
  const room = new WaitingRoom(0, new WorkerWakes(memory.workerWakesMemory), states, new Chooser(nodeWide, states))
  const gate = new OverloadGate(
    { ...memory, limits: { connectionsMax: 10, pipesMax: 0, spillBytesMax: 0 } },
    counters,
    nodeWide,
  )
  const order = (max: number) =>
    new OverloadState(memory.overloadMemory).order({
      level: 0,
      rule: 'on',
      strangersMax: max,
      halvings: 0,
      idleMsMin: 0,
      firstByteMsMin: 0,
    })
  order(strangersMax)
  const makeWay = new MakeWay<Client>(
    counters,
    { isSpared: () => false },
    {
      service: ({ service }) => service,
      activeMs: () => 0,
      isSilent: () => true,
      isGreeted: () => false,
      hasUnread: () => false,
      source: () => STRANGER,
    },
  )
  const places = new Places({ gate, nodeWide, states, room, makeWay })
  const take = (service: Service) => {
    const code = places.take(service, STRANGER, false, NOW_MS)
    return code === ADMITTED ? 'admitted' : CLOSE_REASON_NAMES[code]
  }
  return {
    places,
    makeWay,
    order,
    take,
    room,
    counts: () => [nodeWide.openConnections, states.serviceConnections(0), states.serviceConnections(1)],
    /** One that is let in, and silent from then on. */
    enter: (service: Service): Client => {
      assert.equal(take(service), 'admitted')
      assert.equal(places.leaver(), undefined)
      const client = new Client(service, places.hasServicePlace)
      makeWay.note(client)
      return client
    },
    /** As an engine does it. */
    end: (client: Client): void => {
      if (client.isListed) makeWay.forget(client)
      if (!client.hasPassedPlaceOn) nodeWide.givePlaceBack()
      if (client.hasServicePlace) states.giveServicePlaceBack(client.service.index)
    },
  }
}

function serviceOf(index: number, changes: Partial<Service> = {}): Service {
  const makeWay = { rule: 'on', afterMs: 1000, greeted: 'stay' } as const
  return serviceForTest([], { index, protect: { ...PLAIN_PROTECT, makeWay }, ...changes })
}

test("a newcomer gets the node's place of who is silent, and the count never moves", () => {
  const { enter, take, places, counts, end } = nodeFor(3)
  const web = serviceOf(0)
  const [first] = [enter(web), enter(web), enter(web)]
  for (let i = 0; i < 2; i++) {
    assert.equal(take(web), 'admitted')
    assert.equal(counts()[0], 3)
    places.giveBack(web)
    assert.deepEqual(counts(), [3, 3, 0])
  }
  take(web)
  const leaver = places.leaver()
  assert.equal(leaver, first)
  assert.equal(leaver.hasPassedPlaceOn, true)
  end(leaver)
  // The service has no ceiling: its count goes by who is open.
  assert.deepEqual(counts(), [3, 3, 0])
})

test("a full service passes on its own client's place, and that of the node with it", () => {
  const { enter, take, places, counts, end } = nodeFor(3)
  const [web, mail] = [serviceOf(0, { maxConnections: 2 }), serviceOf(1)]
  const other = enter(mail)
  const first = enter(web)
  enter(web)
  assert.equal(take(web), 'admitted')
  assert.equal(places.hasServicePlace, true)
  const leaver = places.leaver()
  assert.equal(leaver, first)
  assert.deepEqual([leaver.hasPassedPlaceOn, leaver.hasServicePlace], [true, false])
  end(leaver)
  assert.deepEqual(counts(), [3, 2, 1])
  assert.equal(other.isListed, true)
})

test('where nobody of the service is silent, a newcomer is refused, and nobody goes in vain', () => {
  const { enter, take, places, counts, makeWay } = nodeFor(3)
  const [web, mail] = [serviceOf(0, { maxConnections: 1 }), serviceOf(1)]
  enter(mail)
  makeWay.forget(enter(web))
  assert.equal(take(web), 'refused-service-ceiling')
  assert.equal(places.leaver(), undefined)
  enter(mail)
  assert.equal(take(web), 'refused-overload')
  assert.equal(places.leaver(), undefined)
  assert.deepEqual(counts(), [3, 1, 2])
})

test('above a ceiling that a reload has lowered nobody is exchanged', () => {
  const { enter, take, places } = nodeFor()
  const web = serviceOf(0, { maxConnections: 3 })
  for (let i = 0; i < 3; i++) enter(web)
  assert.equal(take(serviceOf(0, { maxConnections: 2 })), 'refused-service-ceiling')
  assert.equal(places.leaver(), undefined)
})

test('at the last level no stranger gets the place of another', () => {
  const { enter, take, places, order } = nodeFor()
  const web = serviceOf(0)
  enter(web)
  order(0)
  assert.equal(take(web), 'refused-overload')
  assert.equal(places.leaver(), undefined)
})

test('where somebody waits, the silent one goes for that one, and the newcomer waits', () => {
  const { enter, take, places, room, counts, end } = nodeFor()
  const queue = { max: 1, timeoutMs: 5000, perClient: 10, memory: SharedQueue.make(1, 1) }
  const web = serviceOf(0, { maxConnections: 1, queue })
  const silent = enter(web)
  room.join({ service: web, ...STRANGER, tried: null, known: -1 }, 7, 0, NOW_MS)
  assert.equal(take(web), 'refused-queue-full')
  const leaver = places.leaver()
  assert.equal(leaver, silent)
  assert.deepEqual([leaver.hasPassedPlaceOn, leaver.hasServicePlace], [false, true])
  end(leaver)
  assert.deepEqual(counts(), [0, 0, 0])
})

test('nobody goes for a newcomer who finds the queue full while a place of the service is free', () => {
  const { enter, take, places, room, counts, end, order } = nodeFor()
  const queue = { max: 1, timeoutMs: 5000, perClient: 10, memory: SharedQueue.make(1, 1) }
  const [web, mail] = [serviceOf(0, { maxConnections: 1, queue }), serviceOf(1)]
  enter(mail)
  const first = enter(web)
  room.join({ service: web, ...STRANGER, tried: null, known: -1 }, 7, 0, NOW_MS)
  // Who waits is about to take its place.
  end(first)
  order(1)
  assert.equal(take(web), 'refused-queue-full')
  assert.equal(places.leaver(), undefined)
  assert.deepEqual(counts(), [1, 0, 1])
})

test('a client that a header has named has its place, and who is silent gives his up for the reserve', () => {
  const { enter, places, counts, end, order } = nodeFor()
  const web = serviceOf(0)
  const silent = enter(web)
  enter(web)
  order(1)
  assert.equal(places.judgeNamed(web, STRANGER, false, NOW_MS), ADMITTED)
  places.spareLeaver()
  assert.equal(places.leaver(), undefined)
  places.judgeNamed(web, STRANGER, false, NOW_MS)
  const leaver = places.leaver()
  assert.equal(leaver, silent)
  end(leaver)
  assert.deepEqual(counts(), [1, 1, 0])
})

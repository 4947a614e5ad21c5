/**
 * What admission costs a connection: `node bench/admit.ts [sources [case]]`, a million unless told otherwise.
 * Prints ns for each client that is judged: asked of the lists and of the databases of networks, its places taken with
 * every rule on, in the node and the service, by address, prefix, AS and the service's rate; and ns for giving them back
 * when it leaves, which it does here after all of its round have come. Where there is a goal, it is for a tenth of the
 * rounds; the exit code is 1 where one is missed.
 */
import { tableMemory } from '../src/kernel/huge-pages.ts'
import { joinDatabases } from '../src/control/databases/join-databases.ts'
import { makeDatabase } from '../src/control/databases/read-database.ts'
import { numberSet } from '../src/lib/number-set.ts'
import { PrefixTableWriter } from '../src/lib/prefix-table-writer.ts'
import { Admission, ADMITTED } from '../src/traffic/admit/admission.ts'
import { BanTable } from '../src/traffic/admit/ban-table.ts'
import { rateLimit } from '../src/traffic/admit/rate-limit.ts'
import { KnownClients, makeKnownClientsMemory } from '../src/traffic/admit/known-clients.ts'
import { newcomerRingBytes, NewcomersReader, NewcomersWriter } from '../src/traffic/admit/newcomers.ts'
import { ALERT, makeSourceMemory, SourceTable } from '../src/traffic/admit/source-table.ts'
import { mix32 } from '../src/lib/client-hash.ts'
import type { MakeWay, SilentClient } from '../src/traffic/admit/make-way.ts'
import { OverloadGate } from '../src/traffic/admit/overload-gate.ts'
import { Places } from '../src/traffic/admit/places.ts'
import { Chooser } from '../src/traffic/balance/choose.ts'
import { NodeWide } from '../src/traffic/node-wide.ts'
import { WaitingRoom } from '../src/traffic/queue/waiting-room.ts'
import { WorkerWakes } from '../src/traffic/queue/worker-wakes.ts'
import { UpstreamStates } from '../src/traffic/upstream-states.ts'
import { strikeRingBytes, StrikesWriter } from '../src/traffic/admit/strikes.ts'
import { Counters } from '../src/traffic/counters.ts'
import { PLAIN_PROTECT, serviceForTest, workerMemoryForTest } from '../src/traffic/service-for-test.ts'
import type { NetworkRule, ServiceProtect } from '../src/traffic/tables.ts'
import { Random } from '../test/harness/random.ts'
import { madeDatabase } from './made-database.ts'

const MEMORY_BYTES = 64 * 1024 * 1024
/** Short rounds: others use the machine too, and some are left alone. Each goes on with other sources. */
const CLIENTS = 2_000
const ROUNDS = 600
const LISTED = 1_000_000
/** Above this a round is no measure: nobody is to be refused here but where it says so. */
const PLENTY = rateLimit(1_000_000, 1000, 1_000_000)

const SHAPE = { services: 1, upstreams: 1 }
const CONNECTIONS_MAX = 100_000

const sources = Number(process.argv[2] ?? 1_000_000)
/** Of the cases below, those whose name has it. */
const only = process.argv[3] ?? ''

const on = { rule: 'on', connectionsMax: 10_000, rate: PLENTY } as const
const EVERY_RULE: ServiceProtect = {
  ...PLAIN_PROTECT,
  perAddress: on,
  perPrefix: on,
  newConnections: { rule: 'on', rate: PLENTY },
}
/** Which keeps nobody out: all must be asked. */
const NOBODY: NetworkRule = { rule: 'on', named: 'refuse', numbers: numberSet([0xffff_ffff]), unknown: 'admit' }
const EVERY_RULE_AND_NETWORKS: ServiceProtect = { ...EVERY_RULE, countries: NOBODY, asns: NOBODY, perAsn: on }
/** What strangers are held to besides while the service is under attack. */
const IN_ATTACK: ServiceProtect = {
  ...EVERY_RULE_AND_NETWORKS,
  attack: { ...PLAIN_PROTECT.attack, perAddress: on, perPrefix: on, newConnections: { rule: 'on', rate: PLENTY } },
}
const KNOWN_CLIENTS = 100_000
const NEVER = rateLimit(1, 3_600_000, 1)

interface Case {
  readonly name: string
  readonly protect: ServiceProtect
  readonly addresses: number
  readonly hasLists?: true
  readonly family?: 4 | 6
  readonly isInAttack?: true
  readonly goalNs?: number
}

/** With a million prefixes and every rule on. */
const goalNs = 1000

const CASES: readonly Case[] = [
  { name: 'every rule off', protect: PLAIN_PROTECT, addresses: sources },
  { name: 'by address', protect: { ...PLAIN_PROTECT, perAddress: on }, addresses: sources },
  { name: 'every rule on', protect: EVERY_RULE, addresses: sources },
  { name: 'every rule on, lists', protect: EVERY_RULE, addresses: sources, hasLists: true },
  { name: '… and country and AS', protect: EVERY_RULE_AND_NETWORKS, addresses: sources, hasLists: true, goalNs },
  { name: '… of IPv6', protect: EVERY_RULE_AND_NETWORKS, addresses: sources, hasLists: true, family: 6, goalNs },
  { name: '… in an attack', protect: IN_ATTACK, addresses: sources, hasLists: true, isInAttack: true },
  { name: 'every rule on, one address', protect: EVERY_RULE, addresses: 1 },
  {
    name: 'refused by address',
    protect: { ...EVERY_RULE, perAddress: { ...on, rate: NEVER } },
    addresses: 1,
  },
  {
    name: 'refused by service, last of all',
    protect: { ...EVERY_RULE, newConnections: { rule: 'on', rate: NEVER } },
    addresses: sources,
  },
]

/** A million networks of each version that name none of the clients but by accident: each lookup is one in vain. */
const listed = { v4: LISTED, v6: LISTED }
const denied = new PrefixTableWriter(listed, tableMemory(PrefixTableWriter.bytes(listed)))
for (let i = 0; i < LISTED; i++) {
  const at = mix32(i ^ 0x5bd1_e995)
  const bytes = Uint8Array.of(240 | (at & 15), at >>> 8, at >>> 16, at >>> 24)
  denied.set({ family: 4, bytes, prefixLength: 32 }, i)
  const v6 = new Uint8Array(16)
  v6.set([0x2a, at & 15, at >>> 8, at >>> 16, at >>> 24, 0xff, i, i >>> 8])
  denied.set({ family: 6, bytes: v6, prefixLength: 64 }, i)
}
const allowed = new PrefixTableWriter({ v4: 1, v6: 0 })
allowed.set({ family: 4, bytes: Uint8Array.of(127, 0, 0, 0), prefixLength: 8 }, 0)
const LISTS = { allow: allowed.memory, deny: denied.memory }
const BANS = new BanTable(100_000)
/** As many as there can be, none of them a client here. */
const KNOWN = new KnownClients(makeKnownClientsMemory(KNOWN_CLIENTS))
for (let i = 0; i < KNOWN_CLIENTS; i++) {
  const at = mix32(i ^ 0x3c6e_f372)
  KNOWN.add(Uint8Array.of(240 | (at & 15), at >>> 8, at >>> 16, at >>> 24), 0, 4, 0)
}
const file = madeDatabase(new Random(1))
const [countries, asns] = [await makeDatabase(file, 'country'), await makeDatabase(file, 'asn')]
const NETWORKS = await joinDatabases(countries.memory, asns.memory)

console.log(`ns per client, ${sources} sources, least, tenth and half of ${ROUNDS} rounds of ${CLIENTS}`)
console.log('                                            judged            given back')
for (const each of CASES.filter(({ name }) => name.includes(only))) {
  const rounds = roundsOf(each)
  const judged = spreadOf(rounds.map(({ judgedNs }) => judgedNs))
  const back = spreadOf(rounds.map(({ backNs }) => backNs))
  const cells = [judged, back].map((spread) => spread.map((ns) => ns.toFixed(0).padStart(6)).join(' '))
  const isMissed = each.goalNs !== undefined && judged[1] > each.goalNs
  const verdict = each.goalNs === undefined ? [] : [`goal ${each.goalNs}: ${isMissed ? 'missed' : 'met'}`]
  console.log([each.name.padEnd(34), ...cells, ...verdict].join('  '))
  if (isMissed) process.exitCode = 1
}

/** The least, the tenth and the half of so many. */
function spreadOf(all: readonly number[]): number[] {
  const sorted = all.toSorted((a, b) => a - b)
  return [sorted[0], sorted[ROUNDS / 10], sorted[ROUNDS / 2]]
}

/** Of a node and a service that are far from their ceilings: nobody has to make way. */
function placesOf(counters: Counters): Places<SilentClient> {
  const memory = workerMemoryForTest(SHAPE, 1)
  const nodeWide = new NodeWide(memory.nodeWideMemory)
  const states = new UpstreamStates(memory.upstreamStatesMemory, SHAPE)
  const room = new WaitingRoom(0, new WorkerWakes(memory.workerWakesMemory), states, new Chooser(nodeWide, states))
  const limits = { connectionsMax: CONNECTIONS_MAX, pipesMax: 0, spillBytesMax: 0 }
  const gate = new OverloadGate({ ...memory, limits }, counters, nodeWide)
  gate.state.order({
    level: 0,
    rule: 'on',
    strangersMax: CONNECTIONS_MAX,
    halvings: 0,
    idleMsMin: 0,
    firstByteMsMin: 0,
  })
  const makeWay = { oldest: () => undefined } as unknown as MakeWay<SilentClient>
  return new Places({ gate, nodeWide, states, room, makeWay })
}

function roundsOf({ protect, addresses, hasLists, family = 4, isInAttack }: Case) {
  const service = serviceForTest([], { protect, maxConnections: CONNECTIONS_MAX })
  const counters = new Counters(new SharedArrayBuffer(Counters.bytes(SHAPE)), SHAPE)
  const places = placesOf(counters)
  const sourceMemory = makeSourceMemory(MEMORY_BYTES, 1)
  if (isInAttack === true) new SourceTable(sourceMemory, counters.worker).setAlert(0, ALERT.attack)
  const ring = new SharedArrayBuffer(newcomerRingBytes(14))
  const admission = new Admission({
    counters,
    lists: hasLists === undefined ? undefined : LISTS,
    bansMemory: BANS.memory,
    sourceMemory,
    strikes: new StrikesWriter(new SharedArrayBuffer(strikeRingBytes(13)), counters),
    newcomers: new NewcomersWriter(ring),
    known: KNOWN,
  })
  admission.useNetworks(NETWORKS)
  const reader = new NewcomersReader(ring)
  const bytes = family === 4 ? 4 : 16
  const addressBytes = new Uint8Array(bytes * CLIENTS)
  const source = { addressBytes, addressAt: 0, family }
  let nowMs = 1000
  let client = 0
  /** As the kernel leaves them: that is not what is measured. */
  const nameClients = (): void => {
    for (let at = 0; at < addressBytes.length; at += bytes) {
      const address = mix32(client++ % addresses)
      if (family === 6) addressBytes.set([0x2a, address & 15], at)
      // A client's own 32 bits: all of IPv4, of IPv6 those that tell its /48.
      for (let i = 0; i < 4; i++) addressBytes[at + (family === 4 ? i : i + 2)] = address >>> (i * 8)
    }
  }
  const handles = new Int32Array(CLIENTS * 3)
  return Array.from({ length: ROUNDS }, () => {
    let open = 0
    nameClients()
    const startedMs = performance.now()
    for (let i = 0; i < CLIENTS; i++) {
      source.addressAt = i * bytes
      if (i % 64 === 0) nowMs += 0.1
      if (admission.judgeAddress(service, source, nowMs) !== ADMITTED) continue
      if (admission.judgeNetwork(service) !== ADMITTED) continue
      if (places.take(service, source, admission.isAllowed, nowMs) !== ADMITTED) continue
      if (admission.takeSourcePlaces(service, source, nowMs) !== ADMITTED) {
        places.giveBack(service)
        continue
      }
      admission.noteNewcomer(service, source, false)
      handles[open * 3] = admission.addressHandle
      handles[open * 3 + 1] = admission.prefixHandle
      handles[open * 3 + 2] = admission.asnHandle
      open++
    }
    const judgedMs = performance.now()
    for (let at = 0; at < open * 3; at += 3) {
      admission.giveSourcePlacesBack(handles[at], handles[at + 1], handles[at + 2])
      places.giveBack(service)
    }
    const endMs = performance.now()
    reader.read(CLIENTS, () => {})
    return { judgedNs: ((judgedMs - startedMs) * 1e6) / CLIENTS, backNs: ((endMs - judgedMs) * 1e6) / CLIENTS }
  })
}

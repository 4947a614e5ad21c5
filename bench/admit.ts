/**
 * What admission costs a connection: `node bench/admit.ts [sources]`, a million unless told otherwise.
 * Prints ns for each client: asked of the lists and of the databases of networks, its places taken with every rule on, by
 * address, prefix, AS and service, and given back.
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
import { makeSourceMemory } from '../src/traffic/admit/source-table.ts'
import { mix32 } from '../src/lib/client-hash.ts'
import { strikeRingBytes, StrikesWriter } from '../src/traffic/admit/strikes.ts'
import { Counters } from '../src/traffic/counters.ts'
import { PLAIN_PROTECT, serviceForTest } from '../src/traffic/service-for-test.ts'
import type { NetworkRule, Service, ServiceProtect } from '../src/traffic/tables.ts'
import { Random } from '../test/harness/random.ts'
import { madeDatabase } from './made-database.ts'

const MEMORY_BYTES = 64 * 1024 * 1024
/** Short rounds: others use the machine too, and some are left alone. Each goes on with other sources. */
const CLIENTS = 2_000
const ROUNDS = 600
const LISTED = 1_000_000
/** Above this a round is no measure: nobody is to be refused here but where it says so. */
const PLENTY = rateLimit(1_000_000, 1000, 1_000_000)

const sources = Number(process.argv[2] ?? 1_000_000)

const on = { rule: 'on', connectionsMax: 1000, rate: PLENTY } as const
const EVERY_RULE: ServiceProtect = {
  ...PLAIN_PROTECT,
  perAddress: on,
  perPrefix: on,
  newConnections: { rule: 'on', rate: PLENTY },
}
/** Which keeps nobody out: all must be asked. */
const NOBODY: NetworkRule = { rule: 'on', named: 'refuse', numbers: numberSet([0xffff_ffff]), unknown: 'admit' }
const EVERY_RULE_AND_NETWORKS: ServiceProtect = { ...EVERY_RULE, countries: NOBODY, asns: NOBODY, perAsn: on }
const NEVER = rateLimit(1, 3_600_000, 1)

const CASES: readonly {
  readonly name: string
  readonly protect: ServiceProtect
  readonly addresses: number
  readonly hasLists?: true
  readonly family?: 4 | 6
}[] = [
  { name: 'every rule off', protect: PLAIN_PROTECT, addresses: sources },
  { name: 'by address', protect: { ...PLAIN_PROTECT, perAddress: on }, addresses: sources },
  { name: 'every rule on', protect: EVERY_RULE, addresses: sources },
  { name: 'every rule on, lists', protect: EVERY_RULE, addresses: sources, hasLists: true },
  { name: '… and country and AS', protect: EVERY_RULE_AND_NETWORKS, addresses: sources, hasLists: true },
  { name: '… of IPv6', protect: EVERY_RULE_AND_NETWORKS, addresses: sources, hasLists: true, family: 6 },
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
const file = madeDatabase(new Random(1))
const [countries, asns] = [await makeDatabase(file, 'country'), await makeDatabase(file, 'asn')]
const NETWORKS = await joinDatabases(countries.memory, asns.memory)

console.log(`ns per client, ${sources} sources, least, tenth and half of ${ROUNDS} rounds of ${CLIENTS}`)
for (const { name, protect, addresses, hasLists, family } of CASES) {
  const rounds = nsPerClient(serviceForTest([], { protect }), addresses, hasLists ?? false, family ?? 4).toSorted(
    (a, b) => a - b,
  )
  const cells = [rounds[0], rounds[ROUNDS / 10], rounds[ROUNDS / 2]].map((ns) => ns.toFixed(0).padStart(6))
  console.log([name.padEnd(34), ...cells].join(' '))
}

function nsPerClient(service: Service, addresses: number, hasLists: boolean, family: 4 | 6): number[] {
  const shape = { services: 1, upstreams: 1 }
  const counters = new Counters(new SharedArrayBuffer(Counters.bytes(shape)), shape)
  const ring = new SharedArrayBuffer(newcomerRingBytes(14))
  const admission = new Admission({
    counters,
    lists: hasLists ? LISTS : undefined,
    bansMemory: BANS.memory,
    sourceMemory: makeSourceMemory(MEMORY_BYTES, 1),
    strikes: new StrikesWriter(new SharedArrayBuffer(strikeRingBytes(13)), counters),
    newcomers: new NewcomersWriter(ring),
    known: new KnownClients(makeKnownClientsMemory(1)),
  })
  admission.useNetworks(NETWORKS)
  const reader = new NewcomersReader(ring)
  const addressBytes = new Uint8Array(family === 4 ? 4 : 16)
  // The client's own 32 bits: all of IPv4, of IPv6 those that tell its /48.
  const addressAt = family === 4 ? 0 : 2
  if (family === 6) addressBytes[0] = 0x2a
  const source = { addressBytes, addressAt: 0, family }
  let nowMs = 1000
  let client = 0
  return Array.from({ length: ROUNDS }, () => {
    const startedMs = performance.now()
    for (let i = 0; i < CLIENTS; i++) {
      const address = mix32(client++ % addresses)
      for (let at = 0; at < 4; at++) addressBytes[addressAt + at] = address >>> (at * 8)
      if (family === 6) addressBytes[1] = address & 15
      if (i % 64 === 0) nowMs += 0.1
      if (admission.judgeAddress(service, source, nowMs) !== ADMITTED) continue
      if (admission.judgeNetwork(service) !== ADMITTED) continue
      if (admission.takeSourcePlaces(service, source, nowMs) !== ADMITTED) continue
      admission.noteNewcomer(service, source, false)
      admission.giveSourcePlacesBack(admission.addressHandle, admission.prefixHandle, admission.asnHandle)
    }
    const ns = ((performance.now() - startedMs) * 1e6) / CLIENTS
    reader.read(CLIENTS, () => {})
    return ns
  })
}

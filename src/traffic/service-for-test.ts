/** A service and the memory of a worker as tests need them: ordinary, but for what a test changes. */
import type { SocketAddress } from '../lib/ip.ts'
import { BanTable } from './admit/ban-table.ts'
import { newcomerRingBytes } from './admit/newcomers.ts'
import { makeKnownClientsMemory } from './admit/known-clients.ts'
import { makeOverloadMemory } from './admit/overload-state.ts'
import { makeSourceMemory, SOURCE_MEMORY_BYTES_MIN } from './admit/source-table.ts'
import { strikeRingBytes } from './admit/strikes.ts'
import { Counters } from './counters.ts'
import type { CounterShape } from './counters.ts'
import type { WorkerStart } from './events.ts'
import { ringBytes } from './log-ring.ts'
import { NodeWide } from './node-wide.ts'
import { numberSet } from '../lib/number-set.ts'
import type { NetworkRule, Service, ServiceProtect, UpstreamShare } from './tables.ts'
import { WorkerWakes } from './queue/worker-wakes.ts'
import { UpstreamStates } from './upstream-states.ts'
import type { WireRules } from './wire/wire-rules.ts'

export const LOOPBACK: SocketAddress = { family: 4, address: '127.0.0.1', port: 0 }

export const NO_WIRE_RULES: WireRules = {
  dialOn: 'connect',
  firstByteTimeoutMs: 0,
  slowSend: { rule: 'off', bytes: 1024, withinMs: 30_000 },
  slowRead: { rule: 'off', bytes: 4096, withinMs: 600_000 },
  tinySegments: { rule: 'off', perSecondMax: 500, smallerThanBytes: 64, withinMs: 10_000 },
}

export const PLAIN_SHARE: UpstreamShare = { weight: 1, backup: false, maxConnections: 0 }

const NO_NETWORK_RULE: NetworkRule = { rule: 'off', named: 'refuse', numbers: numberSet([]), unknown: 'admit' }

/** Everybody is let in. */
export const PLAIN_PROTECT: ServiceProtect = {
  refuse: 'reset',
  makeWay: { rule: 'off', afterMs: 1000, greeted: 'stay' },
  tarpitForMs: 10_000,
  perAddress: { rule: 'off', connectionsMax: 0, rate: null },
  perPrefix: { rule: 'off', connectionsMax: 0, rate: null },
  perAsn: { rule: 'off', connectionsMax: 0, rate: null },
  newConnections: { rule: 'off', rate: null },
  countries: NO_NETWORK_RULE,
  asns: NO_NETWORK_RULE,
  attack: {
    perAddress: { rule: 'off', connectionsMax: 0, rate: null },
    perPrefix: { rule: 'off', connectionsMax: 0, rate: null },
    newConnections: { rule: 'off', rate: null },
  },
  ...NO_WIRE_RULES,
}

/** A service with one upstream for each address; places in shared memory count from `firstPlace`. */
export function serviceForTest(
  addresses: readonly SocketAddress[],
  changes: Partial<Service> = {},
  firstPlace = 0,
): Service {
  const index = changes.index ?? 0
  return {
    index,
    name: `service-${index}`,
    mode: 'raw',
    listeners: [{ index, address: LOOPBACK, dualStack: false }],
    upstreams: addresses.map((_, i) => ({ index: firstPlace + i, name: `upstream ${i}`, share: PLAIN_SHARE })),
    candidates: addresses.map((address, i) => {
      return { upstreamIndex: firstPlace + i, addressIndex: firstPlace + i, address, share: PLAIN_SHARE }
    }),
    balance: 'ordered',
    slowStartMs: 0,
    affinity: null,
    maxConnections: 0,
    whenAllDown: 'try-all',
    onDown: 'keep',
    queue: { max: 0, timeoutMs: 5000, perClient: 10, memory: undefined },
    outlier: { failures: 0, ejectForMs: 30_000, ejectForMsMax: 300_000, ejectedPercentMax: 50 },
    onFailure: 'reset',
    connectTimeoutMs: 5000,
    hedgeAfterMs: 0,
    idleTimeoutMs: 60_000,
    halfClosedTimeoutMs: 60_000,
    maxLifetimeMs: 0,
    retryFailedAfterMs: 0,
    sourceAddresses: [],
    proxyHeader: { crc32c: true, uniqueId: true, tlsHello: true },
    acceptProxyFrom: [],
    acceptProxyTimeoutMs: 5000,
    clientSocket: {},
    upstreamSocket: {},
    protect: PLAIN_PROTECT,
    ...changes,
  }
}

type WorkerMemory = Pick<
  WorkerStart,
  | 'counterShape'
  | 'counterMemory'
  | 'nodeWideMemory'
  | 'sourceMemory'
  | 'overloadMemory'
  | 'knownClientsMemory'
  | 'upstreamStatesMemory'
  | 'workerWakesMemory'
  | 'bansMemory'
  | 'logRingMemory'
  | 'strikesMemory'
  | 'newcomersMemory'
>

export function workerMemoryForTest(counterShape: CounterShape, upstreamAddresses: number): WorkerMemory {
  return {
    counterShape,
    counterMemory: new SharedArrayBuffer(Counters.bytes(counterShape)),
    nodeWideMemory: new SharedArrayBuffer(NodeWide.bytes(upstreamAddresses)),
    sourceMemory: makeSourceMemory(SOURCE_MEMORY_BYTES_MIN, counterShape.services),
    overloadMemory: makeOverloadMemory(),
    knownClientsMemory: makeKnownClientsMemory(12),
    upstreamStatesMemory: new SharedArrayBuffer(UpstreamStates.bytes(counterShape)),
    workerWakesMemory: new SharedArrayBuffer(WorkerWakes.bytes(1)),
    bansMemory: new BanTable(16).memory,
    logRingMemory: new SharedArrayBuffer(ringBytes(20)),
    strikesMemory: new SharedArrayBuffer(strikeRingBytes(10)),
    newcomersMemory: new SharedArrayBuffer(newcomerRingBytes(10)),
  }
}

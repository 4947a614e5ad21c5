/** For unit tests: a node that carries no traffic, with two workers, services `web` and `mail`, and real shared memory. */
import type { NodeState, NodeView } from '../../src/control/node-view.ts'
import type { FirewallView } from '../../src/control/shield/firewall-view.ts'
import { eachCause } from '../../src/control/overload/pressure.ts'
import { BusyRatios } from '../../src/control/workers/busy-ratios.ts'
import { SeriesSampler } from '../../src/control/series/series-sampler.ts'
import { Store } from '../../src/control/store/store.ts'
import { SharedMemory } from '../../src/control/workers/shared-memory.ts'
import { PLAIN_PROTECT, PLAIN_SHARE } from '../../src/traffic/service-for-test.ts'
import type { Candidate, Service, Tables } from '../../src/traffic/tables.ts'

export interface NodeForTest extends NodeView {
  become: (state: NodeState) => void
}

export function nodeForTest(): NodeForTest {
  let state: NodeState = 'ready'
  const memory = new SharedMemory(2, { services: 2, upstreams: 3 }, 4)
  const busy = new BusyRatios(memory.workers)
  const store = Store.none()
  const bans = { view: () => BANS }
  return {
    version: '1.2.3',
    startedAtMs: Date.UTC(2026, 10, 21),
    engine: 'linux',
    limits: {
      connectionsMax: 1000,
      adminConnectionsMax: 64,
      pipesMax: 8,
      spillBytesMax: 1024,
      boundBy: 'file limit',
      warnings: [],
    },
    memory,
    busy,
    firewall: { view: () => FIREWALL, dropsFrom: () => false },
    checks: { viewOf: () => undefined, isAllDown: () => false },
    bans: {
      covering: () => [],
      ...bans,
    },
    store,
    series: new SeriesSampler({ memory, tables: () => TABLES, bans, store }),
    attacks: {
      list: () => [],
      find: () => undefined,
      watched: () => [],
      top: () => [],
      calledBy: (service, kind) => (service === 'web' && kind === 'unused' ? 2 : 0),
      isUnderAttack: (index) => index === 1,
    },
    overload: { view: () => ({ level: 0, wanted: eachCause(() => 0), knownClients: 0 }) },
    notify: { view: () => ({ channels: [], rules: [], deliveries: [] }), test: async () => [] },
    state: () => state,
    tables: () => TABLES,
    lists: () => undefined,
    databases: () => undefined,
    logLinesDropped: () => 4,
    become: (next) => {
      state = next
    },
  }
}

const BANS = {
  total: 9,
  active: { manual: 2, strikes: 1, neighbours: 0, signals: 0 },
  made: { manual: 3, strikes: 4, neighbours: 0, signals: 0 },
  watched: { manual: 0, strikes: 5, neighbours: 1, signals: 0 },
  displaced: 6,
  spared: 7,
  sourcesForgotten: 8,
}
const NONE = { packets: 0, bytes: 0, isOn: false }
const FIREWALL: FirewallView = {
  state: { kind: 'active', sinceMs: Date.UTC(2026, 10, 21) },
  table: 'tidegate',
  rules: { ban: { packets: 12, bytes: 720, isOn: true }, deny: NONE, 'syn-rate': NONE, invalid: NONE },
  sets: [{ name: 'banned4', entries: 3, entriesMax: 65_536, displaced: 0 }],
  restored: 1,
  withouts: ['synproxy: it needs net.netfilter.nf_conntrack_tcp_loose=0'],
}

function candidate(upstreamIndex: number, addressIndex: number, address: string): Candidate {
  return { upstreamIndex, addressIndex, address: { family: 4, address, port: 443 }, share: PLAIN_SHARE }
}

const TABLES: Tables = {
  version: 7,
  logConnections: 'all',
  services: [
    {
      index: 0,
      name: 'web',
      mode: 'raw',
      affinity: null,
      onDown: 'keep',
      protect: PLAIN_PROTECT,
      listeners: [{ index: 0, dualStack: true, address: { family: 6, address: '::', port: 443 } }],
      upstreams: [
        { index: 0, name: 'main', share: PLAIN_SHARE },
        { index: 1, name: 'spare', share: { ...PLAIN_SHARE, backup: true } },
      ],
      queue: { max: 0, timeoutMs: 5000, perClient: 10, memory: undefined },
      candidates: [candidate(0, 0, '203.0.113.10'), candidate(0, 1, '203.0.113.11'), candidate(1, 2, '203.0.113.20')],
    } as unknown as Service,
    {
      index: 1,
      name: 'mail',
      mode: 'proxy-v2',
      protect: PLAIN_PROTECT,
      affinity: null,
      listeners: [{ index: 1, dualStack: false, address: { family: 4, address: '192.0.2.1', port: 25 } }],
      upstreams: [{ index: 2, name: 'smtp', share: PLAIN_SHARE }],
      queue: { max: 0, timeoutMs: 5000, perClient: 10, memory: undefined },
      candidates: [candidate(2, 3, '203.0.113.30')],
    } as unknown as Service,
  ],
}

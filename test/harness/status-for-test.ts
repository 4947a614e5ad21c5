/** For unit tests of who reads the admin API: an answer as it may come from another machine. */
import type { NodeStatus } from '../../src/api/contract.ts'

export function statusForTest(): NodeStatus {
  return {
    version: '1.2.3',
    state: 'ready',
    startedAt: '2026-11-21T00:00:00.000Z',
    uptimeMs: 192_000,
    engine: 'linux',
    workers: [{ busyRatio: 0.031 }, { busyRatio: 0 }],
    connectionsOpen: 2,
    connectionsMax: 1000,
    overload: { level: 0, causes: {}, knownClients: 0 },
    logDropped: 0,
    tablesVersion: 1,
    services: [
      {
        name: 'web',
        mode: 'raw',
        listeners: ['*:443'],
        connectionsOpen: 2,
        connectionsWaiting: 0,
        connectionsTotal: 10,
        bytesToUpstream: 0,
        bytesToClient: 1024,
        closed: { 'client-closed': 8 },
        refused: {},
        upstreams: [
          {
            name: 'main',
            up: true,
            wanted: 'up',
            found: 'unknown',
            ejected: false,
            weight: 1,
            backup: false,
            ejectedForMs: 0,
            addresses: [
              { address: '203.0.113.10:443', failedRecently: false },
              { address: '203.0.113.11:443', failedRecently: true },
            ],
            connectionsOpen: 2,
            connects: 10,
            connectFailures: 1,
            connectMsMean: 1.25,
            check: null,
          },
          {
            name: 'spare',
            up: false,
            wanted: 'up',
            found: 'unknown',
            ejected: false,
            weight: 1,
            backup: true,
            ejectedForMs: 0,
            addresses: [{ address: '203.0.113.20:443', failedRecently: true }],
            connectionsOpen: 0,
            connects: 0,
            connectFailures: 3,
            connectMsMean: null,
            check: null,
          },
        ],
      },
    ],
  }
}

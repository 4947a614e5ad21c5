import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { NodeWide } from '../node-wide.ts'
import { LOOPBACK, PLAIN_SHARE, serviceForTest } from '../service-for-test.ts'
import type { Service } from '../tables.ts'
import { UpstreamStates } from '../upstream-states.ts'
import { type HammerStart, REPORT, REPORT_INTS } from './hammer-for-test.ts'
import { SharedQueue } from './shared-queue.ts'
import { WorkerWakes } from './worker-wakes.ts'

const THREADS = 4
const CLIENTS = 20
const VISITS = 40
const ALL = THREADS * CLIENTS * VISITS

interface Hammering {
  /** Of the one upstream; 0 is no limit. */
  readonly upstreamMax: number
  readonly serviceMax: number
  readonly leaves: number
  readonly alwaysJoins?: boolean
}

/** Real threads on one queue, without control, which would put right what they lose; what they report at the end. */
async function hammer({ upstreamMax, serviceMax, leaves, alwaysJoins = false }: Hammering) {
  const memory = SharedQueue.make(THREADS * CLIENTS, 1)
  const shape = { services: 1, upstreams: 1 }
  const share = { ...PLAIN_SHARE, maxConnections: upstreamMax }
  const service: Service = serviceForTest([], {
    candidates: [{ upstreamIndex: 0, addressIndex: 0, address: LOOPBACK, share }],
    maxConnections: serviceMax,
    queue: { max: THREADS * CLIENTS, perClient: CLIENTS, timeoutMs: 5000, memory },
  })
  const start: Omit<HammerStart, 'workerIndex'> = {
    service,
    shape,
    statesMemory: new SharedArrayBuffer(UpstreamStates.bytes(shape)),
    nodeWideMemory: new SharedArrayBuffer(NodeWide.bytes(1)),
    wakesMemory: new SharedArrayBuffer(WorkerWakes.bytes(THREADS)),
    reportMemory: new SharedArrayBuffer((REPORT_INTS + ALL) * 4),
    clients: CLIENTS,
    visits: VISITS,
    leaves,
    alwaysJoins,
    placesMax: upstreamMax === 0 ? serviceMax : upstreamMax,
  }
  const entry = new URL('hammer-for-test.ts', import.meta.url)
  const threads = Array.from({ length: THREADS }, (_, workerIndex) => {
    return new Worker(entry, { workerData: { ...start, workerIndex } })
  })
  const exits = await Promise.all(threads.map((thread) => once(thread, 'exit')))
  assert.deepEqual(exits.flat(), [0, 0, 0, 0])
  const report = new Int32Array(start.reportMemory)
  return {
    states: new UpstreamStates(start.statesMemory, shape),
    queue: new SharedQueue(memory),
    served: report[REPORT.served],
    left: report[REPORT.left],
    tooMany: report[REPORT.tooMany],
    tickets: [...report.subarray(REPORT_INTS, REPORT_INTS + report[REPORT.tickets])],
  }
}

describe('four threads on one queue', () => {
  for (const [what, limits] of [
    ['one place at the upstream', { upstreamMax: 1, serviceMax: 0 }],
    ['three places at the upstream', { upstreamMax: 3, serviceMax: 0 }],
    ['one place at the service', { upstreamMax: 0, serviceMax: 1 }],
    ['more places at the service than at the upstream', { upstreamMax: 2, serviceMax: 3 }],
  ] as const) {
    for (const leaves of [0, 3]) {
      const some = leaves === 0 ? 'nobody leaves' : `one in ${leaves} of those who wait leaves`
      test(
        `${what}, ${some}: no call is lost or doubled, and nobody is there too many`,
        { timeout: 60_000 },
        async () => {
          const { states, queue, served, left, tooMany, tickets } = await hammer({ ...limits, leaves })
          assert.equal(served + left, ALL)
          if (leaves === 0) assert.equal(left, 0)
          assert.equal(tooMany, 0)
          assert.deepEqual([queue.count, states.upstreamConnections(0), states.serviceConnections(0)], [0, 0, 0])
          assert.ok(tickets.length > 0)
        },
      )
    }
  }

  // Not where some come past the queue: a place that one of these gives back calls somebody else than the one it was
  // freed for, and whose thread is off its core then is overtaken.
  for (const [what, limits] of [
    ['the upstream', { upstreamMax: 1, serviceMax: 0 }],
    ['the service', { upstreamMax: 0, serviceMax: 1 }],
  ] as const) {
    for (const leaves of [0, 3]) {
      test(
        `one place at ${what}, one in ${leaves} leaves: who came first is served first`,
        { timeout: 60_000 },
        async () => {
          const { served, left, tickets } = await hammer({ ...limits, leaves, alwaysJoins: true })
          assert.equal(served + left, ALL)
          assert.ok(tickets.length > 0)
          // Who is served writes its ticket before the next one can be.
          assert.deepEqual(
            tickets,
            tickets.toSorted((a, b) => a - b),
          )
        },
      )
    }
  }
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WORKER } from '../../traffic/counters.ts'
import { SharedMemory } from '../workers/shared-memory.ts'
import { Sampler } from './sampler.ts'

const NETSTAT = (overflows: number) =>
  `TcpExt: SyncookiesSent ListenOverflows ListenDrops\nTcpExt: 4 ${overflows} ${overflows + 50}\nIpExt: InNoRoutes\nIpExt: 0\n`
const SOCKSTAT = 'sockets: used 10\nTCP: inuse 1 orphan 0 tw 42298 alloc 1 mem 900\n'

/** Two workers, a limit of 100 connections, and files of the kernel that a test may change. */
function samplerFor(files: Record<string, string> = {}) {
  const memory = new SharedMemory(2, { services: 1, upstreams: 1 }, 1)
  let residentBytes = 0
  const sampler = new Sampler({
    memory,
    limits: { connectionsMax: 100, spillBytesMax: 1000 },
    memoryBytes: 1000,
    read: (path) => files[path],
    residentBytes: () => residentBytes,
  })
  const workers = memory.workers.map(({ counters }) => counters.worker)
  return { memory, sampler, workers, files, reside: (bytes: number) => (residentBytes = bytes) }
}

test('a node at rest, on a system that tells nothing, is at no limit', () => {
  assert.deepEqual(samplerFor().sampler.sample(), {
    connections: 0,
    memory: 0,
    lag: 0,
    files: 0,
    acceptQueue: 0,
    buffers: 0,
  })
})

test('shares are of what the node may have', () => {
  const { memory, sampler, workers, reside } = samplerFor()
  for (let i = 0; i < 80; i++) memory.nodeWide.takePlace(100)
  workers[0][WORKER.spillBytes] = 500
  reside(250)
  const { connections, memory: memoryShare, buffers } = sampler.sample()
  assert.deepEqual([connections, memoryShare, buffers], [0.8, 0.25, 0.25])
})

test("memory is our own or the kernel's for TCP, whichever is nearer to its limit", () => {
  const files = { '/proc/net/sockstat': SOCKSTAT, '/proc/sys/net/ipv4/tcp_mem': '100\t500\t1000\n' }
  const { sampler, reside } = samplerFor(files)
  assert.equal(sampler.sample().memory, 0.9)
  reside(950)
  assert.equal(sampler.sample().memory, 0.95)
})

test('lag is that of the worst worker, and of one that made a turn since', () => {
  const { sampler, workers } = samplerFor()
  workers[0][WORKER.lagMs] = 900
  workers[1][WORKER.lagMs] = 300
  assert.equal(sampler.sample().lag, 0)
  workers[1][WORKER.loopTurns] += 1
  assert.equal(sampler.sample().lag, 300)
  workers[0][WORKER.loopTurns] += 1
  workers[1][WORKER.loopTurns] += 1
  assert.equal(sampler.sample().lag, 900)
  assert.equal(sampler.sample().lag, 0)
})

test('pauses and overflows count since the sample before, not since the start of the machine', () => {
  const { sampler, workers, files } = samplerFor({ '/proc/net/netstat': NETSTAT(1000) })
  assert.equal(sampler.sample().acceptQueue, 0)
  files['/proc/net/netstat'] = NETSTAT(1007)
  workers[0][WORKER.acceptPauses] = 2
  workers[1][WORKER.acceptPauses] = 1
  const { acceptQueue, files: pauses } = sampler.sample()
  assert.deepEqual([acceptQueue, pauses], [7, 3])
  // A counter that fell was set anew.
  files['/proc/net/netstat'] = NETSTAT(3)
  assert.deepEqual([sampler.sample().acceptQueue, sampler.sample().files], [0, 0])
})

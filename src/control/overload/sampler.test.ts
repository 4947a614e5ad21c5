import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WORKER } from '../../traffic/counters.ts'
import { SharedMemory } from '../workers/shared-memory.ts'
import { Sampler } from './sampler.ts'

const SOCKSTAT = 'sockets: used 10\nTCP: inuse 1 orphan 0 tw 42298 alloc 1 mem 900\n'

/** Two workers, a limit of 100 connections, and files of the kernel that a test may change. */
function samplerFor(files: Record<string, string> = {}) {
  const memory = new SharedMemory(2, { services: 1, upstreams: 1 }, 1)
  let residentBytes: number | Error = 0
  const sampler = new Sampler({
    memory,
    limits: { connectionsMax: 100, spillBytesMax: 1000 },
    memoryBytes: 1000,
    read: (path) => files[path],
    residentBytes: () => {
      if (residentBytes instanceof Error) throw residentBytes
      return residentBytes
    },
  })
  const workers = memory.workers.map(({ counters }) => counters.worker)
  return { memory, sampler, workers, files, reside: (bytes: number | Error) => (residentBytes = bytes) }
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

test('a process that can open no file any more goes by what it knew last', () => {
  const { sampler, reside } = samplerFor()
  reside(500)
  assert.equal(sampler.sample().memory, 0.5)
  reside(new Error('EMFILE: too many open files'))
  assert.equal(sampler.sample().memory, 0.5)
})

test('lag and accept queue are those of the worst worker, and of those that made a turn since', () => {
  const { sampler, workers } = samplerFor()
  workers[0][WORKER.lagMs] = 900
  workers[1][WORKER.lagMs] = 300
  workers[1][WORKER.acceptQueue] = 0.5
  assert.deepEqual([sampler.sample().lag, sampler.sample().acceptQueue], [0, 0])
  workers[1][WORKER.loopTurns] += 1
  const { lag, acceptQueue } = sampler.sample()
  assert.deepEqual([lag, acceptQueue], [300, 0.5])
  workers[0][WORKER.loopTurns] += 1
  workers[1][WORKER.loopTurns] += 1
  assert.equal(sampler.sample().lag, 900)
  assert.equal(sampler.sample().lag, 0)
})

test('pauses count since the sample before', () => {
  const { sampler, workers } = samplerFor()
  workers[0][WORKER.acceptPauses] = 2
  workers[1][WORKER.acceptPauses] = 1
  assert.deepEqual([sampler.sample().files, sampler.sample().files], [3, 0])
})

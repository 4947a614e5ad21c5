import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CONNECTIONS_AUTO_MAX, nodeLimits, type LimitQuestion } from './node-limits.ts'

const GIB = 1024 ** 3
const small: LimitQuestion = {
  engine: 'linux',
  workers: 2,
  listeners: 1,
  fileLimit: 20_000,
  memoryBytes: 16 * GIB,
  configuredMax: 'auto',
}

test('a file limit of 20,000 leaves room for 9,151 connections beside pipes and the reserve', () => {
  const limits = nodeLimits(small)
  // 20,000 - 96 - 512 - 2 x (32 + 1) = 19,326; 2 workers x 256 pipes x 2 fds = 1,024; the rest by 2.
  assert.deepEqual(limits, {
    pipesMax: 256,
    spillBytesMax: 64 * 1024 * 1024,
    adminConnectionsMax: 512,
    connectionsMax: 9_151,
    boundBy: 'file limit',
    warnings: [],
  })
})

test('all fds of a node that is full stay below the file limit', () => {
  for (const fileLimit of [256, 1024, 4096, 65_536, 1_048_576]) {
    for (const workers of [1, 2, 3, 16]) {
      for (const listeners of [1, 7, 40]) {
        const limits = nodeLimits({ ...small, fileLimit, workers, listeners, memoryBytes: 1e15 })
        const { connectionsMax, pipesMax, adminConnectionsMax } = limits
        if (connectionsMax < 1) continue
        const taken =
          64 + adminConnectionsMax + workers * (32 + listeners) + workers * pipesMax * 2 + connectionsMax * 2
        assert.ok(taken <= fileLimit, `${taken} of ${fileLimit} with ${workers} workers, ${listeners} listeners`)
      }
    }
  }
})

test('a small file limit gives pipes an eighth, not 256 for each worker', () => {
  const { pipesMax, connectionsMax, warnings } = nodeLimits({ ...small, fileLimit: 1024 })
  assert.equal(pipesMax, 24)
  assert.equal(connectionsMax, 351)
  assert.match(warnings[0], /The file limit of 1024 allows 351 connections only\. Raise the limit/)
})

test('the node engine has no pipes', () => {
  const limits = nodeLimits({ ...small, engine: 'node' })
  assert.equal(limits.pipesMax, 0)
  assert.equal(limits.connectionsMax, 9_663)
})

test('auto is bound by memory on a small machine', () => {
  const limits = nodeLimits({ ...small, fileLimit: 1_048_576, memoryBytes: GIB })
  assert.equal(limits.connectionsMax, 32_768)
  assert.equal(limits.boundBy, 'memory')
})

test('auto has a ceiling where the file limit is as good as none', () => {
  const limits = nodeLimits({ ...small, fileLimit: Infinity, memoryBytes: 1024 * GIB })
  assert.equal(limits.connectionsMax, CONNECTIONS_AUTO_MAX)
  assert.equal(limits.boundBy, 'auto ceiling')
})

test('a configured number is taken as it is when the fds are there', () => {
  const limits = nodeLimits({ ...small, configuredMax: 5000 })
  assert.equal(limits.connectionsMax, 5000)
  assert.equal(limits.boundBy, 'maxConnections')
  assert.deepEqual(limits.warnings, [])
})

test('a configured number above what the file limit allows is clamped, and the warning says both', () => {
  const limits = nodeLimits({ ...small, configuredMax: 50_000 })
  assert.equal(limits.connectionsMax, 9_151)
  assert.match(limits.warnings[0], /maxConnections is 50000, but the file limit of 20000 allows 9151/)
})

test('a configured number above what memory holds is taken, with a warning', () => {
  const limits = nodeLimits({ ...small, fileLimit: 1_048_576, memoryBytes: GIB, configuredMax: 100_000 })
  assert.equal(limits.connectionsMax, 100_000)
  assert.match(limits.warnings[0], /about 32768 idle connections/)
})

test('a file limit below the reserve leaves no connection', () => {
  assert.equal(nodeLimits({ ...small, fileLimit: 64 }).connectionsMax, 0)
})

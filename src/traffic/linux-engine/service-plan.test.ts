/** What the kernel refuses is said in one sentence, and nothing else suffers from it. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { ffiProblem } from '../../kernel/limits.ts'
import { PLAIN_PROTECT, PLAIN_SHARE } from '../service-for-test.ts'
import type { Service, SocketOptions } from '../tables.ts'

const skip = process.platform === 'linux' && ffiProblem() === undefined ? false : 'native calls do not work here'

const { addressOf, AF, close, E, getsockopt, SOCK, socket } =
  skip === false ? await import('../../kernel/libc.ts') : ({} as never)
const { OPTION } = skip === false ? await import('../../kernel/socket-option.ts') : ({} as never)
const { applyOptions, optionComplaints, planService } =
  skip === false ? await import('./service-plan.ts') : ({} as never)

function service(changes: Partial<Service> = {}): Service {
  return {
    name: 'web',
    index: 2,
    candidates: [],
    sourceAddresses: [],
    clientSocket: {},
    upstreamSocket: {},
    protect: PLAIN_PROTECT,
    ...changes,
  } as unknown as Service
}

function withSocket(socket: SocketOptions): Service {
  return service({ clientSocket: socket, upstreamSocket: socket })
}

function valueOf(fd: number, [level, option]: readonly [number, number]): number {
  const value = new Int32Array(1)
  const length = Int32Array.of(4)
  assert.equal(getsockopt(fd, level, option, addressOf(value), addressOf(length)), 0)
  return value[0]
}

/** Bytes of nameless mappings below 2 GiB, where low-memory.ts takes its own. */
function lowMappedBytes(): number {
  const lines = readFileSync('/proc/self/maps', 'utf8').split('\n')
  return lines.reduce((sum, line) => {
    const found = /^([0-9a-f]+)-([0-9a-f]+) rw-p 0+ 00:00 0\s*$/.exec(line)
    const [from, to] = found === null ? [0, 0] : [parseInt(found[1], 16), parseInt(found[2], 16)]
    return to < 2 ** 31 ? sum + to - from : sum
  }, 0)
}

describe('a service plan', { skip }, () => {
  test('has no options but no-delay where the configuration leaves the defaults', () => {
    const { clientOptions, upstreamOptions, lastingOptions } = planService(service())
    assert.deepEqual(
      clientOptions.map(({ name }) => name),
      ['noDelay'],
    )
    assert.deepEqual([upstreamOptions, lastingOptions], [[], []])
  })

  test('sets buffers before the connect and liveness when it has lasted, both at once for clients', () => {
    const options: SocketOptions = { receiveBufferBytes: 65_536, keepAliveMs: 60_000, userTimeoutMs: 30_000 }
    const plan = planService(withSocket(options))
    const names = (planned: typeof plan.clientOptions): string[] => [...new Set(planned.map(({ name }) => name))]
    assert.deepEqual(names(plan.upstreamOptions), ['receiveBuffer'])
    assert.deepEqual(names(plan.lastingOptions), ['keepAlive', 'userTimeout'])
    assert.deepEqual(names(plan.clientOptions), ['noDelay', 'receiveBuffer', 'keepAlive', 'userTimeout'])
  })

  test('0 leaves keepalive and user timeout alone', () => {
    assert.deepEqual(planService(withSocket({ keepAliveMs: 0, userTimeoutMs: 0 })).lastingOptions, [])
  })

  test('keepalive is whole seconds, at least one, with probes not further apart than 15 s', () => {
    for (const [ms, idle, interval] of [
      [1, 1, 1],
      [1499, 1, 1],
      [10_000, 10, 10],
      [7_200_000, 7200, 15],
    ]) {
      const fd = socket(AF.inet, SOCK.stream | SOCK.cloexec, 0)
      assert.equal(applyOptions(fd, planService(withSocket({ keepAliveMs: ms })).lastingOptions), 0)
      assert.deepEqual(
        [valueOf(fd, OPTION.keepAlive), valueOf(fd, OPTION.keepIdleSeconds), valueOf(fd, OPTION.keepIntervalSeconds)],
        [1, idle, interval],
      )
      close(fd)
    }
  })

  test('has the counters of its service and an address in native form for each candidate and source', () => {
    const address = { family: 4 as const, address: '192.0.2.1', port: 443 }
    const plan = planService(
      service({
        candidates: [{ upstreamIndex: 0, addressIndex: 0, address, share: PLAIN_SHARE }],
        sourceAddresses: [address, address],
      }),
    )
    assert.equal(plan.candidates.length, 1)
    assert.equal(plan.sources.length, 2)
    assert.equal(plan.countersAt, 2 * planService(service({ index: 1 })).countersAt)
  })

  test('complains of nothing where the kernel takes everything, and leaves no fd behind', () => {
    const fdsBefore = readdirSync('/proc/self/fd').length
    const options: SocketOptions = {
      receiveBufferBytes: 65_536,
      sendBufferBytes: 65_536,
      windowClampBytes: 65_536,
      maxSegmentBytes: 1200,
      notSentLowWaterBytes: 131_072,
      congestionControl: 'reno',
      keepAliveMs: 60_000,
      userTimeoutMs: 30_000,
    }
    assert.deepEqual(optionComplaints(planService(withSocket(options))), [])
    assert.equal(readdirSync('/proc/self/fd').length, fdsBefore)
  })

  test('complains once of what the kernel refuses for both sides, with service, option, value and errno', () => {
    const complaints = optionComplaints(
      planService(withSocket({ congestionControl: 'no-such-thing', maxSegmentBytes: 1 })),
    )
    assert.equal(complaints.length, 2)
    assert.match(complaints[0], /Service web: .*socket\.maxSegment 1 \(EINVAL\)/)
    assert.match(complaints[1], /Service web: .*socket\.congestionControl no-such-thing \(ENOENT\)/)
  })

  test('one refused option keeps none of the others from being set', () => {
    const options: SocketOptions = { congestionControl: 'no-such-thing', keepAliveMs: 60_000, userTimeoutMs: 30_000 }
    const fd = socket(AF.inet, SOCK.stream | SOCK.cloexec, 0)
    const code = applyOptions(fd, planService(withSocket(options)).clientOptions)
    const set = [valueOf(fd, OPTION.noDelay), valueOf(fd, OPTION.keepAlive), valueOf(fd, OPTION.userTimeoutMs)]
    close(fd)
    assert.equal(code, E.ENOENT)
    assert.deepEqual(set, [1, 1, 30_000])
  })

  test('plans that are no longer used cost no memory: tables may be swapped for years', () => {
    const candidates = Array.from({ length: 31 }, (_, i) => {
      const address = { family: 4 as const, address: `192.0.2.${i}`, port: 443 }
      return { upstreamIndex: i, addressIndex: i, address, share: PLAIN_SHARE }
    })
    const swap = (times: number): void => {
      for (let i = 0; i < times; i++) planService(service({ candidates }))
    }
    swap(10)
    const before = lowMappedBytes()
    swap(400)
    const grownBytes = lowMappedBytes() - before
    assert.ok(grownBytes <= 256 * 1024, `${grownBytes / 1024} KiB more after 400 swaps`)
  })
})

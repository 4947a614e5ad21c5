import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { MessageChannel } from 'node:worker_threads'
import { ffiProblem } from '../../kernel/limits.ts'
import { numberSet } from '../../lib/number-set.ts'
import { CLOSE_REASON_CODES } from '../close-reason.ts'
import { SERVICE } from '../counters.ts'
import { LOOPBACK, PLAIN_PROTECT, serviceForTest, workerMemoryForTest } from '../service-for-test.ts'
import { acceptBatch, acceptQueued } from './accept.ts'
import { closeListeners, commitListeners, prepareListeners } from './listeners.ts'
import { Loop } from './loop.ts'

const skip = process.platform === 'linux' && ffiProblem() === undefined ? false : 'the linux engine does not run here'

/** Nobody's AS is known here, so nobody is let in. */
const asns = { rule: 'on', named: 'refuse', numbers: numberSet([]), unknown: 'refuse' } as const
const QUEUED = 100

/** A loop that takes no turn but those of the test. */
function loopThatRefuses(): Loop {
  const service = serviceForTest([LOOPBACK], { protect: { ...PLAIN_PROTECT, asns } })
  return new Loop({
    workerIndex: 0,
    workers: 1,
    engine: 'linux',
    ioUring: false,
    tables: { version: 1, logConnections: 'none', services: [service] },
    inheritedFds: {},
    limits: { connectionsMax: 10, pipesMax: 1, spillBytesMax: 65_536 },
    bootId: '0123456789ab',
    port: new MessageChannel().port2,
    ...workerMemoryForTest({ services: 1, upstreams: 1 }, 1),
  })
}

/** Connected as far as they can tell, and still in the kernel's queue. */
async function queue(port: number): Promise<Socket[]> {
  const sockets = Array.from({ length: QUEUED }, () => connect(port, LOOPBACK.address).on('error', () => {}))
  await Promise.all(sockets.map((socket) => once(socket, 'connect')))
  return sockets
}

describe('a flood that is refused', { skip }, () => {
  let loop: Loop
  let sockets: Socket[]
  const refused = (): number => loop.counters.services[SERVICE.refused + CLOSE_REASON_CODES['refused-asn']]

  before(async () => {
    loop = loopThatRefuses()
    const [{ address }] = prepareListeners(loop, loop.start.tables) ?? []
    commitListeners(loop)
    sockets = await queue(address.port)
  })

  after(() => {
    for (const socket of sockets) socket.destroy()
    closeListeners(loop)
    loop.epoll.close()
  })

  it('is refused a few at a time while there is little else to do', () => {
    const [open] = loop.listeners.open
    // As after some turns in which everybody was let in.
    open.batch = 64
    loop.turnEvents = 1
    acceptBatch(loop, open)
    assert.equal(refused(), 4)
    acceptBatch(loop, open)
    assert.equal(refused(), 8)
  })

  it('is refused faster in a busy turn, so that clients behind it in the queue are come to', () => {
    const [open] = loop.listeners.open
    loop.turnEvents = 20
    acceptBatch(loop, open)
    assert.equal(refused(), 18)
    loop.turnEvents = 500
    acceptBatch(loop, open)
    assert.equal(refused(), 82)
  })

  it('is refused whole before its listener is closed', () => {
    const [open] = loop.listeners.open
    loop.turnEvents = 1
    acceptQueued(loop, open)
    assert.equal(refused(), QUEUED)
  })
})

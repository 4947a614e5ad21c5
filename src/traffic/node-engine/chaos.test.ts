/** Whatever clients and upstreams do to each other, every connection ends once, and nothing it took is kept. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdirSync, readlinkSync } from 'node:fs'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { CLOSE_REASON_NAMES } from '../close-reason.ts'
import { SERVICE } from '../counters.ts'
import type { Mode } from '../tables.ts'
import { LOOPBACK, RunningWorker, serviceTo, soon, tablesOf } from './worker-for-test.ts'

const ROUNDS = 6
const CONNECTIONS_PER_ROUND = 60
/** TIDEGATE_TEST_SEED repeats a run. */
const SEED = Number(process.env['TIDEGATE_TEST_SEED'] ?? Date.now() % 2 ** 31)

/** Numbers from 0 up to `below`, always the same for a seed (mulberry32). */
function randomFrom(seed: number): (below: number) => number {
  let state = seed | 0
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below)
  }
}

/** Does a few random things with one end of a connection, and leaves it in some way. */
async function misbehave(socket: Socket, random: (below: number) => number): Promise<void> {
  socket.on('error', () => {})
  if (random(3) > 0) socket.resume()
  for (let step = random(6); step > 0 && !socket.destroyed; step--) {
    const choice = random(8)
    if (choice < 3) socket.write(Buffer.alloc(random(10) === 0 ? 5_000_000 : random(100_000)))
    else if (choice === 3) socket.pause()
    else if (choice === 4) socket.resume()
    else if (choice === 5) socket.end()
    await sleep(random(4) * random(10))
  }
  const ending = random(4)
  if (ending === 0) socket.resetAndDestroy()
  else if (ending === 1) socket.destroy()
  else socket.resume().end()
}

function openSockets(): number {
  const links = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`)
    } catch {
      return ''
    }
  })
  return links.filter((link) => link.startsWith('socket:')).length
}

it(
  'chaos leaves nothing behind',
  { skip: process.platform === 'linux' ? false : 'reads /proc/self/fd' },
  async (test) => {
    test.diagnostic(`seed ${SEED}; repeat with TIDEGATE_TEST_SEED=${SEED}`)
    const random = randomFrom(SEED)
    const sockets = new Set<Socket>()
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      sockets.add(socket)
      void misbehave(socket, random)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = { ...LOOPBACK, port: (server.address() as AddressInfo).port }
    const timeouts = { idleTimeoutMs: 700, halfClosedTimeoutMs: 500, maxLifetimeMs: 3000 }
    const service = (mode: Mode): ReturnType<typeof serviceTo> => serviceTo([address], { ...timeouts, mode })
    const worker = new RunningWorker(tablesOf(service('raw')), { spillBytesMax: 3_000_000 })
    await worker.event('listening')
    const before = openSockets()
    for (let round = 0; round < ROUNDS; round++) {
      worker.post({ kind: 'tables', tables: tablesOf(service(round % 2 === 0 ? 'raw' : 'proxy-v2')) })
      const clients = Array.from({ length: CONNECTIONS_PER_ROUND }, async () => {
        await sleep(random(100))
        const { socket } = await worker.connect()
        sockets.add(socket)
        await misbehave(socket, random)
      })
      await Promise.all(clients)
    }
    const total = ROUNDS * CONNECTIONS_PER_ROUND
    await soon('all to be accepted', () => worker.counters.services[SERVICE.total] === total)
    await worker.assertNothingLeft()
    const reasons = (await worker.recordsOf(total)).map(({ reasonCode }) => CLOSE_REASON_NAMES[reasonCode])
    assert.equal(reasons.length, total)
    assert.equal(reasons.includes('internal-error'), false)
    assert.deepEqual(
      worker.events.filter(({ kind }) => kind !== 'listening'),
      [],
    )
    for (const socket of sockets) socket.destroy()
    await soon('all sockets to be closed', () => openSockets() === before)
    test.diagnostic(
      JSON.stringify(
        Object.groupBy(reasons, (reason) => reason),
        (_, v) => (Array.isArray(v) ? v.length : v),
      ),
    )
    worker.post({ kind: 'end' })
    await worker.exited
    server.close()
  },
)

/**
 * A process that stood still (SIGSTOP, docker pause, a machine out of memory) finds bytes that came meanwhile and clocks
 * that ran out. The bytes were there first: nobody was idle.
 */
import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Daemon } from '../harness/daemon.ts'
import { waitFor } from '../harness/deadline.ts'
import { forEachEngine } from '../harness/engines.ts'
import { Peer } from '../harness/peer.ts'
import { echo, Upstream } from '../harness/upstream.ts'

/** More than one epoll_wait tells of [epoll.ts EVENTS_MAX]. */
const CLIENTS = 700
const IDLE_TIMEOUT_MS = 1500
/** Longer than idleTimeout and the accuracy of its clock. */
const STOPPED_MS = 2000

forEachEngine((engine) => {
  let upstream: Upstream
  let daemon: Daemon

  before(async () => {
    upstream = await Upstream.listen({ onConnection: echo })
    const service = { upstreams: [upstream.address.text], idleTimeout: `${IDLE_TIMEOUT_MS}ms` }
    daemon = await Daemon.start({ engine, traffic: { workers: 1 }, services: [service] })
  })
  after(async () => {
    upstream.close()
    await daemon.stop()
  })

  it(`a stop longer than idleTimeout ends none of ${CLIENTS} connections that were spoken on meanwhile`, async () => {
    const clients: Peer[] = []
    while (clients.length < CLIENTS) {
      clients.push(...(await Promise.all(Array.from({ length: 100 }, () => Peer.connect(daemon.addressOf())))))
    }
    const sayAll = (): Promise<unknown> => Promise.all(clients.map((client) => client.write('x')))
    const heardAll = (bytes: number): Promise<unknown> =>
      waitFor('every echo', () =>
        clients.every(({ bytesReceived, endingNow }) => endingNow !== undefined || bytesReceived === bytes),
      )
    await sayAll()
    await heardAll(1)
    await daemon.frozen(async () => {
      await sayAll()
      await sleep(STOPPED_MS)
    })
    await heardAll(2)
    const ended = clients.filter(({ endingNow }) => endingNow !== undefined).length
    for (const client of clients) client.destroy()
    assert.equal(ended, 0)
  })
})

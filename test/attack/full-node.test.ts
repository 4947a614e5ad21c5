/**
 * A node that is full of connections from addresses that have done nothing else: no limit for addresses or prefixes is
 * reached, and nothing on the wire is wrong, because they are silent and their first byte is not due, or because they
 * have asked once, were answered, and may be idle for a while. Clients who were here before are served; who was not
 * finds a place as well, that of somebody who has said nothing, or nothing more for too long.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { CloseReason } from '../../src/traffic/close-reason.ts'
import { waitFor } from '../harness/deadline.ts'
import { forBothEnginesAtOnce } from '../harness/engines.ts'
import type { SteadyClients } from '../../bench/run/attacks.ts'
import { assertServedFor, FLOOD_WITHIN_MS, type Siege, siegeForTests, visitsSince } from './siege.ts'

const PLACES = 400
const GROWTH_BYTES_MAX = 96 * 1024 * 1024
/** Never seen before, each from a /24 of its own: nobody becomes known in an overload, so they stay strangers. */
const STRANGERS = { first: '127.220.0.1', count: 250, step: 256 }
const ATTACKERS = { first: '127.64.0.1', count: 2000, step: 256 }
const VISITS = 200
const SERVED_SHARE_MIN = 0.95

forBothEnginesAtOnce((engine) => {
  describe('a full node', () => {
    const besieged = siegeForTests(
      {
        engine,
        traffic: { maxConnections: PLACES },
        protect: { overload: { reserve: '10%' } },
        services: [{ protect: { dialOn: 'first-byte', firstByteTimeout: '10m' } }, { name: 'plain' }],
      },
      GROWTH_BYTES_MAX,
    )

    it('serves those it knows', async () => {
      const siege = besieged()
      // On a busy machine none of them may be open for so long that they fill the reserve.
      const sources = { first: '127.200.0.1', count: 20, step: 256 }
      const clients = siege.clients('web', { sources, perSecond: 20 })
      // Each twice.
      await assertServedFor(clients, 60)
      await siege.daemon.waitForMetric('tidegate_known_clients', {}, 20)
      siege.attack('flood', 'web', {
        sources: ATTACKERS,
        connections: 100_000,
        openMax: 2 * PLACES,
        perSecond: 2000,
      })
      await waitFor(
        'the node to be full for strangers',
        async () => (await siege.refused('web', 'refused-overload')) > 500,
        FLOOD_WITHIN_MS,
      )
      await clients.mark()
      await assertServedFor(clients, 100)
      assert.equal(await siege.refused('web', 'refused-ceiling'), 0)
    })

    for (const service of ['web', 'plain']) {
      it(`serves strangers while the silent hold every place (${service})`, async () => {
        const siege = besieged()
        siege.attack('flood', service, {
          sources: ATTACKERS,
          connections: 100_000,
          openMax: 2 * PLACES,
          // With the visitors it is less than the places hold in a second: who is silent for less does not go.
          perSecond: 200,
        })
        await waitForEnds(siege, service, 'made-way', 100)
        await assertShareServed(siege.clients(service, { sources: STRANGERS }))
      })
    }
  })

  describe('a node full of clients that have asked once', () => {
    const places = 1000
    const besieged = siegeForTests(
      {
        engine,
        traffic: { maxConnections: places },
        protect: { overload: { idleAtLeast: '1s' } },
        services: [{ idleTimeout: '20s' }],
      },
      GROWTH_BYTES_MAX,
    )

    it('ends the idle sooner, and serves strangers meanwhile', async () => {
      const siege = besieged()
      siege.attack('asking-flood', 'web', {
        sources: ATTACKERS,
        connections: 100_000,
        openMax: 2 * places,
        // For 20 s each that is three nodes full; for 5 s, at level 2, there is room.
        perSecond: 155,
      })
      const level = async () => (await siege.daemon.metrics()).sum('tidegate_overload_level')
      await waitFor('level 2', async () => (await level()) >= 2)
      await waitForEnds(siege, 'web', 'overload-idle', 100)
      await assertShareServed(siege.clients('web', { sources: STRANGERS }))
      assert.ok((await level()) >= 1)
      await waitForEnds(siege, 'web', 'overload-idle', 500)
      const metrics = await siege.daemon.metrics()
      assert.equal(metrics.sum('tidegate_connections_closed_total', { reason: 'made-way' }), 0)
      assert.equal(metrics.sum('tidegate_strikes_total'), 0)
    })
  })
})

async function waitForEnds({ daemon }: Siege, service: string, reason: CloseReason, countMin: number): Promise<void> {
  await waitFor(
    `${countMin} ends by ${reason}`,
    async () => {
      return (await daemon.metrics()).sum('tidegate_connections_closed_total', { service, reason }) >= countMin
    },
    FLOOD_WITHIN_MS,
  )
}

async function assertShareServed(clients: SteadyClients): Promise<void> {
  const { visits, served, faults } = await visitsSince(clients, VISITS)
  const share = served / visits
  assert.ok(share >= SERVED_SHARE_MIN, `${served} of ${visits} were served: ${JSON.stringify(faults)}`)
}

/**
 * A node that is full of silent connections from addresses that have done nothing else: no limit for addresses or
 * prefixes is reached, nothing on the wire is wrong before the first byte is due. Clients who were here before are
 * served; who was not, waits outside with the attackers.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { waitFor } from '../harness/deadline.ts'
import { forBothEnginesAtOnce } from '../harness/engines.ts'
import { assertServedFor, Siege } from './siege.ts'

const PLACES = 400
const GROWTH_BYTES_MAX = 96 * 1024 * 1024

forBothEnginesAtOnce((engine) => {
  describe('a full node', () => {
    let siege: Siege

    before(async () => {
      siege = await Siege.start({
        engine,
        traffic: { maxConnections: PLACES },
        protect: { overload: { reserve: '10%' } },
        services: [{ protect: { dialOn: 'first-byte', firstByteTimeout: '10m' } }],
      })
    })

    after(async () => {
      await siege.assertAllBack()
      siege.assertMemoryWithin(GROWTH_BYTES_MAX)
      await siege.stop()
    })

    it('serves those it knows', async () => {
      const clients = siege.clients('web', { sources: { first: '127.200.0.1', count: 20, step: 256 } })
      // Each twice.
      await assertServedFor(clients, 60)
      await siege.daemon.waitForMetric('tidegate_known_clients', {}, 20)
      const attack = siege.attack('flood', 'web', {
        sources: { first: '127.64.0.1', count: 2000, step: 256 },
        connections: 100_000,
        openMax: 2 * PLACES,
        perSecond: 2000,
      })
      await waitFor(
        'the node to be full for strangers',
        async () => (await siege.refused('web', 'refused-overload')) > 500,
      )
      await clients.mark()
      await assertServedFor(clients, 100)
      assert.equal(await siege.refused('web', 'refused-ceiling'), 0)
      await attack.stop()
      await clients.stop()
    })
  })
})

/**
 * Attacks by how clients behave once they are let in: silent, slow, deaf, in crumbs. Each is ended by the rule that is
 * about it; who does it again is banned; clients of the same service are served all the time, or from the ban on.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { AttackName } from '../../bench/load/attackers/all-attacks.ts'
import { waitFor } from '../harness/deadline.ts'
import { forBothEnginesAtOnce } from '../harness/engines.ts'
import { assertServedFor, siegeForTests } from './siege.ts'

/** Answers of 600 MB are asked for at once, and not taken: two workers hold 64 MiB each at most, and V8 collects late. */
const GROWTH_BYTES_MAX = 160 * 1024 * 1024

interface Slow {
  readonly what: string
  readonly attack: AttackName
  readonly reason: string
  readonly first: string
  readonly protect: Record<string, unknown>
}

const SLOW: readonly Slow[] = [
  {
    what: 'a request that never ends',
    attack: 'slow-send',
    reason: 'slow-send',
    first: '127.65.0.1',
    protect: { slowSend: { rule: 'on', bytes: '1KiB', within: '1s' } },
  },
  {
    what: 'a closed window before a big answer',
    attack: 'closed-window',
    reason: 'slow-read',
    first: '127.66.0.1',
    protect: { slowRead: { rule: 'on', bytes: '16KiB', within: '1s' } },
  },
  {
    what: 'a window that opens by a few bytes now and then',
    attack: 'trickle',
    reason: 'slow-read',
    first: '127.67.0.1',
    protect: { slowRead: { rule: 'on', bytes: '16KiB', within: '1s' } },
  },
  {
    // The node engine counts reads, and one read may take what came in a turn of the attacker.
    what: 'a byte a segment, as fast as it goes',
    attack: 'tiny-segments',
    reason: 'tiny-segments',
    first: '127.68.0.1',
    protect: { tinySegments: { rule: 'on', perSecond: 20, smallerThan: '64', within: '1s' } },
  },
]

forBothEnginesAtOnce((engine) => {
  describe('behaviour on the wire', () => {
    const besieged = siegeForTests(
      {
        engine,
        protect: { bans: { strikes: 2, ttl: '10m' } },
        services: [
          {
            name: 'idle',
            maxConnections: 50,
            protect: { dialOn: 'first-byte', firstByteTimeout: '1s' },
          },
          // Fewer places than attackers: while they last, nobody else is let in.
          ...SLOW.map(({ attack, protect }) => ({
            name: attack,
            maxConnections: 25,
            protect,
          })),
        ],
      },
      GROWTH_BYTES_MAX,
    )

    it('who says nothing takes no place, and is never seen upstream', async () => {
      const siege = besieged()
      const clients = siege.clients('idle')
      const attack = siege.attack('flood', 'idle', {
        sources: { first: '127.64.0.1', count: 800, step: 1 },
        connections: 800,
        openMax: 400,
        perSecond: 20_000,
      })
      await siege.waitForClosed('idle', 'first-byte-timeout', 800)
      await assertServedFor(clients, 30)
      const metrics = await siege.daemon.metrics()
      const unserved = ['service-full', 'upstream-unreachable'].map((reason) =>
        metrics.sum('tidegate_connections_closed_total', { service: 'idle', reason }),
      )
      assert.deepEqual(unserved, [0, 0])
      assert.deepEqual((await attack.over()).endings, { reset: 800 })
    })

    for (const { what, attack: name, reason, first } of SLOW) {
      it(`${name}: ${what} ends with ${reason}, and then with a ban`, async () => {
        const siege = besieged()
        const addresses = 10
        siege.attack(name, name, {
          sources: { first, count: addresses, step: 1 },
          connections: 100_000,
          openMax: 30,
          perSecond: 100,
        })
        const sum = async (metric: string, labels: Record<string, string>) =>
          (await siege.daemon.metrics()).sum(metric, labels)
        await waitFor('the attackers to be thrown out again and again', async () => {
          return (await sum('tidegate_refused_total', { service: name, reason: 'refused-ban' })) > 100
        })
        await siege.daemon.waitForMetric('tidegate_connections_open', { service: name }, 0)
        assert.ok((await sum('tidegate_connections_closed_total', { service: name, reason })) >= 2 * addresses)
        const clients = siege.clients(name)
        const before = await sum('tidegate_refused_total', { service: name, reason: 'refused-ban' })
        await assertServedFor(clients, 30)
        assert.ok((await sum('tidegate_refused_total', { service: name, reason: 'refused-ban' })) > before)
      })
    }
  })
})

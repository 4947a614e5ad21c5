/**
 * Attacks by numbers: from one address, from 5,000, from a whole prefix, and by leaving at once. Each service has fewer
 * places than its attackers take where nobody stops them, so that a client that is served shows that somebody does.
 */
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import type { AttackName } from '../../bench/load/attackers/all-attacks.ts'
import type { Sources } from '../../bench/load/sources.ts'
import type { Attack, SteadyClients } from '../../bench/run/attacks.ts'
import { forBothEnginesAtOnce } from '../harness/engines.ts'
import { assertServedFor, Siege } from './siege.ts'

const OFF = { rule: 'off' }
/** Few enough refusals for each address to be no strike for a ban; more is in on-the-wire.test.ts. */
const KNOCKS = 1500
/** Some 2,000 connections at once, and what V8 takes before it collects. */
const GROWTH_BYTES_MAX = 96 * 1024 * 1024

forBothEnginesAtOnce((engine) => {
  describe('many connections', () => {
    let siege: Siege
    let clients: SteadyClients
    let attack: Attack

    before(async () => {
      const on = (limits: Record<string, unknown>) => ({ rule: 'on', connections: 'off', rate: 'off', ...limits })
      siege = await Siege.start({
        engine,
        protect: { memory: '1MiB' },
        services: [
          { name: 'narrow', maxConnections: 300, protect: { perAddress: on({ connections: 50 }), perPrefix: OFF } },
          {
            name: 'wide',
            maxConnections: 600,
            protect: { perAddress: on({ connections: 10 }), perPrefix: on({ connections: 20 }) },
          },
          { name: 'churn', protect: { perAddress: on({ rate: '20/s', burst: 20 }), perPrefix: OFF } },
          {
            name: 'prefix',
            protect: {
              perAddress: on({ rate: '5/s', burst: 50 }),
              perPrefix: on({ rate: '50/s', burst: 100 }),
            },
          },
        ],
      })
    })

    afterEach(async () => {
      await attack.stop()
      await clients.stop()
      await siege.assertAllBack()
    })

    after(async () => {
      siege.assertMemoryWithin(GROWTH_BYTES_MAX)
      await siege.stop()
    })

    it('a flood from one address takes the places of that address', async () => {
      clients = siege.clients('narrow')
      attack = siege.attack('asking-flood', 'narrow', {
        sources: { first: '127.64.0.1', count: 1, step: 1 },
        connections: KNOCKS,
        openMax: 500,
        perSecond: 20_000,
      })
      await siege.waitForRefused('narrow', 'refused-address-connections', KNOCKS - 50)
      await assertServedFor(clients, 30)
      assert.equal(await siege.refused('narrow', 'refused-service-ceiling'), 0)
      assert.deepEqual((await attack.stop()).endings, { reset: KNOCKS - 50, open: 50 })
    })

    it('a flood from 5,000 addresses takes the places of their prefixes', async () => {
      clients = siege.clients('wide')
      attack = siege.attack('asking-flood', 'wide', {
        sources: { first: '127.64.0.1', count: 5000, step: 1 },
        connections: 5000,
        openMax: 1000,
        perSecond: 20_000,
      })
      // 127.64.0.1 and the next 4,999 are in 20 prefixes.
      await siege.waitForRefused('wide', 'refused-prefix-connections', 4600)
      await assertServedFor(clients, 30)
      assert.equal(await siege.refused('wide', 'refused-service-ceiling'), 0)
      assert.deepEqual((await attack.stop()).endings, { reset: 4600, open: 400 })
    })

    for (const [name, first] of [
      ['churn', '127.66.0.1'],
      ['polite-churn', '127.67.0.1'],
    ] as const) {
      it(`${name}: who comes and leaves at once is held to a rate`, async () => {
        const sources = { first, count: 4, step: 1 }
        const { reached, seconds } = await leaveAtOnce(name, 'churn', sources)
        assert.ok(reached <= 4 * (20 + 20 * seconds), `${reached} reached the upstream in ${seconds} s`)
        assert.ok((await siege.refused('churn', 'refused-address-rate')) > 0)
      })
    }

    it('a prefix in which each address keeps to its rate is held to that of the prefix', async () => {
      const sources = { first: '127.68.0.1', count: 250, step: 1 }
      const { reached, seconds } = await leaveAtOnce('churn', 'prefix', sources)
      assert.ok(reached <= 100 + 50 * seconds, `${reached} reached the upstream in ${seconds} s`)
      assert.ok((await siege.refused('prefix', 'refused-prefix-rate')) > 0)
      assert.equal(await siege.refused('prefix', 'refused-address-rate'), 0)
    })

    /** How many of the attackers were seen by the upstream. Some have left before anybody could judge them: nobody dials for those. */
    async function leaveAtOnce(name: AttackName, service: string, sources: Sources) {
      const dialled = async () =>
        (await siege.daemon.metrics()).sum('tidegate_upstream_connect_seconds_count', { service })
      const before = await dialled()
      const startedMs = performance.now()
      clients = siege.clients(service)
      attack = siege.attack(name, service, { sources, connections: 3000, openMax: 500, perSecond: 20_000 })
      assert.equal((await attack.over()).connections, 3000)
      const served = await assertServedFor(clients, 30)
      const dials = (await dialled()) - before
      const seconds = (performance.now() - startedMs) / 1000
      return { reached: dials - served - (await clients.mark()).visits, seconds }
    }
  })
})

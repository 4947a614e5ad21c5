/**
 * Attacks by numbers: from one address, from 5,000, from a whole prefix, and by leaving at once. Each service has fewer
 * places than its attackers take where nobody stops them, so that a client that is served shows that somebody does.
 */
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import type { Attack, SteadyClients } from '../../bench/run/attacks.ts'
import { forBothEnginesAtOnce } from '../harness/engines.ts'
import { assertAllServed, assertServedFor, Siege } from './siege.ts'

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

    for (const name of ['churn', 'polite-churn'] as const) {
      it(`${name}: who comes and leaves at once is held to a rate`, async () => {
        const before = await siege.refused('churn', 'refused-address-rate')
        clients = siege.clients('churn')
        attack = siege.attack(name, 'churn', {
          sources: { first: name === 'churn' ? '127.64.0.1' : '127.65.0.1', count: 4, step: 1 },
          connections: 3000,
          openMax: 500,
          perSecond: 20_000,
        })
        const { connections, seconds } = await attack.over()
        await assertAllServed(clients)
        const refused = (await siege.refused('churn', 'refused-address-rate')) - before
        const admittedMost = 4 * (20 + 20 * (seconds + 1))
        assert.equal(connections, 3000)
        assert.ok(refused >= 3000 - admittedMost, `${refused} of 3000 were refused in ${seconds} s`)
      })
    }

    it('a prefix in which each address keeps to its rate is held to that of the prefix', async () => {
      clients = siege.clients('prefix')
      attack = siege.attack('churn', 'prefix', {
        sources: { first: '127.64.0.1', count: 250, step: 1 },
        connections: 3000,
        openMax: 500,
        perSecond: 20_000,
      })
      const { seconds } = await attack.over()
      await assertAllServed(clients)
      const refused = await siege.refused('prefix', 'refused-prefix-rate')
      assert.ok(refused >= 3000 - (100 + 50 * (seconds + 1)), `${refused} of 3000 were refused in ${seconds} s`)
      assert.equal(await siege.refused('prefix', 'refused-address-rate'), 0)
    })
  })
})

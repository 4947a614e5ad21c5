/**
 * Attacks by numbers: from one address, from 5,000, from a whole prefix, and by leaving at once. Each service has fewer
 * places than its attackers take where nobody stops them, so that a client that is served shows that somebody does.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { AttackName } from '../../bench/load/attackers/all-attacks.ts'
import type { Sources } from '../../bench/load/sources.ts'
import { forBothEnginesAtOnce } from '../harness/engines.ts'
import { assertServedFor, siegeForTests } from './siege.ts'

const OFF = { rule: 'off' }
/** Few enough refusals for each address to be no strike for a ban; more is in on-the-wire.test.ts. */
const KNOCKS = 1500
/** Who come and leave at once. */
const LEAVERS = 3000
/** Some 2,000 connections at once, and what V8 takes before it collects. */
const GROWTH_BYTES_MAX = 96 * 1024 * 1024

forBothEnginesAtOnce((engine) => {
  describe('many connections', () => {
    const on = (limits: Record<string, unknown>) => ({ rule: 'on', connections: 'off', rate: 'off', ...limits })
    const besieged = siegeForTests(
      {
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
      },
      GROWTH_BYTES_MAX,
    )

    it('a flood from one address takes the places of that address', async () => {
      const siege = besieged()
      const clients = siege.clients('narrow')
      const attack = siege.attack('asking-flood', 'narrow', {
        sources: { first: '127.63.0.1', count: 1, step: 1 },
        connections: KNOCKS,
        openMax: 500,
        perSecond: 20_000,
      })
      await siege.waitForRefused('narrow', 'refused-address-connections', KNOCKS - 50)
      await assertServedFor(clients, 30)
      assert.equal(await siege.refused('narrow', 'refused-service-ceiling'), 0)
      await siege.assertEndings((await attack.stop()).endings, { reset: KNOCKS - 50, open: 50 })
    })

    it('a flood from 5,000 addresses takes the places of their prefixes', async () => {
      const siege = besieged()
      const clients = siege.clients('wide')
      const attack = siege.attack('asking-flood', 'wide', {
        sources: { first: '127.64.0.1', count: 5000, step: 1 },
        connections: 5000,
        openMax: 1000,
        perSecond: 20_000,
      })
      // 127.64.0.1 and the next 4,999 are in 20 prefixes.
      await siege.waitForRefused('wide', 'refused-prefix-connections', 4600)
      await assertServedFor(clients, 30)
      assert.equal(await siege.refused('wide', 'refused-service-ceiling'), 0)
      await siege.assertEndings((await attack.stop()).endings, { reset: 4600, open: 400 })
    })

    for (const [name, first] of [
      ['churn', '127.66.0.1'],
      ['polite-churn', '127.67.0.1'],
    ] as const) {
      it(`${name}: who comes and leaves at once is held to a rate`, async () => {
        const rate = { reason: 'refused-address-rate', burst: 4 * 20, perSecond: 4 * 20 }
        await leaveAtOnce(name, 'churn', { first, count: 4, step: 1 }, rate)
      })
    }

    it('a prefix in which each address keeps to its rate is held to that of the prefix', async () => {
      const rate = { reason: 'refused-prefix-rate', burst: 100, perSecond: 50 }
      await leaveAtOnce('churn', 'prefix', { first: '127.68.0.1', count: 250, step: 1 }, rate)
      assert.equal(await besieged().refused('prefix', 'refused-address-rate'), 0)
    })

    interface Rate {
      readonly reason: string
      readonly burst: number
      readonly perSecond: number
    }

    /** No more of them are seen by the upstream than the rate lets through; the others are refused for it. */
    async function leaveAtOnce(name: AttackName, service: string, sources: Sources, rate: Rate): Promise<void> {
      const { reason, burst, perSecond } = rate
      const siege = besieged()
      const seen = async () => {
        const metrics = await siege.daemon.metrics()
        return {
          dialled: metrics.sum('tidegate_upstream_connect_seconds_count', { service }),
          refused: metrics.sum('tidegate_refused_total', { service, reason }),
          left: metrics.sum('tidegate_connections_closed_total', { service, reason: 'client-left' }),
          untracked: await siege.untracked(),
        }
      }
      const before = await seen()
      const startedMs = performance.now()
      const clients = siege.clients(service)
      const attack = siege.attack(name, service, { sources, connections: LEAVERS, openMax: 500, perSecond: 20_000 })
      assert.equal((await attack.over()).connections, LEAVERS)
      const served = await assertServedFor(clients, 30)
      const after = await seen()
      const seconds = (performance.now() - startedMs) / 1000
      const reached = after.dialled - before.dialled - served - (await clients.mark()).visits
      const refused = after.refused - before.refused
      const left = after.left - before.left
      const reachedMax = burst + perSecond * seconds + after.untracked - before.untracked
      const text = `${reached} reached the upstream in ${seconds} s, ${refused} were refused, ${left} had left`
      assert.ok(reached <= reachedMax && refused + left >= LEAVERS - reachedMax, text)
      // One that resets before it is accepted has no address on the node engine: nobody judges it, and nobody dials for it.
      if (engine === 'linux' || name !== 'churn') assert.ok(refused > 0, text)
    }
  })
})

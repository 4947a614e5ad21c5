/**
 * A flood of connections that nobody uses, from hundreds of addresses, each of which does little: told from what the
 * service is used to, held to the budgets for strangers, and written down. Clients from before notice nothing.
 */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { AttacksAnswer, AttackView } from '../../src/api/contract.ts'
import type { Sources } from '../../bench/load/sources.ts'
import { temporaryFolder } from '../harness/config.ts'
import { waitFor } from '../harness/deadline.ts'
import { forBothEnginesAtOnce } from '../harness/engines.ts'
import { tidegate } from '../harness/tidegate.ts'
import { assertServedFor, siegeForTests } from './siege.ts'

const CLIENTS = { first: '127.200.0.1', count: 20, step: 256 }
const ATTACKERS = { first: '127.64.0.1', count: 300, step: 2 }
/** Among so many that do little none is sure to be on a list of the busiest; this one is. */
const LOUD = '127.65.0.1'
const ATTACKED_PREFIXES = ['127.64.0.0/24', '127.64.1.0/24', '127.64.2.0/24', '127.65.0.0/24']
/** What a node has learned of `web` in a calm hour before: ten minutes, all the same. */
const CALM = { 'connection-flood': 20, distributed: 30, unused: 0.1 }
const MINUTES = 10
/** Of different addresses, told by an estimate. */
const SOURCES_AT_LEAST = 250
const GROWTH_BYTES_MAX = 96 * 1024 * 1024

forBothEnginesAtOnce((engine) => {
  describe('an attack that is detected', () => {
    const attack = {
      startAfter: '2s',
      endAfter: '3s',
      learnFor: '1h',
      floors: { newConnections: '70/s', sources: 100, unused: 50 },
      perAddress: { rule: 'on', connections: 20, rate: '6/m', burst: 2 },
    }
    const besieged = siegeForTests(
      {
        engine,
        admin: { stateDir: folderWithCalm() },
        // A machine that is busy with other tests is none of this one's attack.
        protect: { overload: { rule: 'watch' } },
        services: [
          { name: 'web', protect: { attack } },
          { name: 'new', protect: { attack } },
        ],
      },
      GROWTH_BYTES_MAX,
    )

    function begin(perSecond: number, sources: Sources = ATTACKERS): void {
      const plan = { sources, connections: 1_000_000, openMax: 500, perSecond }
      besieged().attack('polite-churn', 'web', plan)
    }

    async function attacks(): Promise<AttacksAnswer> {
      return AttacksAnswer.parse(JSON.parse((await besieged().daemon.get('/api/v1/attacks')).body))
    }

    const said = async (...args: string[]) => (await tidegate(besieged().daemon, ...args)).stdout

    it('a service that is new learns first; one that has a calm goes by it', async () => {
      const [web, fresh] = (await attacks()).services
      assert.deepEqual([web.learning, fresh.learning], [false, true])
      assert.deepEqual([web.calm, fresh.calm['connection-flood']], [CALM, 0])
      // Four times the calm, twice the part that is unused; floors where that is less.
      assert.deepEqual(web.limits, { 'connection-flood': 80, distributed: 120, unused: 0.5 })
      assert.deepEqual(fresh.limits, { 'connection-flood': 70, distributed: 100, unused: 0.5 })
    })

    it('is called, held down and written down; who was a client before is served all the while; it ends by itself', async () => {
      const siege = besieged()
      const clients = siege.clients('web', { sources: CLIENTS, perSecond: 20 })
      await assertServedFor(clients, 2 * CLIENTS.count)
      await siege.daemon.waitForMetric('tidegate_known_clients', {}, CLIENTS.count)
      begin(400)
      begin(60, { first: LOUD, count: 1, step: 1 })
      const started = await siege.daemon.waitForLine('the attack', ({ event }) => event === 'attack-started')
      assert.deepEqual([started['service'], started['attack']], ['web', 1])
      await waitFor('the budgets to hold', async () => (await siege.refused('web', 'refused-attack')) > 200)
      await waitFor('both kinds', async () => (await attacks()).attacks[0].kinds.length > 1)
      await clients.mark()
      const served = await assertServedFor(clients, 30)
      const [list, shown] = await Promise.all([said('attacks', 'list'), said('attacks', 'show', '1')])
      assert.match(list, /web +auto +under attack \(1\)/)
      assert.match(list, /1 +web .*under way/)
      assert.match(shown, /under way/)
      assert.match(shown, /refused .*refused-attack/)
      await siege.endAttacks()

      const ended = await siege.daemon.waitForLine('its end', ({ event }) => event === 'attack-ended')
      assert.deepEqual([ended['attack'], ended['ended']], [1, 'calm'])
      await assertServedFor(clients, 20)
      const record = AttackView.parse(JSON.parse(await said('attacks', 'show', '1', '--json')))
      assert.deepEqual([record.calm, record.limits], [CALM, { 'connection-flood': 80, distributed: 120, unused: 0.5 }])
      assert.ok(record.kinds.includes(record.kind))
      assert.deepEqual(
        ['connection-flood', 'distributed'].filter((kind) => !record.kinds.includes(kind)),
        [],
      )
      assert.ok(record.peak['newPerSecond'] > 80)
      assert.ok(record.peak['sources'] > SOURCES_AT_LEAST)
      assert.ok(record.refused['refused-attack'] > 200)
      assert.ok(record.served >= served)
      assert.deepEqual(
        record.prefixes
          .slice(0, 4)
          .map(({ source }) => source)
          .toSorted(),
        ATTACKED_PREFIXES,
      )
      assert.equal(record.addresses[0].source, LOUD)
    })
  })
})

function folderWithCalm(): string {
  const folder = join(temporaryFolder(), 'state')
  mkdirSync(folder)
  const minutes = Object.fromEntries(Object.entries(CALM).map(([kind, level]) => [kind, Array(MINUTES).fill(level)]))
  writeFileSync(join(folder, 'calm.json'), JSON.stringify({ version: 1, services: { web: minutes } }))
  return folder
}

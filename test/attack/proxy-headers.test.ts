/** Attacks on a listener that believes PROXY headers: slow ones and wrong ones from who is believed, forged ones from who is not. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { forBothEnginesAtOnce } from '../harness/engines.ts'
import { assertServedFor, siegeForTests } from './siege.ts'

const OFF = { rule: 'off' }
const GROWTH_BYTES_MAX = 96 * 1024 * 1024
const BELIEVED = '127.96.0.0/16'

forBothEnginesAtOnce((engine) => {
  describe('PROXY headers', () => {
    const besieged = siegeForTests(
      {
        engine,
        protect: { memory: '1MiB' },
        services: [
          {
            name: 'behind',
            acceptProxyFrom: [BELIEVED],
            protect: { perAddress: { rule: 'on', connections: 20, rate: 'off' }, perPrefix: OFF },
          },
        ],
      },
      GROWTH_BYTES_MAX,
    )

    it('a header that comes byte by byte is waited for once, and never reaches an upstream', async () => {
      const siege = besieged()
      const clients = siege.clients('behind')
      const attack = siege.attack('slow-header', 'behind', {
        sources: { first: '127.96.0.1', count: 200, step: 1 },
        connections: 400,
        openMax: 400,
        perSecond: 20_000,
      })
      await siege.waitForClosed('behind', 'proxy-header-timeout', 400)
      await assertServedFor(clients, 30)
      assert.deepEqual((await attack.over()).endings, { reset: 400 })
    })

    it('what is no header ends its connection', async () => {
      const siege = besieged()
      const clients = siege.clients('behind')
      const attack = siege.attack('wrong-header', 'behind', {
        sources: { first: '127.96.1.1', count: 200, step: 1 },
        connections: 2000,
        openMax: 200,
        perSecond: 20_000,
      })
      await siege.waitForClosed('behind', 'proxy-header-invalid', 2000)
      await assertServedFor(clients, 30)
      assert.deepEqual((await attack.over()).endings, { reset: 2000 })
    })

    it('who forges a header is counted as itself, and not as the client it names', async () => {
      const siege = besieged()
      const named = { first: '127.200.0.1', count: 1, step: 1 }
      // So few that a busy machine does not have 20 of them open at once.
      const clients = siege.clients('behind', { sources: named, perSecond: 10 })
      const attack = siege.attack('forged-header', 'behind', {
        sources: { first: '127.97.0.1', count: 5, step: 1 },
        connections: 2000,
        openMax: 300,
        perSecond: 20_000,
      })
      await siege.waitForRefused('behind', 'refused-address-connections', 1900)
      await assertServedFor(clients, 30)
      assert.deepEqual((await attack.stop()).endings, { reset: 1900, open: 100 })
    })

    it('limits are for the address in the header, where it is believed', async () => {
      const siege = besieged()
      const clients = siege.clients('behind', {
        sources: { first: '127.96.7.7', count: 1, step: 1 },
        headers: Array.from({ length: 50 }, (_, i) => headerOf(i + 1)),
      })
      const attack = siege.attack('forged-header', 'behind', {
        sources: { first: '127.96.7.7', count: 1, step: 1 },
        connections: 1000,
        openMax: 300,
        perSecond: 20_000,
      })
      // It was let in to say its header, so it is no refusal before that.
      await siege.waitForClosed('behind', 'refused-address-connections', 980)
      await assertServedFor(clients, 30)
      assert.deepEqual((await attack.stop()).endings, { reset: 980, open: 20 })
    })
  })
})

/** Of a client in another place than the one that `forged-header` names. */
function headerOf(last: number): string {
  return `PROXY TCP4 192.0.2.${last} 127.0.0.1 1000 443\r\n`
}

/** Who was useful before is let in before strangers, also after a restart and an upgrade. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, it } from 'node:test'
import { temporaryFolder } from '../harness/config.ts'
import { Daemon } from '../harness/daemon.ts'
import { waitFor } from '../harness/deadline.ts'
import { forBothEnginesAtOnce } from '../harness/engines.ts'
import { beUseful, makeKnown } from '../harness/known-client.ts'
import { Peer } from '../harness/peer.ts'
import { Upstream } from '../harness/upstream.ts'
import { Versions } from '../harness/versions.ts'

const KNOWN = '127.0.0.2'
const STRANGER = '127.0.0.3'
const PLACES = 10
const PLACES_OF_STRANGERS = 8

forBothEnginesAtOnce((engine) => {
  describe('known clients', () => {
    const open: { stop(): void | Promise<void> }[] = []

    afterEach(async () => {
      for (const one of open.splice(0).reverse()) await one.stop()
    })

    async function options(stateDir = join(temporaryFolder(), 'state')) {
      const upstream = await Upstream.listen()
      open.push({ stop: () => upstream.close() })
      const config = {
        engine,
        admin: { stateDir },
        traffic: { maxConnections: PLACES },
        protect: { allow: [], overload: { reserve: '20%' }, firewall: { mode: 'off' } },
        services: [{ upstreams: [upstream.address.text], protect: { perAddress: { rule: 'off' } } }],
      }
      return { upstream, config }
    }

    async function connect(daemon: Daemon, localAddress: string): Promise<Peer> {
      const client = await Peer.connect(daemon.addressOf(), { localAddress })
      open.push({ stop: () => client.destroy() })
      return client
    }

    async function isAdmitted(daemon: Daemon, localAddress: string): Promise<boolean> {
      const before = (await daemon.metrics()).sum('tidegate_connections_open')
      const client = await connect(daemon, localAddress)
      return await waitFor('a verdict', async () => {
        if (client.endingNow !== undefined) return 'refused'
        return (await daemon.metrics()).sum('tidegate_connections_open') > before && 'admitted'
      }).then((verdict) => verdict === 'admitted')
    }

    async function fillWithStrangers(daemon: Daemon): Promise<void> {
      for (let i = 0; i < PLACES_OF_STRANGERS; i++) assert.ok(await isAdmitted(daemon, STRANGER), String(i))
      assert.equal(await isAdmitted(daemon, STRANGER), false)
    }

    it('a restart forgets nobody', async () => {
      const { upstream, config } = await options()
      const first = await Daemon.start(config)
      open.push(first)
      await makeKnown(first, upstream, () => connect(first, KNOWN))
      await first.stop()
      const second = await Daemon.start(config)
      open.push(second)
      const line = await second.waitForLine('who is known', ({ event }) => event === 'known-clients-read')
      assert.equal(line['clients'], 1)
      await fillWithStrangers(second)
      assert.equal(await isAdmitted(second, KNOWN), true)
    })

    it('an upgrade forgets nobody', async () => {
      const { upstream, config } = await options()
      const versions = await Versions.start(config)
      open.push(versions)
      const { daemon, pid: first } = versions
      await makeKnown(daemon, upstream, () => connect(daemon, KNOWN))
      await versions.upgrade()
      await waitFor('the end of the first version', () => !versions.isRunning(first))
      await fillWithStrangers(daemon)
      assert.equal(await isAdmitted(daemon, KNOWN), true)
    })

    it('who has proved useful on a connection to the old version is known in the new one', async () => {
      const { upstream, config } = await options()
      const versions = await Versions.start(config)
      open.push(versions)
      const { daemon, pid: first } = versions
      const client = await connect(daemon, KNOWN)
      const server = await upstream.next()
      await versions.upgrade()
      assert.ok(versions.isRunning(first))
      await beUseful(client, server)
      await daemon.waitForMetric('tidegate_known_clients', {}, 1)
      await fillWithStrangers(daemon)
      assert.equal(await isAdmitted(daemon, KNOWN), true)
    })

    it('a damaged file stops nothing: the log says so, and everybody is a stranger', async () => {
      const stateDir = temporaryFolder()
      writeFileSync(join(stateDir, 'known-clients.bin'), 'damaged')
      const { config } = await options(stateDir)
      const daemon = await Daemon.start(config)
      open.push(daemon)
      await daemon.waitForLine('the damage', ({ event }) => event === 'known-clients-not-read')
      await fillWithStrangers(daemon)
      assert.equal(await isAdmitted(daemon, KNOWN), false)
    })
  })
})

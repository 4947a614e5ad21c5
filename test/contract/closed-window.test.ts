/** Who takes no bytes for a while, and is there all the time, is not taken for one who is gone. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Daemon } from '../harness/daemon.ts'
import { forBothEnginesAtOnce } from '../harness/engines.ts'
import { clearFirewall, cutOff, prepareFirewall } from '../harness/own-network.ts'
import { Peer } from '../harness/peer.ts'
import { wholeStream } from '../harness/test-stream.ts'
import { Upstream } from '../harness/upstream.ts'
import { differs } from './differences.ts'

const noFirewall = prepareFirewall() ?? false
/** Timers may be kept in buckets, but never fire before their time. */
const EARLY_MS_MAX = 5
/** More than kernel buffers hold. */
const STREAM = wholeStream(1, 16 * 1024 * 1024)
/** Long enough for a busy machine to look in between. */
const USER_TIMEOUT_MS = 3000
const PAUSE_MS = 2.5 * USER_TIMEOUT_MS

forBothEnginesAtOnce((engine) => {
  describe('a closed window', () => {
    let upstream: Upstream
    let daemon: Daemon

    before(async () => {
      upstream = await Upstream.listen({ paused: true })
      const upstreams = [upstream.address.text]
      const socket = { userTimeout: `${USER_TIMEOUT_MS}ms` }
      daemon = await Daemon.start({
        engine,
        services: [
          {
            name: 'judged',
            upstreams,
            socket,
            protect: { slowRead: { rule: 'on', bytes: '4KiB', within: `${PAUSE_MS}ms` } },
          },
          { name: 'patient', upstreams, socket, protect: { slowRead: { rule: 'off' } } },
        ],
      })
    })
    after(async () => {
      upstream.close()
      await daemon.stop()
    })

    /** The upstream's side has begun to send; nobody takes it. */
    async function blocked(service: string): Promise<{ client: Peer; server: Peer; sent: Promise<unknown> }> {
      const client = await Peer.connect(daemon.addressOf(service), { paused: true })
      const server = await upstream.next()
      // It may end in a reset.
      const sent = server.write(STREAM).catch((error: unknown) => error)
      return { client, server, sent }
    }

    it('of a client ends by slowRead, with its reason and a strike, not by userTimeout', async () => {
      const { client } = await blocked('judged')
      const line = await daemon.lineOf(client)
      assert.equal(line.reason, 'slow-read')
      assert.ok(line.durationMs >= PAUSE_MS - EARLY_MS_MAX, `ended after ${line.durationMs} ms`)
      await daemon.waitForMetric('tidegate_strikes_total', { service: 'judged', kind: 'slow-read' }, 1)
      client.destroy()
    })

    it('of a client that comes back costs it nothing, however long it was', async () => {
      const { client, server, sent } = await blocked('patient')
      await sleep(PAUSE_MS)
      client.resume()
      assert.deepEqual(await client.receive(STREAM.length), STREAM)
      await sent
      server.finish()
      client.finish()
      server.resume()
      assert.equal((await client.receiveAll()).ending, 'fin')
    })

    it('of an upstream that comes back costs nothing either', async () => {
      const client = await Peer.connect(daemon.addressOf('patient'))
      const server = await upstream.next()
      const sent = client.write(STREAM)
      await sleep(PAUSE_MS)
      server.resume()
      assert.deepEqual(await server.receive(STREAM.length), STREAM)
      await sent
      server.finish()
      client.finish()
      assert.equal((await client.receiveAll()).ending, 'fin')
    })

    it(
      'of a client that is gone meanwhile ends as lost, and so does one that is gone after it',
      { skip: noFirewall || differs('user-timeout', engine) },
      async () => {
        const gone = await blocked('patient')
        const back = await blocked('patient')
        // A look has found both.
        await sleep(USER_TIMEOUT_MS)
        cutOff(gone.client.localPort)
        assert.equal((await daemon.lineOf(gone.client)).reason, 'client-lost')
        back.client.resume()
        await back.client.receive(STREAM.length)
        await back.sent
        // A look has found that as well.
        await sleep(USER_TIMEOUT_MS)
        cutOff(back.client.localPort)
        await back.server.write('are you there?')
        assert.equal((await daemon.lineOf(back.client)).reason, 'client-lost')
        clearFirewall()
        for (const { client } of [gone, back]) client.destroy()
      },
    )
  })
})

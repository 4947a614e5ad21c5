/**
 * A receiver that reads slowly keeps its connection: what the kernel still holds for it is moving. The clocks of
 * idleTimeout and halfClosedTimeout may not run while it does, or the end of the stream is lost with the reset.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Daemon } from '../harness/daemon.ts'
import { waitFor, within } from '../harness/deadline.ts'
import { forEachEngine } from '../harness/engines.ts'
import { Peer } from '../harness/peer.ts'
import { StreamCheck, wholeStream } from '../harness/test-stream.ts'
import { Upstream } from '../harness/upstream.ts'

const SEED = 41
/** Far more than a receiver's kernel buffer takes by itself (tcp_rmem, 6 MB): what it has there it must read within a second. */
const STREAM = wholeStream(SEED, 30_000_000)
/** 64 KiB each time: about 10 MB a second. */
const PAUSE_MS = 6
const SERVICES = {
  download: { halfClosedTimeout: '1s' },
  upload: { halfClosedTimeout: '1s' },
  answer: { idleTimeout: '1s' },
  stuck: { socket: { userTimeout: 'off' } },
}

forEachEngine((engine) => {
  // Side by side: each mostly waits for its slow receiver.
  describe('a slow receiver', { concurrency: true }, () => {
    const upstreams = new Map<string, Upstream>()
    let daemon: Daemon

    before(async () => {
      for (const name of Object.keys(SERVICES)) upstreams.set(name, await Upstream.listen())
      const services = Object.entries(SERVICES).map(([name, timeout]) =>
        Object.assign({ name, upstreams: [(upstreams.get(name) as Upstream).address.text] }, timeout),
      )
      daemon = await Daemon.start({ engine, services })
    })
    after(async () => {
      for (const upstream of upstreams.values()) upstream.close()
      await daemon.stop()
    })

    async function connection(name: keyof typeof SERVICES): Promise<{ client: Peer; server: Peer }> {
      const client = await Peer.connect(daemon.addressOf(name), { paused: true })
      const server = await (upstreams.get(name) as Upstream).next()
      server.pause()
      return { client, server }
    }

    function readSlowly(peer: Peer): StreamCheck {
      const check = new StreamCheck(SEED)
      peer.onData = (chunk) => {
        check.take(chunk)
        peer.pause()
        setTimeout(() => peer.resume(), PAUSE_MS)
      }
      peer.resume()
      return check
    }

    const todo =
      engine === 'node' &&
      'node:net does not tell what the kernel still holds for a receiver: only reads count as activity'

    it('gets the end of a download, halfClosedTimeout or not', { todo }, async () => {
      const { client, server } = await connection('download')
      server.socket.end(STREAM)
      const check = readSlowly(client)
      assert.equal(await within('the end of the download', client.ending), 'fin')
      check.assertComplete(STREAM.length, 'to the client')
      client.finish()
      assert.equal((await daemon.lineOf(client)).reason, 'upstream-closed')
    })

    it('gets the end of an upload, halfClosedTimeout or not', { todo }, async () => {
      const { client, server } = await connection('upload')
      client.socket.end(STREAM)
      const check = readSlowly(server)
      assert.equal(await within('the end of the upload', server.ending), 'fin')
      check.assertComplete(STREAM.length, 'to the upstream')
      server.finish()
      client.resume()
      assert.equal((await daemon.lineOf(client)).reason, 'client-closed')
    })

    it('gets the end of an answer behind which nobody said anything, idleTimeout or not', { todo }, async () => {
      const { client, server } = await connection('answer')
      server.socket.write(STREAM)
      const check = readSlowly(client)
      // Afterwards it is idle indeed.
      assert.equal(await within('the end of the connection', client.ending), 'reset')
      check.assertComplete(STREAM.length, 'to the client')
      assert.equal((await daemon.lineOf(client)).reason, 'idle-timeout')
    })

    const unbounded = { skip: engine !== 'linux' && 'the node engine has its own bound' }
    it('that takes nothing from a sender who was reset does not keep the connection for ever', unbounded, async () => {
      const { client } = await connection('stuck')
      const push = (): void => void client.socket.write(STREAM.subarray(0, 1_000_000), (error) => error ?? push())
      push()
      let before = -1
      await waitFor('everything on the way to be full', async () => {
        const moved = client.socket.bytesWritten - client.socket.writableLength
        const isStuck = moved === before
        before = moved
        await sleep(200)
        return isStuck
      })
      const resetMs = performance.now()
      client.reset()
      // As the reset of one who can still be told: 10 s, and a look.
      await daemon.waitForLine('the end', (line) => line['client'] === client.localText, 13_000)
      assert.ok(performance.now() - resetMs < 12_000)
      assert.equal((await daemon.lineOf(client)).reason, 'client-reset')
    })
  })
})

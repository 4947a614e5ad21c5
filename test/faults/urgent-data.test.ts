/**
 * Urgent data (MSG_OOB): telnet and rlogin send it, and so may anybody. The urgent byte itself has no place in a relayed
 * stream and is left out; what stands before and behind it must arrive, however it is read.
 */
import assert from 'node:assert/strict'
import { after, before, beforeEach, it } from 'node:test'
import { ffiProblem } from '../../src/kernel/limits.ts'
import { Daemon } from '../harness/daemon.ts'
import { forEachEngine } from '../harness/engines.ts'
import { Peer } from '../harness/peer.ts'
import { wholeStream } from '../harness/test-stream.ts'
import { Upstream } from '../harness/upstream.ts'

const MSG_OOB = 1
const skip = process.platform === 'linux' && ffiProblem() === undefined ? false : 'urgent data is sent by a native call'
const urgentByte = Uint8Array.of(0x21)

async function sendUrgent(peer: Peer): Promise<void> {
  const { addressOf, send } = await import('../../src/kernel/libc.ts')
  const { fd } = Reflect.get(peer.socket, '_handle') as { fd: number }
  assert.equal(send(fd, addressOf(urgentByte), 1, MSG_OOB), 1)
}

forEachEngine((engine) => {
  let upstream: Upstream
  let daemon: Daemon

  before(async () => {
    upstream = await Upstream.listen()
    daemon = await Daemon.start({ engine, services: [{ upstreams: [upstream.address.text], idleTimeout: '2s' }] })
  })
  beforeEach(() => upstream.forget())
  after(async () => {
    upstream.close()
    await daemon.stop()
  })

  for (const bytes of [1, 1000, 3_000_000]) {
    const [head, tail] = [wholeStream(1, bytes), wholeStream(2, bytes)]

    it(`${bytes} bytes, an urgent one and ${bytes} more: all but the urgent one arrive`, { skip }, async () => {
      const client = await Peer.connect(daemon.addressOf())
      const server = await upstream.next()
      await client.write(head)
      await sendUrgent(client)
      await client.write(tail)
      client.finish()
      const { bytes: received, ending } = await server.receiveAll()
      assert.equal(received.length, 2 * bytes)
      assert.ok(received.equals(Buffer.concat([head, tail])))
      assert.equal(ending, 'fin')
      server.finish()
      const line = await daemon.lineOf(client)
      assert.equal(line.reason, 'client-closed')
      assert.equal(line.bytesToUpstream, 2 * bytes)
    })

    it(`${bytes} bytes, an urgent one and ${bytes} more, sent by the upstream`, { skip }, async () => {
      const client = await Peer.connect(daemon.addressOf())
      const server = await upstream.next()
      await server.write(head)
      await sendUrgent(server)
      await server.write(tail)
      server.finish()
      const { bytes: received, ending } = await client.receiveAll()
      assert.equal(received.length, 2 * bytes)
      assert.ok(received.equals(Buffer.concat([head, tail])))
      assert.equal(ending, 'fin')
      client.destroy()
    })
  }

  it('urgent bytes among small ones, each answered: nothing waits for what comes later', { skip }, async () => {
    const client = await Peer.connect(daemon.addressOf())
    const server = await upstream.next()
    let expected = ''
    for (let i = 0; i < 50; i++) {
      await client.write(`a${i}`)
      await sendUrgent(client)
      await client.write(`b${i};`)
      expected += `a${i}b${i};`
      assert.equal((await server.receive(expected.length)).toString(), expected)
    }
    client.destroy()
  })
})

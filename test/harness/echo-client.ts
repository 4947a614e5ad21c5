/** Clients of a service whose upstream sends everything back (`echo` in upstream.ts). */
import assert from 'node:assert/strict'
import type { Daemon } from './daemon.ts'
import { Peer } from './peer.ts'

/** Is there, and has been served. */
export async function openClient(daemon: Daemon, localAddress?: string): Promise<Peer> {
  const client = await Peer.connect(daemon.addressOf(), { localAddress })
  await client.write('hello')
  await client.receiveText('hello')
  return client
}

/** Whole, or not at all. `header` goes before what comes back. */
export async function isServed(daemon: Daemon, localAddress: string, header: Buffer | string = ''): Promise<boolean> {
  const client = await Peer.connect(daemon.addressOf(), { localAddress })
  client.socket.on('error', () => {})
  client.socket.end(Buffer.concat([Buffer.from(header), Buffer.from('hello')]))
  const { bytes, ending } = await client.receiveAll()
  assert.ok(ending === 'fin' || bytes.length === 0, ending)
  return bytes.toString() === 'hello'
}

/** Comes, is served and goes. */
export async function visit(daemon: Daemon, text = 'hello'): Promise<Peer> {
  const client = await Peer.connect(daemon.addressOf())
  await client.write(text)
  await client.receiveText(text)
  client.finish()
  assert.equal((await client.receiveAll()).ending, 'fin')
  return client
}

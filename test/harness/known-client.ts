/** Makes a client known: one that has been useful is let in before strangers when there is no room for all. */
import type { Daemon } from './daemon.ts'
import { waitFor } from './deadline.ts'
import type { Peer } from './peer.ts'
import type { Upstream } from './upstream.ts'

/** Enough for a connection to count as useful. */
const USEFUL_BYTES = 2048

/** Says enough, is answered, and both finish. */
export async function beUseful(client: Peer, server: Peer): Promise<void> {
  await client.write('.'.repeat(USEFUL_BYTES))
  await server.receive(USEFUL_BYTES)
  await server.write('!')
  await client.receive(1)
  client.finish()
  server.finish()
  await client.receiveAll()
}

/** One useful connection after the other until there is one known client: in a moment of overload nobody is learnt. */
export async function makeKnown(daemon: Daemon, upstream: Upstream, connect: () => Promise<Peer>): Promise<void> {
  await waitFor('the client to be known', async () => {
    await beUseful(await connect(), await upstream.next())
    await daemon.waitForMetric('tidegate_connections_open', {}, 0)
    return (await daemon.metrics()).sum('tidegate_known_clients') === 1
  })
}

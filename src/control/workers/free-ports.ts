/**
 * Is anybody else on our ports? Workers listen with SO_REUSEPORT, and the kernel lets two programs of one user share
 * a port that way without a word: a second Tidegate would take half of the clients. A socket without SO_REUSEPORT
 * is refused while any other is bound, so one is opened and closed before the workers start.
 */
import { createServer } from 'node:net'
import type { Listener, Tables } from '../../traffic/tables.ts'
import type { Inheritance } from '../upgrade/handover.ts'
import { listenError, listenKey } from './start-error.ts'

/** Throws StartError for the first address that can't be had; those that came from the version before are ours. */
export async function checkPortsAreFree(tables: Tables, inheritance?: Inheritance): Promise<void> {
  for (const service of tables.services) {
    for (const listener of service.listeners) {
      const isOurs = (inheritance?.fdsOf(listener).length ?? 0) > 0
      if (listener.address.port !== 0 && !isOurs) await checkPortIsFree(listener, listenKey(service))
    }
  }
}

async function checkPortIsFree({ address, dualStack }: Listener, key: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const server = createServer((socket) => socket.destroy())
  server.once('error', (error: NodeJS.ErrnoException) => {
    reject(listenError(address, error.code ?? 'error', error.message, key))
  })
  const options = { host: address.address, port: address.port, ipv6Only: address.family === 6 && !dualStack }
  server.listen({ ...options, exclusive: true }, () => server.close(() => resolve()))
  await promise
}

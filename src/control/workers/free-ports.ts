/**
 * Is anybody else on our ports? Workers listen with SO_REUSEPORT, and the kernel lets two programs of one user share
 * a port that way without a word: a second Tidegate would take half of the clients. A socket without SO_REUSEPORT
 * is refused while any other is bound, so one is opened and closed before the workers start.
 */
import { createServer } from 'node:net'
import type { Listener, Tables } from '../../traffic/tables.ts'
import { listenError, listenKey } from './start-error.ts'

/** Throws StartError for the first address that can't be had. */
export async function checkPortsAreFree(tables: Tables): Promise<void> {
  for (const service of tables.services) {
    for (const listener of service.listeners) {
      if (listener.address.port !== 0) await checkPortIsFree(listener, listenKey(service))
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

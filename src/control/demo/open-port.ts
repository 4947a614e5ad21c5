/** Ports on loopback for a demo that must not get in anybody's way. */
import { once } from 'node:events'
import { createServer, type AddressInfo, type Server } from 'node:net'

export const LOOPBACK = '127.0.0.1'
/** So many ports are tried one after the other before the kernel picks one. */
const TRIED_PORTS_MAX = 20

/** Listens on a port that the kernel picks, and returns it. */
export async function listenAnywhere(server: Server, port = 0): Promise<number> {
  server.listen(port, LOOPBACK)
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** The first port from `wanted` up that nobody holds and that is not in `taken`. */
export async function freePort(wanted: number, taken: readonly number[] = []): Promise<number> {
  for (let port = wanted; port < wanted + TRIED_PORTS_MAX; port++) {
    if (!taken.includes(port) && (await holdBriefly(port)) !== undefined) return port
  }
  return (await holdBriefly(0)) as number
}

async function holdBriefly(port: number): Promise<number | undefined> {
  const server = createServer()
  try {
    const held = await listenAnywhere(server, port)
    server.close()
    await once(server, 'close')
    return held
  } catch {
    return undefined
  }
}

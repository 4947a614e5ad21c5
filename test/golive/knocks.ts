/** This machine's servers, and who knocks at them from the foreign network. */
import assert from 'node:assert/strict'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { waitFor } from '../harness/deadline.ts'
import { type ForeignConnect, type ForeignNetwork, NEAR } from '../harness/foreign-network.ts'

export function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}

export class Knocks {
  readonly #foreign: ForeignNetwork
  readonly #servers: Server[] = []
  readonly #connects: ForeignConnect[] = []
  /** What was said to any of the servers. */
  heard = ''

  constructor(foreign: ForeignNetwork) {
    this.#foreign = foreign
  }

  async listen(): Promise<Server> {
    const server = createServer((socket) => {
      socket.on('error', () => {}).on('data', (chunk) => (this.heard += chunk.toString()))
    })
    await new Promise<void>((resolve) => server.listen(0, '::', resolve))
    this.#servers.push(server)
    return server
  }

  knock(from: string, at: Server | number): ForeignConnect {
    const port = typeof at === 'number' ? at : portOf(at)
    const attempt = this.#foreign.connect(from, from.includes(':') ? NEAR.ipv6 : NEAR.ipv4, port)
    this.#connects.push(attempt)
    return attempt
  }

  async getsIn(from: string, server: Server): Promise<void> {
    const attempt = this.knock(from, server)
    await waitFor(`${from} to get in`, () => attempt.state() !== 'trying')
    assert.equal(attempt.state(), 'connected', from)
  }

  /** Packets of all come over one cable in order: when a welcome one is in, and `from` itself elsewhere, it would be. */
  async staysOut(from: string, server: Server, welcome: string, elsewhere: Server): Promise<void> {
    const attempt = this.knock(from, server)
    await this.getsIn(welcome, server)
    await this.getsIn(from, elsewhere)
    assert.equal(attempt.state(), 'trying', from)
  }

  /** What is open is closed. */
  end(): void {
    for (const attempt of this.#connects.splice(0)) attempt.end()
  }

  close(): void {
    for (const server of this.#servers) server.close()
  }
}

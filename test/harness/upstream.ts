/** Toy upstreams in the test's own process. Load peers that would slow the test down live in load-peer.ts. */
import { createServer, type AddressInfo, type Server } from 'node:net'
import { address, type Address } from './address.ts'
import { waitFor } from './deadline.ts'
import { Peer } from './peer.ts'

export interface UpstreamOptions {
  readonly host?: string
  readonly port?: number
  /** Accepted connections are not read until `resume`. */
  readonly paused?: boolean
  readonly onConnection?: (peer: Peer) => void
}

export class Upstream {
  readonly address: Address
  /** Every connection since the last `forget`. */
  connections: Peer[] = []
  /** Called with each new connection; may be exchanged. */
  onConnection: ((peer: Peer) => void) | undefined
  #server: Server
  #handedOut = 0

  private constructor(server: Server, at: Address) {
    this.#server = server
    this.address = at
  }

  static async listen(options: UpstreamOptions = {}): Promise<Upstream> {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host: options.host ?? '127.0.0.1', port: options.port ?? 0, backlog: 1024 }, resolve)
    })
    const { address: host, port } = server.address() as AddressInfo
    const upstream = new Upstream(server, address(host, port))
    upstream.onConnection = options.onConnection
    server.on('connection', (socket) => {
      const peer = new Peer(socket, { paused: options.paused === true })
      upstream.connections.push(peer)
      upstream.onConnection?.(peer)
    })
    return upstream
  }

  /** The next connection that no one has asked for yet. */
  async next(): Promise<Peer> {
    return waitFor(`a connection at upstream ${this.address.text}`, () => {
      if (this.#handedOut >= this.connections.length) return undefined
      return this.connections[this.#handedOut++]
    })
  }

  /** Drops what earlier tests left, so that the next test can count from nothing. */
  forget(): void {
    for (const peer of this.connections) peer.destroy()
    this.connections = []
    this.#handedOut = 0
  }

  /** Stops listening; connects to it are refused from now on. Connections that are open stay. */
  stopListening(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close()
      // close() lets go of the listening socket at once; its callback waits for the connections, and we don't.
      setImmediate(resolve)
    })
  }

  close(): void {
    this.forget()
    this.#server.close()
  }
}

/** Sends everything back, and the end too. */
export function echo(peer: Peer): void {
  peer.onData = (chunk) => {
    if (!peer.socket.write(chunk)) {
      peer.pause()
      peer.socket.once('drain', () => peer.resume())
    }
  }
  void peer.ending.then((ending) => {
    if (ending === 'fin') peer.finish()
    else peer.destroy()
  })
}

/** Says `text` on every connection before hearing anything, as SMTP, SSH and MySQL servers do, then echoes. */
export function greetThenEcho(text: string): (peer: Peer) => void {
  return (peer) => {
    peer.socket.write(text)
    echo(peer)
  }
}

/** Below the ports that the kernel hands out, so that no other test gets one meanwhile; each process has some of its own. */
const FIRST_CLOSED_PORT = 12_000
const PORTS_OF_A_PROCESS = 100
const PROCESSES = 180
let closedPorts = 0

/** An address nobody listens on: a connect is refused. */
export async function closedAddress(host = '127.0.0.1'): Promise<Address> {
  for (let tries = 0; tries < PORTS_OF_A_PROCESS; tries++) {
    const ownPort = closedPorts++ % PORTS_OF_A_PROCESS
    const port = FIRST_CLOSED_PORT + (process.pid % PROCESSES) * PORTS_OF_A_PROCESS + ownPort
    const upstream = await Upstream.listen({ host, port }).catch(() => undefined)
    if (upstream === undefined) continue
    await upstream.stopListening()
    return upstream.address
  }
  throw new Error(`all ${PORTS_OF_A_PROCESS} ports of this process are taken`)
}

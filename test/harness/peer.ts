/** One end of a TCP connection in the hands of a test: a client of Tidegate, or an upstream's side. */
import { connect, type Socket } from 'node:net'
import { waitFor, within } from './deadline.ts'
import type { Address } from './address.ts'

/** How the other side's direction ended: `fin`, `reset`, or the code of another error. */
export type Ending = string

export interface PeerOptions {
  /** Start without reading; `resume` begins. */
  readonly paused?: boolean
  /** Takes what arrives; without it the bytes are kept. */
  readonly onData?: (chunk: Buffer) => void
  /** It is over already. */
  readonly ended?: Ending
  /** What the socket of a client can't tell, or not any more. */
  readonly opened?: Opened
}

interface Opened {
  readonly atMs: number
  readonly to: Address
  /** Undefined where the socket was reset before it could tell. */
  readonly own: OwnAddress | undefined
}

interface OwnAddress {
  readonly address: string | undefined
  readonly port: number | undefined
}

export class Peer {
  readonly socket: Socket
  /** This end's port; node forgets it when the socket closes. */
  readonly localPort: number
  readonly remotePort: number
  /** By the clock of the log; of a client it is the moment before its connect. */
  readonly openedAtMs: number
  /** Text of this end's own address, as Tidegate's log writes a client. */
  readonly localText: string
  /** Settles with how the other side ended. */
  readonly ending: Promise<Ending>
  bytesReceived = 0
  #ending: Ending | undefined
  #chunks: Buffer[] = []
  #onData: ((chunk: Buffer) => void) | undefined

  /** `socket` is connected and has not been read from. */
  constructor(socket: Socket, options: PeerOptions = {}) {
    this.socket = socket
    const own = options.opened?.own ?? { address: socket.localAddress, port: socket.localPort }
    this.localPort = own.port ?? 0
    this.remotePort = socket.remotePort ?? options.opened?.to.port ?? 0
    this.openedAtMs = options.opened?.atMs ?? Date.now()
    this.localText = addressText(own.address, own.port)
    this.#onData = options.onData
    this.ending = new Promise((resolve) => {
      const settle = (ending: Ending): void => {
        this.#ending ??= ending
        resolve(ending)
      }
      socket.on('end', () => settle('fin'))
      socket.on('error', (error: NodeJS.ErrnoException) =>
        settle(error.code === 'ECONNRESET' ? 'reset' : `${error.code}`),
      )
      socket.on('close', () => settle('closed-by-ourselves'))
      if (options.ended !== undefined) settle(options.ended)
    })
    socket.on('data', (chunk: Buffer) => {
      this.bytesReceived += chunk.length
      if (this.#onData === undefined) this.#chunks.push(chunk)
      else this.#onData(chunk)
    })
    if (options.paused === true) socket.pause()
    else socket.resume()
  }

  static async connect(to: Address, options: PeerOptions & ConnectOptions = {}): Promise<Peer> {
    const atMs = Date.now()
    const socket = connect({
      host: to.host,
      port: to.port,
      allowHalfOpen: true,
      noDelay: true,
      ...(options.localAddress === undefined ? {} : { localAddress: options.localAddress }),
      ...(options.localPort === undefined ? {} : { localPort: options.localPort }),
    })
    // Before the connect completes: node reads into its buffer as soon as it is connected and not paused.
    socket.pause()
    // The kernel gives the port when connect is called, in the tick after this. A socket that was reset has none to tell.
    let own: OwnAddress = { address: undefined, port: undefined }
    process.nextTick(() => (own = { address: socket.localAddress, port: socket.localPort }))
    const connected = new Promise<Ending | undefined>((resolve, reject) => {
      socket.once('connect', () => resolve(undefined))
      socket.once('error', (error: NodeJS.ErrnoException) => {
        // A connection that was made and reset before node looked at it.
        if (error.code === 'ECONNRESET') resolve('reset')
        else reject(error)
      })
    })
    try {
      const ended = await within(`a connection to ${to.text}`, connected)
      socket.removeAllListeners('error')
      if (ended === undefined) return new Peer(socket, { ...options, opened: { atMs, to, own: undefined } })
      return new Peer(socket, { ...options, ended, opened: { atMs, to, own } })
    } catch (error) {
      socket.destroy()
      throw error
    }
  }

  /** Everything received and kept so far. */
  get received(): Buffer {
    const all = Buffer.concat(this.#chunks)
    this.#chunks = [all]
    return all
  }

  get endingNow(): Ending | undefined {
    return this.#ending
  }

  /** Hands what comes from now on to `onData`; what was kept stays in `received`. */
  set onData(onData: ((chunk: Buffer) => void) | undefined) {
    this.#onData = onData
  }

  /** Settles when the kernel has taken all of it. */
  write(data: Buffer | string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.socket.write(data, (error) => (error ? reject(error) : resolve()))
    })
  }

  /** Says that we have nothing more to send (FIN), after everything written before. */
  finish(): void {
    this.socket.end()
  }

  /** Sends a reset (RST) at once. */
  reset(): void {
    this.socket.resetAndDestroy()
  }

  destroy(): void {
    this.socket.destroy()
  }

  pause(): void {
    this.socket.pause()
  }

  resume(): void {
    this.socket.resume()
  }

  /** The first `bytes` received; waits for them, and says how the connection ended if they don't come. */
  async receive(bytes: number): Promise<Buffer> {
    await waitFor(`${bytes} bytes at ${this.localText} (got ${this.bytesReceived})`, () => {
      if (this.bytesReceived >= bytes) return true
      if (this.#ending !== undefined) {
        throw new Error(`the connection ended (${this.#ending}) after ${this.bytesReceived} of ${bytes} bytes`)
      }
      return false
    })
    return this.received.subarray(0, bytes)
  }

  async receiveText(text: string): Promise<void> {
    const got = (await this.receive(Buffer.byteLength(text))).toString()
    if (got !== text) throw new Error(`received ${JSON.stringify(got)}, expected ${JSON.stringify(text)}`)
  }

  /** All bytes up to the other side's end, and how it ended. */
  async receiveAll(): Promise<{ bytes: Buffer; ending: Ending }> {
    const ending = await within(`the end of the stream at ${this.localText}`, this.ending)
    return { bytes: this.received, ending }
  }
}

export interface ConnectOptions {
  readonly localAddress?: string | undefined
  readonly localPort?: number | undefined
}

/** `127.0.0.1:5` or `[::1]:5`; a mapped IPv4 address is written as IPv4. */
export function addressText(address: string | undefined, port: number | undefined): string {
  const plain = (address ?? '?').replace(/^::ffff:(?=\d+\.)/, '')
  return plain.includes(':') ? `[${plain}]:${port}` : `${plain}:${port}`
}

/** A connection that stays, says something now and then, and compares every byte of its echo. For processes that make load. */
import { connect, type Socket } from 'node:net'
import { StreamCheck, streamBytes } from './test-stream.ts'

const PIECE_BYTES = 4096

export class LongStream {
  /** Settles with the first bytes that come back, or with its end where none do. */
  readonly opened: Promise<void>
  readonly localAddress: string | undefined
  readonly #socket: Socket
  readonly #check: StreamCheck
  readonly #seed: number
  #endedEarly = false
  sent = 0
  ending: string | undefined

  constructor(host: string, port: number, seed: number, localAddress?: string) {
    this.localAddress = localAddress
    this.#seed = seed
    this.#check = new StreamCheck(seed)
    this.#socket = connect({
      host,
      port,
      noDelay: true,
      allowHalfOpen: true,
      ...(localAddress === undefined ? {} : { localAddress }),
    })
    this.opened = new Promise((resolve) => {
      this.#socket.once('data', () => resolve())
      this.#socket.once('close', () => resolve())
    })
    this.#socket.on('data', (chunk: Buffer) => this.#check.take(chunk))
    this.#socket.on('end', () => (this.ending ??= 'fin'))
    this.#socket.on('error', (error: NodeJS.ErrnoException) => (this.ending ??= error.code))
    this.say()
  }

  say(): void {
    if (this.ending !== undefined) return
    this.#socket.write(streamBytes(this.#seed, this.sent, PIECE_BYTES))
    this.sent += PIECE_BYTES
  }

  finish(): void {
    this.#endedEarly = this.ending !== undefined
    this.#socket.end()
  }

  /** Undefined when every byte came back, then a clean end. */
  get fault(): string | undefined {
    if (this.#check.difference !== undefined) return this.#check.difference
    if (this.ending !== 'fin') return this.ending ?? 'no end'
    if (this.#endedEarly) return 'ended before we did'
    return this.#check.bytes === this.sent ? undefined : `${this.#check.bytes} of ${this.sent} bytes`
  }
}

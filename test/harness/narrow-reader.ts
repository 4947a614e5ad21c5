/** A client with a tiny receive buffer, as an attacker on a raw socket is: it acknowledges no more than what it takes. Linux only. */
import { addressOf, AF, close, connect, E, errno, getsockname, MSG, recv, SOCK, socket } from '../../src/kernel/libc.ts'
import { nativeSocketAddress, SocketAddressSlot } from '../../src/kernel/socket-address.ts'
import { OPTION, setInteger } from '../../src/kernel/socket-option.ts'
import type { Address } from './address.ts'
import { waitFor } from './deadline.ts'

/** The kernel makes about 2.3 KB of it, and announces half as window. */
const RECEIVE_BUFFER_BYTES = 1024
/** The window opens by whole segments. */
const SEGMENT_BYTES = 256

export class NarrowReader {
  /** As Tidegate's log writes it. */
  readonly localText: string
  /** Of the other side's end: `fin`, `reset` or an errno. */
  ending: string | undefined
  bytesReceived = 0
  readonly #fd: number
  readonly #buffer = new Uint8Array(64 * 1024)

  private constructor(fd: number, localText: string) {
    this.#fd = fd
    this.localText = localText
  }

  static async connect(to: Address): Promise<NarrowReader> {
    const fd = socket(AF.inet, SOCK.stream | SOCK.nonblock | SOCK.cloexec, 0)
    setInteger(fd, OPTION.receiveBuffer, RECEIVE_BUFFER_BYTES)
    setInteger(fd, OPTION.maxSegment, SEGMENT_BYTES)
    const target = nativeSocketAddress({ family: 4, address: to.host, port: to.port })
    if (connect(fd, target.at, target.bytes) !== 0 && errno() !== E.EINPROGRESS) {
      throw new Error(`connect failed with errno ${errno()}`)
    }
    const own = new SocketAddressSlot()
    await waitFor('the connect', () => {
      own.reset()
      return getsockname(fd, own.at, own.lengthAt) === 0 && own.port !== 0
    })
    return new NarrowReader(fd, `${to.host}:${own.port}`)
  }

  /** Takes up to so many bytes off the socket; 0 when none are there, or none come any more. */
  take(bytesMax: number): number {
    if (this.ending !== undefined) return 0
    const bytes = recv(this.#fd, addressOf(this.#buffer), Math.min(bytesMax, this.#buffer.length), MSG.dontwait)
    const code = bytes < 0 ? errno() : 0
    if (bytes === 0) this.ending = 'fin'
    else if (code === E.ECONNRESET) this.ending = 'reset'
    else if (code !== 0 && code !== E.EAGAIN) this.ending = `errno ${code}`
    this.bytesReceived += Math.max(bytes, 0)
    return Math.max(bytes, 0)
  }

  close(): void {
    close(this.#fd)
  }
}

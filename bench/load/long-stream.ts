/** A stream of `changes`: says a piece every so often, and every byte of the echo is compared. */
import { StreamCheck, streamBytes } from '../../test/harness/test-stream.ts'
import { beginConnecting, close, finishSending, receive, trySend } from './libc.ts'

const PIECE_BYTES = 1024
const buffer = new Uint8Array(65_536)

export class LongStream {
  readonly fd: number
  readonly #seed: number
  readonly #check: StreamCheck
  /** Said, and of that what the kernel took. */
  #saidBytes = 0
  #sentBytes = 0
  /** When it said what it has not heard in full. */
  #waitsSinceMs = 0
  #isFinishing = false
  #hasFinished = false
  longestWaitMs = 0
  fault: string | undefined
  isOver = false

  constructor(port: number, seed: number, nowMs: number) {
    this.#seed = seed
    this.#check = new StreamCheck(seed)
    this.fd = beginConnecting(port)
    this.#waitsSinceMs = nowMs
    this.#saidBytes = PIECE_BYTES
  }

  get bytes(): number {
    return this.#check.bytes
  }

  get hasHeardAll(): boolean {
    return this.#check.bytes === this.#saidBytes
  }

  say(nowMs: number): void {
    if (this.hasHeardAll) this.#waitsSinceMs = nowMs
    this.#saidBytes += PIECE_BYTES
    this.onReady(nowMs)
  }

  /** The end of its bytes; it is over when all came back and then the other side's end. */
  finish(nowMs: number): void {
    this.#isFinishing = true
    this.onReady(nowMs)
  }

  onReady(nowMs: number): void {
    if (this.isOver) return
    try {
      this.#send()
      this.#receive(nowMs)
    } catch (error) {
      this.end((error as Error).message)
    }
  }

  #send(): void {
    while (this.#sentBytes < this.#saidBytes) {
      const piece = streamBytes(this.#seed, this.#sentBytes, Math.min(PIECE_BYTES, this.#saidBytes - this.#sentBytes))
      const sent = trySend(this.fd, piece, piece.length)
      if (sent === 0) return
      this.#sentBytes += sent
    }
    if (this.#isFinishing && !this.#hasFinished) {
      finishSending(this.fd)
      this.#hasFinished = true
    }
  }

  #receive(nowMs: number): void {
    for (let bytes = receive(this.fd, buffer); bytes >= 0; bytes = receive(this.fd, buffer)) {
      if (bytes === 0) return this.end(this.#hasFinished && this.hasHeardAll ? undefined : 'ended early')
      this.#check.take(Buffer.from(buffer.buffer, 0, bytes))
      if (this.#check.difference !== undefined) return this.end(this.#check.difference)
      if (this.hasHeardAll) this.longestWaitMs = Math.max(this.longestWaitMs, nowMs - this.#waitsSinceMs)
    }
  }

  end(fault: string | undefined): void {
    if (this.isOver) return
    this.isOver = true
    this.fault = fault
    close(this.fd)
  }
}

/** A client of `changes` that comes, says something, hears it again, and leaves by a clean end that is answered by one. */
import { beginConnecting, close, finishSending, receive, trySend } from './libc.ts'

const WORDS = Buffer.from('hello')
const buffer = new Uint8Array(64)

export class Visit {
  readonly fd: number
  readonly sinceMs: number
  #hasSpoken = false
  #received = 0
  /** Why it failed. */
  fault: string | undefined
  isOver = false

  constructor(port: number, nowMs: number) {
    this.sinceMs = nowMs
    this.fd = beginConnecting(port)
  }

  onReady(): void {
    try {
      this.#goOn()
    } catch (error) {
      this.end((error as Error).message)
    }
  }

  #goOn(): void {
    if (!this.#hasSpoken) {
      if (trySend(this.fd, WORDS, WORDS.length) === 0) return
      this.#hasSpoken = true
    }
    for (let bytes = receive(this.fd, buffer); bytes >= 0; bytes = receive(this.fd, buffer)) {
      if (bytes === 0) {
        return this.end(
          this.#received === WORDS.length ? undefined : `ended after ${this.#received} of ${WORDS.length} bytes`,
        )
      }
      const expected = WORDS.subarray(this.#received, this.#received + bytes)
      if (expected.compare(buffer, 0, bytes) !== 0) return this.end('wrong bytes')
      this.#received += bytes
      if (this.#received === WORDS.length) finishSending(this.fd)
    }
  }

  end(fault: string | undefined): void {
    if (this.isOver) return
    this.isOver = true
    this.fault = fault
    close(this.fd)
  }
}

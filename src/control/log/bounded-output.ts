/**
 * Lines to stdout that can't hold anybody up: what the reader does not take is kept up to a bound, then dropped and
 * counted. A stalled reader of the log must neither stop traffic nor fill the memory.
 */
import type { Writable } from 'node:stream'

/** About 20,000 connection lines. */
export const LOG_BACKLOG_BYTES_MAX = 8 * 1024 * 1024
/** At most so often it is said that lines were dropped. */
const DROP_WARNING_EVERY_MS = 10_000

export interface BoundedOutputOptions {
  readonly stream: Writable
  readonly backlogBytesMax?: number
  /** A line that says how many were dropped since the last such line; written when there is room again. */
  readonly dropWarning: (lines: number) => string
  readonly nowMs?: () => number
}

export class BoundedOutput {
  readonly #stream: Writable
  readonly #backlogBytesMax: number
  readonly #dropWarning: (lines: number) => string
  readonly #nowMs: () => number
  #broken = false
  #linesDropped = 0
  #linesDroppedAndSaid = 0
  #saidAtMs = -Infinity

  constructor(options: BoundedOutputOptions) {
    this.#stream = options.stream
    this.#backlogBytesMax = options.backlogBytesMax ?? LOG_BACKLOG_BYTES_MAX
    this.#dropWarning = options.dropWarning
    this.#nowMs = options.nowMs ?? (() => performance.now())
    // EPIPE: the reader is gone for good. Traffic goes on, the log is counted as dropped.
    this.#stream.on('error', () => {
      this.#broken = true
    })
  }

  get linesDropped(): number {
    return this.#linesDropped
  }

  hasRoomFor(bytes: number): boolean {
    return !this.#broken && this.#stream.writableLength + bytes <= this.#backlogBytesMax
  }

  /** Counts lines that were not even made, because there was no room for them. */
  drop(lines: number): void {
    this.#linesDropped += lines
  }

  /** Takes whole lines, each with its line end. */
  write(text: string): void {
    if (!this.hasRoomFor(text.length)) {
      this.drop(lineCount(text))
      return
    }
    this.#sayWhatWasDropped()
    this.#stream.write(text)
  }

  #sayWhatWasDropped(): void {
    if (this.#linesDropped === this.#linesDroppedAndSaid) return
    if (this.#nowMs() - this.#saidAtMs < DROP_WARNING_EVERY_MS) return
    this.#saidAtMs = this.#nowMs()
    this.#stream.write(this.#dropWarning(this.#linesDropped - this.#linesDroppedAndSaid))
    this.#linesDroppedAndSaid = this.#linesDropped
  }

  /** Flushes, then lets go of the stream: a write that is still pending would keep the process alive. */
  async close(timeoutMs: number): Promise<void> {
    await this.flush(timeoutMs)
    this.#broken = true
    this.#stream.destroy()
  }

  /** Resolves when all has been taken, or after `timeoutMs`: a stalled reader can't keep us from stopping. */
  async flush(timeoutMs: number): Promise<void> {
    if (this.#broken || this.#stream.writableLength === 0) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs)
      this.#stream.write('', () => {
        clearTimeout(timer)
        resolve()
      })
    })
  }
}

function lineCount(text: string): number {
  let lines = 0
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) lines++
  return lines
}

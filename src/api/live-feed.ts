/**
 * What the node says once a second to everybody who watches, as server-sent events. The text is made once for all, and
 * only while somebody watches: a hundred dashboards cost what one does, and the bytes.
 */
import type { ServerResponse } from 'node:http'

const EVERY_MS = 1_000
/** A watcher with more than this unread is cut off; its browser comes back by itself. */
const UNREAD_BYTES_MAX = 4 * 1024 * 1024
/** Whether a watcher may still watch is asked anew so often. */
const ASKED_ANEW_EVERY = 30

interface Watcher {
  readonly response: ServerResponse
  /** Whether who watches still may: sessions end, tokens are taken back. */
  readonly mayStill: () => Promise<boolean>
}

export class LiveFeed {
  readonly #watchers = new Set<Watcher>()
  readonly #say: () => string
  #timer: NodeJS.Timeout | undefined
  #turn = 0

  /** `say` makes the data of an event, JSON without line breaks. */
  constructor(say: () => string) {
    this.#say = say
  }

  get watchers(): number {
    return this.#watchers.size
  }

  /** The response is ours from now on. */
  add(response: ServerResponse, mayStill: () => Promise<boolean>): void {
    const watcher = { response, mayStill }
    this.#watchers.add(watcher)
    response.once('close', () => this.#forget(watcher))
    response.socket?.setTimeout(0)
    // Before the first second is over: nobody waits for an empty page.
    response.write(`retry: 2000\n\n${this.#event()}`)
    this.#timer ??= setInterval(() => this.#tick(), EVERY_MS)
  }

  #tick(): void {
    const event = this.#event()
    const isAsked = ++this.#turn % ASKED_ANEW_EVERY === 0
    for (const watcher of this.#watchers) {
      if (watcher.response.writableLength > UNREAD_BYTES_MAX) watcher.response.destroy()
      else watcher.response.write(event)
      if (isAsked) void this.#endUnlessAllowed(watcher)
    }
  }

  /** At once: an end would wait for who does not read, and a write after it is an error that nobody catches. */
  async #endUnlessAllowed({ response, mayStill }: Watcher): Promise<void> {
    if (!(await mayStill().catch(() => false))) response.destroy()
  }

  #event(): string {
    return `event: status\ndata: ${this.#say()}\n\n`
  }

  #forget(watcher: Watcher): void {
    this.#watchers.delete(watcher)
    if (this.#watchers.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}

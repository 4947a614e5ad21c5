/**
 * What the old process goes on telling the next one after it has started it: which bans it makes and takes back, who became
 * known while it lingers, and, once, that everything is handed over. One line of JSON for each, on a pipe of their own that lasts as long as both do.
 * The new one begins to answer operators, and to write the files, with that one word.
 */
import { createInterface } from 'node:readline'
import { Socket } from 'node:net'
import type { Writable } from 'node:stream'
import { z } from 'zod'
import { StoredBan } from '../bans/ban-file.ts'

const Known = z.object({
  kind: z.literal('known'),
  /** Family, the two words of the address, how long ago it was useful (known-clients.ts). */
  clients: z.array(z.tuple([z.union([z.literal(4), z.literal(6)]), z.int(), z.int(), z.number().nonnegative()])),
})
export type KnownNews = z.infer<typeof Known>

const News = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('banned'), bans: z.array(StoredBan) }),
  z.object({ kind: z.literal('unbanned'), prefixes: z.array(z.string()) }),
  Known,
  z.object({ kind: z.literal('handed-over') }),
])
export type News = Readonly<z.infer<typeof News>>

/** Of a reader that stands still: half a million bans. What does not fit is not told. */
const WAITING_BYTES_MAX = 64 * 1024 * 1024

/** Where the old process tells them. What comes before there is somebody to tell waits. */
export class NewsWriter {
  #pipe: Writable | undefined
  #waiting: string[] = []
  #isClosed = false

  say(news: News): void {
    if (this.#isClosed || this.#pipe?.destroyed === true) return
    const line = `${JSON.stringify(news)}\n`
    if (this.#pipe === undefined) this.#waiting.push(line)
    else if (this.#pipe.writableLength > WAITING_BYTES_MAX) this.#pipe.destroy()
    else this.#pipe.write(line)
  }

  /** Somebody reads there. */
  open(pipe: Writable & { unref?(): unknown }): void {
    this.#pipe = pipe
    // The next version is gone: nobody is to be told any more.
    pipe.on('error', () => this.close())
    pipe.unref?.()
    for (const line of this.#waiting.splice(0)) pipe.write(line)
  }

  /** What was said arrives. */
  close(): void {
    this.#isClosed = true
    this.#waiting = []
    this.#pipe?.end()
  }
}

/** How the hand-over ended: in words, with the end of the old process, or in silence. */
export type HandOverEnd = 'handed-over' | 'lost' | 'silent'

/** The old process writes its files once more before it hands over; a disk may take its time. */
const HANDOVER_TIMEOUT_MS = 15_000

/** Where the new process hears them. */
export class NewsReader {
  readonly #fd: number
  readonly #handedOver = Promise.withResolvers<HandOverEnd>()
  readonly #timeoutMs: number

  constructor(fd: number, timeoutMs = HANDOVER_TIMEOUT_MS) {
    this.#fd = fd
    this.#timeoutMs = timeoutMs
  }

  /** To be called once; what was told before waits in the pipe. */
  follow(take: (news: News) => void): void {
    const pipe = new Socket({ fd: this.#fd, readable: true, writable: false })
    pipe.unref()
    pipe.on('error', () => {})
    pipe.on('close', () => this.#handedOver.resolve('lost'))
    createInterface({ input: pipe }).on('line', (line) => {
      const news = parseNews(line)
      if (news === undefined) return
      if (news.kind === 'handed-over') this.#handedOver.resolve('handed-over')
      else take(news)
    })
  }

  /** To be asked when the old process knows that this one serves. */
  async handedOver(): Promise<HandOverEnd> {
    let timer: NodeJS.Timeout | undefined
    const silent = new Promise<HandOverEnd>((resolve) => {
      timer = setTimeout(() => resolve('silent'), this.#timeoutMs)
    })
    const end = await Promise.race([this.#handedOver.promise, silent])
    clearTimeout(timer)
    return end
  }
}

/** Undefined for what a later version may say. */
function parseNews(line: string): News | undefined {
  try {
    return News.parse(JSON.parse(line))
  } catch {
    return undefined
  }
}

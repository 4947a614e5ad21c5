/**
 * One daemon for each table. The lock is an abstract socket: it belongs to the network namespace, as the table does,
 * whatever process ids and folders its holders see, and it is gone with its process, however that ends.
 */
import { createServer, type Server } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { monotonicMs } from '../../lib/clock.ts'

const TAKE_BACK_EVERY_MS = 250

export class TableLock {
  readonly #name: string
  #server: Server | undefined

  constructor(table: string) {
    // A leading NUL makes the address abstract [unix(7)].
    this.#name = `\0tidegate-firewall-${table}`
  }

  get isHeld(): boolean {
    return this.#server !== undefined
  }

  /** False while another process holds it. */
  async take(): Promise<boolean> {
    if (this.#server !== undefined) return true
    const server = createServer((socket) => socket.destroy())
    const { promise, resolve, reject } = Promise.withResolvers<boolean>()
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(false)
      else reject(error)
    })
    server.listen(this.#name, () => resolve(true))
    server.unref()
    if (!(await promise)) return false
    this.#server = server
    return true
  }

  /** After a release: it is ours again if nobody else takes it until then. */
  async takeBack(untilMs: number): Promise<void> {
    // A lock that can't even be asked for is not ours: whoever stops us waits for no reason.
    while (await this.take().catch(() => false)) {
      if (monotonicMs() > untilMs) return
      await this.release()
      await delay(TAKE_BACK_EVERY_MS)
    }
  }

  async release(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (server === undefined) return
    const { promise, resolve } = Promise.withResolvers<void>()
    server.close(() => resolve())
    await promise
  }
}

/**
 * What the running version gives the next one: its listening sockets, the admin endpoint's among them, and a pipe on
 * which the new one says that it is ready, or why it is not. Sockets pass by inheritance: both processes hold the same
 * accept queues for a moment, so no client is lost between them.
 */
import { closeSync, writeSync } from 'node:fs'
import { z } from 'zod'
import { formatSocketAddress, socketAddress, type SocketAddress } from '../../lib/ip.ts'
import type { Listener } from '../../traffic/tables.ts'
import { NewsReader } from './news.ts'

/** Where the new process finds it. */
export const HANDOVER_VARIABLE = 'TIDEGATE_HANDOVER'

const Sockets = z.object({
  /** As the configuration asks for it, and with the port it got; they differ where port 0 was asked. */
  asked: z.string(),
  got: z.string(),
  fds: z.array(z.int().nonnegative()),
})
/** The listening sockets of one address. */
export type ListeningSockets = Readonly<z.infer<typeof Sockets>>

const Handover = z.object({
  /** The pipe for the answer. */
  readyFd: z.int().nonnegative(),
  /** The pipe for news; versions before 0.2 have none. */
  newsFd: z.int().nonnegative().optional(),
  admin: Sockets.nullable(),
  listeners: z.array(Sockets),
})
export type Handover = z.infer<typeof Handover>

/** What comes back on the pipe: one line of JSON. */
export const HandoverAnswer = z.union([
  z.object({ ready: z.literal(true), version: z.string(), pid: z.int() }),
  z.object({ ready: z.literal(false), why: z.string() }),
])
export type HandoverAnswer = z.infer<typeof HandoverAnswer>

/** `*:443` and `[::]:443` are different sockets of the same address. */
export function listenerKey({ address, dualStack }: Pick<Listener, 'address' | 'dualStack'>): string {
  return `${formatSocketAddress(address)}${dualStack ? ' dual' : ''}`
}

export interface AdminSocket {
  readonly fd: number
  readonly address: SocketAddress
}

function portOf(key: string): number {
  return Number(/:(\d+)$/.exec(key)?.[1])
}

export class Inheritance {
  readonly #handover: Handover
  /** By key of what is asked now; filled as listeners are asked for. */
  readonly #taken = new Map<string, readonly number[]>()
  readonly #untaken: Set<ListeningSockets>
  #hasAnswered = false

  private constructor(handover: Handover) {
    this.#handover = handover
    const { admin, listeners } = handover
    this.#untaken = new Set(admin === null ? listeners : [admin, ...listeners])
  }

  /** Undefined in a process that follows nobody. Takes it out of `env`: no child of ours may believe it. */
  static take(env: NodeJS.ProcessEnv): Inheritance | undefined {
    const text = env[HANDOVER_VARIABLE]
    if (text === undefined) return undefined
    Reflect.deleteProperty(env, HANDOVER_VARIABLE)
    return new Inheritance(Handover.parse(JSON.parse(text)))
  }

  /** Every fd that came. */
  get fds(): readonly number[] {
    const { readyFd, newsFd, admin, listeners } = this.#handover
    return [
      readyFd,
      ...(newsFd === undefined ? [] : [newsFd]),
      ...(admin?.fds ?? []),
      ...listeners.flatMap(({ fds }) => fds),
    ]
  }

  /** What the old version goes on telling; undefined where it is too old for that. To be asked once. */
  openNews(): NewsReader | undefined {
    const { newsFd } = this.#handover
    return newsFd === undefined ? undefined : new NewsReader(newsFd)
  }

  /** The socket of the admin endpoint, where it stays at its address, and the address that it got. */
  adminSocket(address: SocketAddress): AdminSocket | undefined {
    const { admin } = this.#handover
    const key = listenerKey({ address, dualStack: false })
    if (admin === null || (admin.got !== key && admin.asked !== key)) return undefined
    this.#untaken.delete(admin)
    return { fd: admin.fds[0], address: socketAddress(address.address, portOf(admin.got)) ?? address }
  }

  /** Before any worker starts: a child of ours that inherits a listening socket would hold clients that nobody serves. */
  async keepFromChildren(): Promise<void> {
    const { closeOnExec } = await import('../../kernel/close-on-exec.ts')
    closeOnExec(this.fds)
  }

  /** The sockets of a listener, or none where the old version did not listen there. The same answer each time. */
  fdsOf(listener: Listener): readonly number[] {
    const key = listenerKey(listener)
    const known = this.#taken.get(`${listener.index} ${key}`)
    if (known !== undefined) return known
    for (const candidate of this.#handover.listeners) {
      if (!this.#untaken.has(candidate)) continue
      if (candidate.got !== key && candidate.asked !== key) continue
      this.#untaken.delete(candidate)
      this.#taken.set(`${listener.index} ${key}`, candidate.fds)
      return candidate.fds
    }
    return []
  }

  /** A worker's part of a listener's sockets: all are served, whatever the number of workers was before. */
  fdsOfWorker(listener: Listener, workerIndex: number, workers: number): number[] {
    return this.fdsOf(listener).filter((_, i) => i % workers === workerIndex)
  }

  /** Closes what nobody asked for: an open socket that nobody accepts from would keep clients waiting. */
  closeUntaken(): void {
    for (const { fds } of this.#untaken) for (const fd of fds) closeSync(fd)
    this.#untaken.clear()
  }

  sayReady(version: string): void {
    this.#answer({ ready: true, version, pid: process.pid })
  }

  sayFailed(why: string): void {
    this.#answer({ ready: false, why })
  }

  #answer(answer: HandoverAnswer): void {
    if (this.#hasAnswered) return
    this.#hasAnswered = true
    try {
      writeSync(this.#handover.readyFd, `${JSON.stringify(answer)}\n`)
      closeSync(this.#handover.readyFd)
    } catch {
      // The old version is gone; nobody waits for the answer.
    }
  }
}

/** What a client sees that is not let in: `protect.refuse`. */
import type { Socket } from 'node:net'
import { WORKER } from '../counters.ts'
import { tarpitPlaces } from '../admit/tarpit-places.ts'
import type { ServiceProtect, Tables } from '../tables.ts'
import { ignoreError, resetSocket } from './reset.ts'
import type { TrafficWorker } from './traffic-worker.ts'

/** Refused clients whose sockets stay open, unread, for a while; each has one of the node's places too. */
export class TarPit {
  readonly #worker: TrafficWorker
  readonly #places: number
  readonly #timerBySocket = new Map<Socket, NodeJS.Timeout>()
  #isClosed = false

  constructor(worker: TrafficWorker) {
    this.#worker = worker
    this.#places = tarpitPlaces(worker.start)
  }

  /** False when there is no place; the socket is then the caller's. */
  keep(socket: Socket, forMs: number): boolean {
    const { nodeWide, gate } = this.#worker
    if (this.#isClosed || this.#timerBySocket.size >= this.#places) return false
    if (!nodeWide.takePlace(gate.strangersMax)) return false
    this.#timerBySocket.set(
      socket,
      setTimeout(() => this.#release(socket), forMs),
    )
    // A write of the kernel's own may find that the client is gone.
    socket.once('close', () => this.#release(socket))
    this.#count()
    return true
  }

  /** Resets all of them, and keeps nobody any more. */
  close(): void {
    this.#isClosed = true
    for (const socket of this.#timerBySocket.keys()) this.#release(socket)
  }

  #release(socket: Socket): void {
    const timer = this.#timerBySocket.get(socket)
    if (timer === undefined) return
    clearTimeout(timer)
    this.#timerBySocket.delete(socket)
    this.#worker.nodeWide.givePlaceBack()
    this.#count()
    resetSocket(socket)
  }

  #count(): void {
    this.#worker.counters.worker[WORKER.tarpitted] = this.#timerBySocket.size
  }
}

export function refuseSocket(worker: TrafficWorker, socket: Socket, protect: ServiceProtect | undefined): void {
  socket.on('error', ignoreError)
  if (protect?.refuse === 'close') socket.destroy()
  else if (protect?.refuse !== 'tarpit' || !worker.tarPit.keep(socket, protect.tarpitForMs)) resetSocket(socket)
}

/** From one worker; `said`: those said before. */
export function warnOfDrops(worker: TrafficWorker, said: ReadonlySet<string>): void {
  if (worker.start.workerIndex !== 0) return
  for (const message of dropComplaintsOf(worker.tables)) {
    if (!said.has(message)) worker.report({ kind: 'warning', message })
  }
}

export function dropComplaintsOf(tables: Tables): ReadonlySet<string> {
  const dropping = tables.services.filter(({ protect }) => protect.refuse === 'drop')
  return new Set(
    dropping.map(
      ({ name }) =>
        `Service ${name}: the node engine can't drop a connection without a word; a refused client gets a reset.`,
    ),
  )
}

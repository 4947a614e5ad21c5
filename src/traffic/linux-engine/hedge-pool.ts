/** Second dials (hedge.ts), pooled as connections are: most services have none, and a connection has one for moments. */
import type { Fd } from '../../kernel/libc.ts'
import { closeWithReset } from '../../kernel/socket-option.ts'
import { giveHedgePlacesBack } from '../hedging.ts'
import type { Connection } from './connection.ts'
import type { Loop } from './loop.ts'

/** Epoll keys of hedges go down from here, far below those of listeners. */
export const FIRST_HEDGE_KEY = -(2 ** 30)

export class Hedge {
  readonly key: number
  fd: Fd = -1
  /** Null when nobody's; an event of the same turn may still name it. */
  connection: Connection | null = null
  candidate = -1
  /** When it began. */
  dialledMs = 0
  /** What epoll told of it in this turn. */
  events = 0

  constructor(key: number) {
    this.key = key
  }
}

export class HedgePool {
  readonly #all: Hedge[] = []
  readonly #free: Hedge[] = []
  /** Freed in this turn, and not used again before the next. */
  readonly #freed: Hedge[] = []
  /** Those with events in this turn: the first dials of their connections are heard before them. */
  readonly told: Hedge[] = []

  take(connection: Connection, candidate: number, dialledMs: number): Hedge {
    let hedge = this.#free.pop()
    if (hedge === undefined) this.#all.push((hedge = new Hedge(FIRST_HEDGE_KEY - this.#all.length)))
    hedge.connection = connection
    hedge.candidate = candidate
    hedge.dialledMs = dialledMs
    return hedge
  }

  /** The caller has closed its socket, or given it to the connection. */
  free(hedge: Hedge): void {
    hedge.fd = -1
    hedge.connection = null
    this.#freed.push(hedge)
  }

  /** At the end of a turn. */
  recycle(): void {
    while (this.#freed.length > 0) this.#free.push(this.#freed.pop() as Hedge)
  }

  note(key: number, events: number): void {
    const hedge = this.#all[FIRST_HEDGE_KEY - key]
    if (hedge.connection === null) return
    hedge.events = events
    this.told.push(hedge)
  }
}

/** Closes the hedge of a connection that needs it no more. A reset: should it be connected by now, there is nothing to end in order. */
export function dropHedge(loop: Loop, connection: Connection): void {
  const { hedge } = connection
  if (hedge === null) return
  const { service } = connection.plan
  connection.hedge = null
  closeWithReset(hedge.fd)
  loop.hedges.free(hedge)
  giveHedgePlacesBack(loop, service, service.candidates[hedge.candidate])
}

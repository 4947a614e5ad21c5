/**
 * Step 1 of 6: which listeners are open, at the start and when new tables come. A listener is known by its index: while
 * that stays, its socket stays, whatever service it belongs to. Two steps (see events.ts), so that a port which one
 * worker can't have changes nothing in any.
 */
import type { Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { monotonicMs } from '../../lib/clock.ts'
import type { WorkerStart } from '../events.ts'
import type { Tables } from '../tables.ts'
import type { AcceptPause } from './accept-pause.ts'
import { openListeners } from './listen.ts'
import type { ListenerPlace, ListenOutcome, OpenListener, TakeClient, WantedListener } from './listen.ts'
import { resetSocket } from './reset.ts'

/** How long a listener that is to be closed goes on accepting whom the kernel has queued, while new clients keep coming. */
const LAST_ACCEPTS_MS_MAX = 500
/** A turn of the event loop accepts at least one client of each queue; the first may be the one the command came in. */
const QUIET_TURNS = 2

/** Clients that came before their listener's tables did; more of them are reset. */
const HELD_CLIENTS_MAX = 1024

interface Prepared {
  readonly tables: Tables
  readonly fresh: readonly OpenListener[]
}

interface HeldClient {
  readonly client: Socket
  readonly place: ListenerPlace
}

export class Listeners {
  readonly #start: WorkerStart
  readonly #pause: AcceptPause
  readonly #takeClient: TakeClient
  #inheritedFds: WorkerStart['inheritedFds']
  #open: readonly OpenListener[] = []
  #prepared: Prepared | undefined
  #held: HeldClient[] = []

  constructor(start: WorkerStart, pause: AcceptPause, takeClient: TakeClient) {
    this.#start = start
    this.#inheritedFds = start.inheritedFds
    this.#pause = pause
    this.#takeClient = takeClient
  }

  get open(): readonly OpenListener[] {
    return this.#open
  }

  /** Those that are prepared and neither committed nor cancelled. */
  get tables(): Tables | undefined {
    return this.#prepared?.tables
  }

  /**
   * Opens what is new in these tables; with a failure, `cancel` is to follow. node:net accepts from the first moment:
   * who comes before `commit` is held unread, and `cancel` resets them.
   */
  async prepare(tables: Tables): Promise<ListenOutcome> {
    this.cancel()
    const known = new Set(this.#open.map(({ listenerIndex }) => listenerIndex))
    const wanted: WantedListener[] = tables.services.flatMap((service) =>
      service.listeners
        .filter(({ index }) => !known.has(index))
        .map((listener) => ({
          listener,
          serviceIndex: service.index,
          mayBeOurs: this.#start.workerIndex !== 0 || this.#hasPort(listener.address.port),
          inheritedFds: this.#inheritedFds[listener.index] ?? [],
        })),
    )
    // They are in use now; a listener that comes back later is another one.
    this.#inheritedFds = {}
    const outcome = await openListeners(this.#start, wanted, (client, place) => this.#take(client, place))
    for (const { server } of outcome.open) {
      server.on('error', (error: NodeJS.ErrnoException) => this.#pause.begin(error.code ?? error.message))
    }
    this.#prepared = { tables, fresh: outcome.open }
    return outcome
  }

  #take(client: Socket, place: ListenerPlace): void {
    place.accepted++
    if (place.serves) this.#takeClient(client, place)
    else if (this.#held.length < HELD_CLIENTS_MAX) this.#held.push({ client, place })
    else resetSocket(client)
  }

  #hasPort(port: number): boolean {
    return this.#open.some(({ address }) => address.port === port)
  }

  /** Resolves when the listeners that are gone are closed; clients the kernel has queued on them are still served. */
  async commit(): Promise<void> {
    if (this.#prepared === undefined) return
    const { tables, fresh } = this.#prepared
    this.#prepared = undefined
    const serviceByListener = new Map(
      tables.services.flatMap((service) => service.listeners.map(({ index }) => [index, service.index])),
    )
    const gone = this.#open.filter(({ listenerIndex }) => !serviceByListener.has(listenerIndex))
    this.#open = [...this.#open.filter((open) => !gone.includes(open)), ...fresh]
    for (const { place } of this.#open) {
      place.serviceIndex = serviceByListener.get(place.listenerIndex)!
      place.serves = true
    }
    for (const { client, place } of this.#held.splice(0)) this.#takeClient(client, place)
    await emptyQueues(gone, () => true)
    for (const { server } of gone) server.close()
  }

  /** Closes what was opened for tables that don't come. */
  cancel(): void {
    for (const { server } of this.#prepared?.fresh ?? []) server.close()
    this.#prepared = undefined
    for (const { client } of this.#held.splice(0)) resetSocket(client)
  }

  close(): void {
    this.cancel()
    for (const { server } of this.#open) server.close()
    this.#open = []
  }
}

/** Closing a listener resets the clients that have connected and were not accepted yet: waits until none is left. */
export async function emptyQueues(listeners: readonly OpenListener[], goesOn: () => boolean): Promise<void> {
  if (listeners.length === 0) return
  const untilMs = monotonicMs() + LAST_ACCEPTS_MS_MAX
  const accepted = (): number => listeners.reduce((sum, { place }) => sum + place.accepted, 0)
  let before = accepted()
  for (let quietTurns = 0; quietTurns <= QUIET_TURNS && monotonicMs() < untilMs && goesOn();) {
    await nextTurn()
    quietTurns = accepted() === before ? quietTurns + 1 : 0
    before = accepted()
  }
}

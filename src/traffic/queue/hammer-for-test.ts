/** For shared-queue.test.ts: a worker thread whose clients come, wait, leave and are served as fast as they can. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { isMainThread, workerData } from 'node:worker_threads'
import { Chooser, FULL } from '../balance/choose.ts'
import type { CounterShape } from '../counters.ts'
import { NodeWide } from '../node-wide.ts'
import type { Service } from '../tables.ts'
import { UpstreamStates } from '../upstream-states.ts'
import { type Comer, WaitingRoom, WAITS } from './waiting-room.ts'
import { WorkerWakes } from './worker-wakes.ts'

export interface HammerStart {
  readonly workerIndex: number
  readonly service: Service
  readonly shape: CounterShape
  readonly statesMemory: SharedArrayBuffer
  readonly nodeWideMemory: SharedArrayBuffer
  readonly wakesMemory: SharedArrayBuffer
  /** Places of REPORT, then the tickets of those served after a wait. */
  readonly reportMemory: SharedArrayBuffer
  readonly clients: number
  readonly visits: number
  /** One in so many clients that wait leaves instead of being served; 0 is none. */
  readonly leaves: number
  /** Also where nobody waits, which an engine does not ask for. */
  readonly alwaysJoins: boolean
  readonly placesMax: number
}

export const REPORT = { served: 0, left: 1, now: 2, tooMany: 3, tickets: 4 } as const
export const REPORT_INTS = 5

interface Waiter {
  readonly entry: number
  readonly served: (isServed: boolean) => void
}

class Hammer {
  readonly #start: HammerStart
  readonly #states: UpstreamStates
  readonly #chooser: Chooser
  readonly #wakes: WorkerWakes
  readonly #room: WaitingRoom
  readonly #report: Int32Array
  readonly #comer: Comer
  readonly #waiters = new Map<number, Waiter>()
  #owners = 0
  #random = 1

  constructor(start: HammerStart) {
    this.#start = start
    this.#states = new UpstreamStates(start.statesMemory, start.shape)
    this.#chooser = new Chooser(new NodeWide(start.nodeWideMemory), this.#states)
    this.#wakes = new WorkerWakes(start.wakesMemory)
    this.#room = new WaitingRoom(start.workerIndex, this.#wakes, this.#states, this.#chooser)
    this.#report = new Int32Array(start.reportMemory)
    this.#random += start.workerIndex
    const addressBytes = Uint8Array.from([192, 0, 2, start.workerIndex])
    this.#comer = { service: start.service, addressBytes, addressAt: 0, family: 4, tried: null, known: -1 }
  }

  async run(): Promise<void> {
    void this.#wakes.onWake(this.#start.workerIndex, () => this.#takeCalls())
    await Promise.all(Array.from({ length: this.#start.clients }, () => this.#comeAgainAndAgain()))
  }

  async #comeAgainAndAgain(): Promise<void> {
    for (let visit = 0; visit < this.#start.visits; visit++) {
      if (await this.#isServed()) {
        const now = Atomics.add(this.#report, REPORT.now, 1) + 1
        if (now > this.#start.placesMax) Atomics.add(this.#report, REPORT.tooMany, 1)
        if (this.#rolls(2)) await nextTurn()
        Atomics.sub(this.#report, REPORT.now, 1)
        Atomics.add(this.#report, REPORT.served, 1)
        this.#states.giveUpstreamPlaceBack(0)
        this.#states.giveServicePlaceBack(0)
        this.#room.noteFreed(this.#start.service)
      } else {
        Atomics.add(this.#report, REPORT.left, 1)
      }
    }
  }

  /** As an engine does it, without the queue while nobody waits, unless all are to join. */
  async #isServed(): Promise<boolean> {
    const { service, alwaysJoins } = this.#start
    if (
      !alwaysJoins &&
      !this.#room.isAnyoneWaiting(service) &&
      this.#states.takeServicePlace(0, service.maxConnections)
    ) {
      if (this.#chooser.choose(service, null, 0, 0) !== FULL) return true
      this.#states.giveServicePlaceBack(0)
      this.#room.noteFreed(service)
    }
    const owner = this.#owners++
    const choice = this.#room.join(this.#comer, owner, 0, 0)
    if (choice >= 0) return true
    if (choice !== WAITS) return false
    const { entry } = this.#room
    const { promise, resolve } = Promise.withResolvers<boolean>()
    this.#waiters.set(owner, { entry, served: resolve })
    if (this.#start.leaves > 0 && this.#rolls(this.#start.leaves)) {
      await nextTurn()
      if (this.#waiters.delete(owner)) {
        this.#room.leave(service, entry)
        return false
      }
    }
    return promise
  }

  #takeCalls(): boolean {
    for (let owner = this.#room.nextCalled(); owner >= 0; owner = this.#room.nextCalled()) {
      const waiter = this.#waiters.get(owner)
      if (waiter === undefined) throw new Error(`Client ${owner} was called and does not wait`)
      const ticket = this.#room.ticketOf(this.#start.service, waiter.entry)
      if (this.#room.answer(this.#comer, waiter.entry, 0) < 0) continue
      this.#waiters.delete(owner)
      this.#report[REPORT_INTS + Atomics.add(this.#report, REPORT.tickets, 1)] = ticket
      waiter.served(true)
    }
    return true
  }

  #rolls(sides: number): boolean {
    this.#random = (Math.imul(this.#random, 1_103_515_245) + 12_345) & 0x7fffffff
    return (this.#random >> 8) % sides === 0
  }
}

if (!isMainThread) {
  // Handles keep the thread alive until it is done: a wait for a call does not.
  const busy = setInterval(() => {}, 60_000)
  await new Hammer(workerData as HammerStart).run()
  clearInterval(busy)
}

/**
 * Step 2 of 6: the places of node and service for a newcomer whose address is welcome, free ones or those of a silent
 * client that makes way (make-way.ts). One object for each worker, used by both engines.
 *
 *   take ──▶ ADMITTED ──▶ its source's limits ──▶ leaver() ──▶ the engine ends who makes way
 *     │                                  └──▶ giveBack()
 *     └────▶ refused ──▶ leaver(), for one who waits in the queue
 *
 * A place is passed on without ever being free: nobody gets in between, no count is above its ceiling for a moment, and
 * who is refused for another reason has cost nobody a place.
 */
import { CLOSE_REASON_CODES } from '../close-reason.ts'
import type { MonotonicMs, NodeWide } from '../node-wide.ts'
import type { WaitingRoom } from '../queue/waiting-room.ts'
import type { Service } from '../tables.ts'
import type { UpstreamStates } from '../upstream-states.ts'
import { ADMITTED } from './admission.ts'
import type { Source } from './admission.ts'
import type { MakeWay, SilentClient } from './make-way.ts'
import type { OverloadGate } from './overload-gate.ts'

const QUEUE_FULL = CLOSE_REASON_CODES['refused-queue-full']
const SERVICE_CEILING = CLOSE_REASON_CODES['refused-service-ceiling']

export interface PlacesParts<Client extends SilentClient> {
  readonly gate: OverloadGate
  readonly nodeWide: NodeWide
  readonly states: UpstreamStates
  readonly room: WaitingRoom
  readonly makeWay: MakeWay<Client>
}

export class Places<Client extends SilentClient> {
  readonly #gate: OverloadGate
  readonly #nodeWide: NodeWide
  readonly #states: UpstreamStates
  readonly #room: WaitingRoom
  readonly #makeWay: MakeWay<Client>
  /** Of the last `take`. One that has to say something first takes its place when it does, one in a queue when its turn comes. */
  hasServicePlace = false
  #leaver: Client | undefined
  /** What the newcomer gets from the leaver. */
  #passesPlaceOn = false
  #passesServicePlaceOn = false

  constructor({ gate, nodeWide, states, room, makeWay }: PlacesParts<Client>) {
    this.#gate = gate
    this.#nodeWide = nodeWide
    this.#states = states
    this.#room = room
    this.#makeWay = makeWay
  }

  /** ADMITTED and there are places for it, or the code of the reason and none are taken. `isSpared` as in `OverloadGate.takePlace`. */
  take(service: Service, source: Source, isSpared: boolean, nowMs: MonotonicMs): number {
    this.#begin()
    const placed = this.#gate.takePlace(service, source, isSpared, nowMs)
    if (placed !== ADMITTED && !this.#takeFromAnother(service, nowMs)) return placed
    if (service.protect.dialOn === 'first-byte') return ADMITTED
    this.hasServicePlace = this.#takeServicePlace(service, nowMs)
    if (this.hasServicePlace || !this.#room.isFull(service)) return ADMITTED
    this.#givePlaceBack()
    // Where somebody waits in the queue for the place of a silent one, that one makes way. With places free, or too many
    // taken since a reload, nobody would get it.
    const { index, maxConnections, queue } = service
    if (queue.max === 0 || this.#states.serviceConnections(index) !== maxConnections) this.spareLeaver()
    return queue.max > 0 ? QUEUE_FULL : SERVICE_CEILING
  }

  /** For a client whose PROXY header has named it; its place is among the open ones already. As after `take`, somebody may have to go. */
  judgeNamed(service: Service, source: Source, isSpared: boolean, nowMs: MonotonicMs): number {
    this.#begin()
    const placed = this.#gate.judgeNamed(service, source, isSpared, nowMs)
    if (placed === ADMITTED || !this.#gate.mayReplace) return placed
    this.#leaver = this.#makeWay.oldest(undefined, nowMs)
    return this.#leaver === undefined ? placed : ADMITTED
  }

  /** The newcomer is not let in for another reason: nobody has to go for it. */
  spareLeaver(): void {
    this.#leaver = undefined
  }

  /** What `take` has taken; nobody has to go. */
  giveBack(service: Service): void {
    this.spareLeaver()
    this.#givePlaceBack()
    if (!this.hasServicePlace || this.#passesServicePlaceOn) return
    this.#states.giveServicePlaceBack(service.index)
    this.#room.noteFreed(service)
  }

  /** Once, when all questions are answered: the client to be ended now, as `made-way`. */
  leaver(): Client | undefined {
    const leaver = this.#leaver
    if (leaver === undefined) return undefined
    this.#leaver = undefined
    leaver.hasPassedPlaceOn = this.#passesPlaceOn
    if (this.#passesServicePlaceOn) leaver.hasServicePlace = false
    return leaver
  }

  #begin(): void {
    this.#leaver = undefined
    this.#passesPlaceOn = false
    this.#passesServicePlaceOn = false
    this.hasServicePlace = false
  }

  #givePlaceBack(): void {
    if (!this.#passesPlaceOn) this.#nodeWide.givePlaceBack()
    this.#passesPlaceOn = false
  }

  #takeFromAnother(service: Service, nowMs: MonotonicMs): boolean {
    if (!this.#gate.mayReplace) return false
    // Where the service is full, too, the place of one of another service would not be enough.
    this.#leaver = this.#makeWay.oldest(this.#isFull(service) ? service : undefined, nowMs)
    this.#passesPlaceOn = this.#leaver !== undefined
    return this.#passesPlaceOn
  }

  #isFull({ index, maxConnections, protect }: Service): boolean {
    if (maxConnections === 0 || protect.dialOn === 'first-byte') return false
    return this.#states.serviceConnections(index) >= maxConnections
  }

  /** False also where the client may wait: `WaitingRoom.isFull` says whether it may. */
  #takeServicePlace(service: Service, nowMs: MonotonicMs): boolean {
    const { index, maxConnections, queue } = service
    const othersWait = queue.max > 0 && this.#room.isAnyoneWaiting(service)
    if (!othersWait && this.#states.takeServicePlace(index, maxConnections)) return true
    // Above the ceiling, after a reload, no place is passed on; with places free, who waits is called already.
    if (maxConnections === 0 || this.#states.serviceConnections(index) !== maxConnections) return false
    const leaver = this.#makeWay.oldest(service, nowMs)
    if (leaver === undefined) return false
    this.#leaver = leaver
    // Where others wait, its end calls the first of them.
    this.#passesServicePlaceOn = !othersWait
    return this.#passesServicePlaceOn
  }
}

/**
 * The node's places, taken at admission: all of them for who is on the allow list or was useful before, all but a reserve
 * for strangers, none for strangers at the last level of overload (docs/overload.md). One for each worker, for both engines.
 */
import { CLOSE_REASON_CODES } from '../close-reason.ts'
import { SERVICE, SERVICE_STRIDE } from '../counters.ts'
import type { Counters } from '../counters.ts'
import type { WorkerStart } from '../events.ts'
import type { MonotonicMs, NodeWide } from '../node-wide.ts'
import type { Service } from '../tables.ts'
import { ADMITTED } from './admission.ts'
import type { Source } from './admission.ts'
import { isUseful, KnownClients } from './known-clients.ts'
import { OverloadState } from './overload-state.ts'

const REFUSED_CEILING = CLOSE_REASON_CODES['refused-ceiling']
const REFUSED_OVERLOAD = CLOSE_REASON_CODES['refused-overload']

export type GateStart = Pick<WorkerStart, 'limits' | 'overloadMemory' | 'knownClientsMemory'>

export class OverloadGate {
  readonly state: OverloadState
  readonly #known: KnownClients
  readonly #nodeWide: NodeWide
  readonly #services: Float64Array
  readonly #connectionsMax: number
  /** Of the last refusal: somebody else's place would do. Not for a stranger at the last level, at which nobody is exchanged. */
  mayReplace = false

  constructor(start: GateStart, counters: Counters, nodeWide: NodeWide) {
    this.state = new OverloadState(start.overloadMemory)
    this.#known = new KnownClients(start.knownClientsMemory)
    this.#nodeWide = nodeWide
    this.#services = counters.services
    this.#connectionsMax = start.limits.connectionsMax
  }

  /** Places that strangers share; with a rule on watch all there are. */
  get strangersMax(): number {
    return this.state.isWatched ? this.#connectionsMax : Math.min(this.state.strangersMax, this.#connectionsMax)
  }

  /**
   * ADMITTED and a place is taken, or the code of the reason and none is. `isSpared`: the allow list names it, or it is a
   * proxy in front, whose client is judged when its header is there (`judgeNamed`).
   */
  takePlace(service: Service, source: Source, isSpared: boolean, nowMs: MonotonicMs): number {
    const placesMax = this.#connectionsMax
    this.mayReplace = true
    const max = isSpared ? placesMax : Math.min(this.state.strangersMax, placesMax)
    if (this.#nodeWide.takePlace(max)) return ADMITTED
    if (max === placesMax) return REFUSED_CEILING
    const isStranger = !this.#isKnown(source, nowMs)
    this.mayReplace = !isStranger || this.state.isWatched || this.state.strangersMax > 0
    if (isStranger && !this.state.isWatched) {
      return this.#nodeWide.openConnections >= placesMax ? REFUSED_CEILING : REFUSED_OVERLOAD
    }
    if (!this.#nodeWide.takePlace(placesMax)) return REFUSED_CEILING
    if (isStranger) this.#watched(service)
    return ADMITTED
  }

  /** For a client whose PROXY header has named it; its place is among the open ones already. */
  judgeNamed(service: Service, source: Source, isSpared: boolean, nowMs: MonotonicMs): number {
    if (isSpared || this.#nodeWide.openConnections <= this.state.strangersMax) return ADMITTED
    if (this.#isKnown(source, nowMs)) return ADMITTED
    this.mayReplace = this.state.strangersMax > 0
    if (!this.state.isWatched) return REFUSED_OVERLOAD
    this.#watched(service)
    return ADMITTED
  }

  /** At the end of each connection. */
  noteEnd(
    reasonCode: number,
    bytesToUpstream: number,
    bytesToClient: number,
    durationMs: number,
    address: Uint8Array,
    at: number,
    family: 4 | 6,
    nowMs: MonotonicMs,
  ): void {
    if (!isUseful(reasonCode, bytesToUpstream, bytesToClient, durationMs)) return
    if (this.state.learns) this.#known.add(address, at, family, nowMs)
  }

  #isKnown({ addressBytes, addressAt, family }: Source, nowMs: MonotonicMs): boolean {
    return this.#known.has(addressBytes, addressAt, family, nowMs)
  }

  #watched({ index }: Service): void {
    this.#services[index * SERVICE_STRIDE + SERVICE.watched + REFUSED_OVERLOAD] += 1
  }
}

/**
 * Step 2 of 6, when all places are taken: who of those that are in goes for a newcomer. The one that has been silent
 * longest, of this worker: let in, a stranger, and not a byte said since. One object for each worker, used by both engines.
 *
 *   note ─▶ listed, by service, in the order in which they became silent ─▶ oldest ─▶ ended by the caller, as `made-way`
 *                                                                      └─▶ left alone, as soon as somebody looks
 *
 * Nobody is taken off a list when it speaks: a byte on its way pays nothing. Whoever looks for room finds out, and each
 * client is found out once.
 */
import { AgeLinks, AgeList } from '../../lib/age-list.ts'
import { networkContains } from '../../lib/ip.ts'
import { CLOSE_REASON_CODES } from '../close-reason.ts'
import { SERVICE, SERVICE_STRIDE } from '../counters.ts'
import type { Counters } from '../counters.ts'
import type { MonotonicMs } from '../node-wide.ts'
import type { Rule, Service } from '../tables.ts'
import type { Admission, Source } from './admission.ts'

/** `protect.makeWay` of a service. */
export interface MakeWayRule {
  readonly rule: Rule
  /** Who has been silent for less has done nothing wrong yet. */
  readonly afterMs: number
  /** Whether a client stays to which the upstream has sent something, and which has not said a byte itself. */
  readonly greeted: 'stay' | 'go'
}

/** What a connection brings along, so that listing allocates nothing. */
export abstract class SilentClient extends AgeLinks {
  /** It stands in the list of its service. */
  isListed = false
  /** Its place of the node has become a newcomer's: its end gives none back. */
  hasPassedPlaceOn = false
  /** A place of the service is taken. */
  abstract hasServicePlace: boolean
}

/** What an engine knows of its connections. */
export interface SilentSight<Client> {
  service(client: Client): Service
  /** When a byte last moved either way, or when its first byte began to be waited for. */
  activeMs(client: Client): MonotonicMs
  /** It is waited for to speak, and nothing of what it says has been read. */
  isSilent(client: Client): boolean
  /** The upstream has sent it something. */
  isGreeted(client: Client): boolean
  /** Bytes that nobody has read yet. Asked last: it may cost a call into the kernel. */
  hasUnread(client: Client): boolean
  /** Good until the next question. */
  source(client: Client): Source
}

/** Clients looked at for one newcomer, so that thousands that have spoken can't hold up the loop. */
const LOOKS_MAX = 64

const MADE_WAY = CLOSE_REASON_CODES['made-way']

/** What a look at a listed client comes to. */
const LOOK = {
  goes: 0,
  /** Not silent for long enough, nor is anybody behind it. */
  young: 1,
  /** It heard something a moment ago: those behind it may have been silent for longer. */
  later: 2,
  stays: 3,
} as const

export class MakeWay<Client extends SilentClient> {
  readonly #listByService: (AgeList<Client> | undefined)[] = []
  readonly #services: Float64Array
  readonly #admission: Pick<Admission, 'isSpared'>
  readonly #sight: SilentSight<Client>

  constructor(counters: Counters, admission: Pick<Admission, 'isSpared'>, sight: SilentSight<Client>) {
    this.#services = counters.services
    this.#admission = admission
    this.#sight = sight
  }

  /** To be called when the client begins to be waited for, or some time later if it has said nothing until then. */
  note(client: Client): void {
    const { index, protect } = this.#sight.service(client)
    if (client.isListed || protect.makeWay.rule === 'off') return
    client.isListed = true
    this.#listOf(index).append(client)
  }

  /** To be called at the end of one that is listed. */
  forget(client: Client): void {
    client.isListed = false
    this.#listOf(this.#sight.service(client).index).remove(client)
  }

  #listOf(serviceIndex: number): AgeList<Client> {
    return (this.#listByService[serviceIndex] ??= new AgeList())
  }

  /**
   * Who has to go: of all, or one that has a place of this service. It stays listed until it ends; undefined when there
   * is nobody. With its service's rule on watch it is counted, stays, and another service's may have to go.
   */
  oldest(service: Service | undefined, nowMs: MonotonicMs): Client | undefined {
    const client =
      service === undefined ? this.#oldestOfAll(false, nowMs) : this.#oldestOf(service.index, true, false, nowMs)
    if (client === undefined || !this.#isWatched(client)) return client
    const { index } = this.#sight.service(client)
    this.#services[index * SERVICE_STRIDE + SERVICE.watched + MADE_WAY] += 1
    this.forget(client)
    return service === undefined ? this.#oldestOfAll(true, nowMs) : undefined
  }

  #isWatched(client: Client): boolean {
    return this.#sight.service(client).protect.makeWay.rule === 'watch'
  }

  #oldestOfAll(skipsWatched: boolean, nowMs: MonotonicMs): Client | undefined {
    let oldest: Client | undefined
    for (let index = 0; index < this.#listByService.length; index++) {
      const client = this.#oldestOf(index, false, skipsWatched, nowMs)
      if (client === undefined) continue
      if (oldest === undefined || this.#sight.activeMs(client) < this.#sight.activeMs(oldest)) oldest = client
    }
    return oldest
  }

  #oldestOf(
    serviceIndex: number,
    needsServicePlace: boolean,
    skipsWatched: boolean,
    nowMs: MonotonicMs,
  ): Client | undefined {
    const list = this.#listOf(serviceIndex)
    for (let looks = 0; looks < LOOKS_MAX; looks++) {
      const client = list.oldest
      if (client === undefined || (skipsWatched && this.#isWatched(client))) return undefined
      const look = this.#lookAt(client, nowMs)
      if (look === LOOK.goes && (client.hasServicePlace || !needsServicePlace)) return client
      if (look === LOOK.young) return undefined
      if (look === LOOK.stays) this.forget(client)
      else {
        list.remove(client)
        list.append(client)
      }
    }
    return undefined
  }

  #lookAt(client: Client, nowMs: MonotonicMs): number {
    const sight = this.#sight
    const service = sight.service(client)
    const { afterMs, greeted } = service.protect.makeWay
    if (!sight.isSilent(client)) return LOOK.stays
    const isGreeted = sight.isGreeted(client)
    if (isGreeted && greeted === 'stay') return LOOK.stays
    if (nowMs < sight.activeMs(client) + afterMs) return isGreeted ? LOOK.later : LOOK.young
    return this.#isSpared(service, sight.source(client), nowMs) || sight.hasUnread(client) ? LOOK.stays : LOOK.goes
  }

  /** A proxy in front is one whose header named nobody. */
  #isSpared({ acceptProxyFrom }: Service, source: Source, nowMs: MonotonicMs): boolean {
    if (this.#admission.isSpared(source, nowMs)) return true
    const { addressBytes, addressAt, family } = source
    for (let i = 0; i < acceptProxyFrom.length; i++) {
      const network = acceptProxyFrom[i]
      if (network.family === family && networkContains(network, addressBytes, addressAt)) return true
    }
    return false
  }
}

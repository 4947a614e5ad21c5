/**
 * What an operator wants of upstreams: `drain` and `down` until they are taken back, over restarts too. Kept here by the
 * names of service and upstream, told to the workers through UpstreamStates, stored in a file (KeptEntries).
 */
import { monotonicMs } from '../../lib/clock.ts'
import type { Service, Tables, Upstream } from '../../traffic/tables.ts'
import { WANTED_NAMES } from '../../traffic/upstream-states.ts'
import type { UpstreamStates, Wanted } from '../../traffic/upstream-states.ts'
import type { Log } from '../log/log.ts'
import { sayLastUpstreamTaken, sayStateSet, sayStatesNotRead, sayStatesNotStored } from './operator-lines.ts'
import { KeptEntries } from './kept-entries.ts'
import { StateFile } from './state-file.ts'
import type { StoredState } from './state-file.ts'
import { usableUpstreams } from './usable-upstreams.ts'

/** States of upstreams that are gone from the configuration: they may come back, but not without bound. */
export const FORGOTTEN_STATES_MAX = 256

/** What a state may do: the node as it runs. */
export interface NodeToSet {
  readonly memory: { readonly states: UpstreamStates }
  upstreamWentDown(service: Service, upstream: Upstream): void
}

export interface StateChange {
  readonly from: Wanted
  /** False when it does not survive a restart; the log says why. */
  readonly stored: boolean
  /** Whether the connections it has are being ended. */
  readonly closes: boolean
  /** Upstreams of the service that are wanted, have a weight, and are not found down. */
  readonly usableLeft: number
}

export class OperatorStates {
  readonly #log: Log
  /** By service and upstream. */
  readonly #kept: KeptEntries<StoredState>
  /** Those that the tables of now have. */
  #configured: ReadonlySet<string> = new Set()

  private constructor(kept: KeptEntries<StoredState>, log: Log) {
    this.#kept = kept
    this.#log = log
  }

  static async read(stateDir: string, log: Log): Promise<OperatorStates> {
    const kept = await KeptEntries.read({
      file: new StateFile(stateDir),
      keyOf: ({ service, upstream }) => keyOf(service, upstream),
      sayNotRead: (file, error, movedTo) => sayStatesNotRead(log, file, error, movedTo),
      sayNotStored: (file, error) => sayStatesNotStored(log, file, error),
    })
    return new OperatorStates(kept, log)
  }

  /** What was set in the version before while this one started. */
  async readAgain(tables: Tables, states: UpstreamStates): Promise<void> {
    if (await this.#kept.readAgain()) this.applyTo(tables, states)
  }

  wanted(service: string, upstream: string): Wanted {
    return this.#kept.get(keyOf(service, upstream))?.wanted ?? 'up'
  }

  /** Tells the workers what is wanted of the upstreams of these tables: at the start, and when upstreams come or go. */
  applyTo(tables: Tables, states: UpstreamStates): void {
    const configured = new Set<string>()
    for (const service of tables.services) {
      for (const upstream of service.upstreams) {
        configured.add(keyOf(service.name, upstream.name))
        this.#apply(service, upstream, states)
      }
    }
    this.#configured = configured
  }

  #apply(service: Service, upstream: Upstream, states: UpstreamStates): void {
    const from = WANTED_NAMES[states.wanted(upstream.index)]
    const to = this.wanted(service.name, upstream.name)
    if (from === to) return
    states.setWanted(upstream.index, to)
    sayStateSet(this.#log, service, upstream, { from, to, by: this.#kept.path })
  }

  /** Holds for new clients when it returns; the promise waits for the file only. */
  async set(node: NodeToSet, service: Service, upstream: Upstream, to: Wanted, by: string): Promise<StateChange> {
    const { states } = node.memory
    const from = WANTED_NAMES[states.wanted(upstream.index)]
    const usableBefore = usableUpstreams(service, states)
    // For slow start, as after a check: what was taken out by a person has often been restarted meanwhile. Before the
    // word itself: who sees it up must not see the old time with it.
    if (to === 'up' && from !== 'up') states.setUpSince(upstream.index, monotonicMs())
    states.setWanted(upstream.index, to)
    // Also when it was down before: then for connections that were kept.
    if (to === 'down') node.upstreamWentDown(service, upstream)
    if (from !== to) sayStateSet(this.#log, service, upstream, { from, to, by })
    const usableLeft = usableUpstreams(service, states)
    if (usableBefore > 0 && usableLeft === 0) sayLastUpstreamTaken(this.#log, service, upstream)
    this.#remember(service.name, upstream.name, to, by)
    const closes = to === 'down' && service.onDown === 'close'
    return { from, closes, usableLeft, stored: await this.#kept.store() }
  }

  #remember(service: string, upstream: string, wanted: Wanted, by: string): void {
    if (wanted === 'up') this.#kept.delete(keyOf(service, upstream))
    else this.#kept.put({ service, upstream, wanted, since: new Date().toISOString(), by })
    this.#kept.forgetOldest((key) => this.#configured.has(key), FORGOTTEN_STATES_MAX)
  }
}

/** Names have no spaces, and neither have addresses. */
function keyOf(service: string, upstream: string): string {
  return `${service} ${upstream}`
}

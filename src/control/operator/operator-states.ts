/**
 * What an operator wants of upstreams: `drain` and `down` until they are taken back, over restarts too. Kept here by the
 * names of service and upstream, told to the workers through UpstreamStates, stored in a file. A file that can't be read
 * or written stops nothing: the log says so, and a state then holds until the next start.
 */
import { monotonicMs } from '../../lib/clock.ts'
import type { Service, Tables, Upstream } from '../../traffic/tables.ts'
import { WANTED_NAMES } from '../../traffic/upstream-states.ts'
import type { UpstreamStates, Wanted } from '../../traffic/upstream-states.ts'
import type { Log } from '../log/log.ts'
import { sayLastUpstreamTaken, sayStateSet, sayStatesNotRead, sayStatesNotStored } from './operator-lines.ts'
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
  readonly #file: StateFile
  readonly #log: Log
  /** By service and upstream; oldest first. */
  readonly #stored = new Map<string, StoredState>()
  /** Those that the tables of now have. */
  #configured: ReadonlySet<string> = new Set()
  #writing: Promise<unknown> = Promise.resolve()

  private constructor(file: StateFile, log: Log) {
    this.#file = file
    this.#log = log
  }

  static async read(stateDir: string, log: Log): Promise<OperatorStates> {
    const file = new StateFile(stateDir)
    const states = new OperatorStates(file, log)
    for (const state of await readOrSetAside(file, log)) states.#stored.set(keyOf(state.service, state.upstream), state)
    return states
  }

  /** What was set in the version before while this one started. */
  async readAgain(tables: Tables, states: UpstreamStates): Promise<void> {
    const stored = await this.#file.read().catch(() => undefined)
    if (stored === undefined) return
    this.#stored.clear()
    for (const state of stored) this.#stored.set(keyOf(state.service, state.upstream), state)
    this.applyTo(tables, states)
  }

  wanted(service: string, upstream: string): Wanted {
    return this.#stored.get(keyOf(service, upstream))?.wanted ?? 'up'
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
    sayStateSet(this.#log, service, upstream, { from, to, by: this.#file.path })
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
    return { from, closes, usableLeft, stored: await this.#store() }
  }

  #remember(service: string, upstream: string, wanted: Wanted, by: string): void {
    const key = keyOf(service, upstream)
    this.#stored.delete(key)
    if (wanted !== 'up') this.#stored.set(key, { service, upstream, wanted, since: new Date().toISOString(), by })
    const forgotten = [...this.#stored.keys()].filter((stored) => !this.#configured.has(stored))
    for (const oldest of forgotten.slice(0, Math.max(0, forgotten.length - FORGOTTEN_STATES_MAX))) {
      this.#stored.delete(oldest)
    }
  }

  /** One write after the other: the last one wins, in the file as here. */
  #store(): Promise<boolean> {
    const written = this.#writing.then(async () => {
      try {
        await this.#file.write([...this.#stored.values()])
        return true
      } catch (error) {
        sayStatesNotStored(this.#log, this.#file.path, error as Error)
        return false
      }
    })
    this.#writing = written
    return written
  }
}

async function readOrSetAside(file: StateFile, log: Log): Promise<readonly StoredState[]> {
  try {
    return await file.read()
  } catch (error) {
    const aside = await file.setAside().catch(() => undefined)
    sayStatesNotRead(log, file.path, error as Error, aside)
    return []
  }
}

/** Names have no spaces, and neither have addresses. */
function keyOf(service: string, upstream: string): string {
  return `${service} ${upstream}`
}

/**
 * Never is the last upstream of a service gone in silence, whoever took it out: checks, failures, or a person.
 * It looks after each verdict and once a second, as failures are counted by the workers.
 */
import { monotonicMs } from '../../lib/clock.ts'
import type { Service, Tables, Upstream } from '../../traffic/tables.ts'
import { type UpstreamStates, WANTED } from '../../traffic/upstream-states.ts'
import type { Log } from '../log/log.ts'
import { sayAllDown, sayUpstreamsBack } from './check-lines.ts'

const LOOK_EVERY_MS = 1_000

export interface AllDownOptions {
  readonly states: UpstreamStates
  readonly tables: () => Tables
  readonly log: Log
}

export class AllDownWatch {
  readonly #options: AllDownOptions
  /** By index of the service; monotonic. */
  readonly #downSinceMs = new Map<number, number>()
  #timer: NodeJS.Timeout | undefined

  constructor(options: AllDownOptions) {
    this.#options = options
  }

  start(): void {
    this.#timer = setInterval(() => this.look(), LOOK_EVERY_MS).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  isAllDown(serviceIndex: number): boolean {
    return this.#downSinceMs.has(serviceIndex)
  }

  look(): void {
    const { services } = this.#options.tables()
    const indexes = new Set(services.map(({ index }) => index))
    for (const index of this.#downSinceMs.keys()) if (!indexes.has(index)) this.#downSinceMs.delete(index)
    const nowMs = monotonicMs()
    for (const service of services) this.#lookAt(service, nowMs)
  }

  #lookAt(service: Service, nowMs: number): void {
    const { states, log } = this.#options
    const taking = service.upstreams.filter((upstream) => this.#takesClients(upstream))
    const back = taking.find(({ index }) => !states.isDown(index, nowMs))
    const sinceMs = this.#downSinceMs.get(service.index)
    if (back === undefined && sinceMs === undefined) {
      this.#downSinceMs.set(service.index, nowMs)
      sayAllDown(log, service, taking.length > 0 && service.whenAllDown === 'try-all')
    }
    if (back !== undefined && sinceMs !== undefined) {
      this.#downSinceMs.delete(service.index)
      sayUpstreamsBack(log, service, back.name, nowMs - sinceMs)
    }
  }

  /** Neither the configuration nor a person took it out. */
  #takesClients({ index, share }: Upstream): boolean {
    return share.weight > 0 && this.#options.states.wanted(index) === WANTED.up
  }
}

/** Looks once a second at how near this node is to its limits, and tells the workers what to do about it. docs/overload.md has the rules. */
import { readTextFile } from '../../kernel/proc-facts.ts'
import { KnownClients } from '../../traffic/admit/known-clients.ts'
import type { Log } from '../log/log.ts'
import { memoryBytes } from '../limits/memory-bytes.ts'
import type { NodeLimits } from '../limits/node-limits.ts'
import type { SharedMemory } from '../workers/shared-memory.ts'
import { ordersFor, type OverloadRules } from './overload-rules.ts'
import { nextPressure, NO_PRESSURE, OVERLOAD_CAUSE_NAMES } from './pressure.ts'
import type { LevelByCause, OverloadCause, Pressure, PressureSample } from './pressure.ts'
import { Sampler } from './sampler.ts'

const SAMPLE_EVERY_MS = 1_000

export interface OverloadOptions {
  readonly rules: OverloadRules
  readonly memory: SharedMemory
  readonly limits: NodeLimits
  readonly log: Log
  /** Deadlines have become shorter. */
  readonly onShorterDeadlines: () => void
}

export interface OverloadView {
  readonly level: number
  readonly wanted: LevelByCause
  /** Clients that find a place in the reserve. */
  readonly knownClients: number
}

export class Overload {
  readonly #options: OverloadOptions
  readonly #sampler: Sampler
  readonly #known: KnownClients
  #rules: OverloadRules
  #pressure: Pressure = NO_PRESSURE
  #timer: NodeJS.Timeout | undefined

  /** The workers may read what is ordered from the first client on. */
  constructor(options: OverloadOptions) {
    const { memory, limits, rules } = options
    this.#options = options
    this.#rules = rules
    this.#known = new KnownClients(memory.knownClientsMemory)
    const residentBytes = () => process.memoryUsage.rss()
    this.#sampler = new Sampler({ memory, limits, memoryBytes: memoryBytes(), read: readTextFile, residentBytes })
    this.#order()
  }

  start(): void {
    this.#timer = setInterval(() => this.take(this.#sampler.sample()), SAMPLE_EVERY_MS)
    this.#timer.unref()
  }

  useRules(rules: OverloadRules): void {
    this.#rules = rules
    if (rules.rule === 'off') this.#pressure = NO_PRESSURE
    this.#order()
    this.#options.onShorterDeadlines()
  }

  take(sample: PressureSample): void {
    if (this.#rules.rule === 'off') return
    const before = this.#pressure
    this.#pressure = nextPressure(before, sample)
    if (this.#pressure.level === before.level) return
    this.#order()
    this.#say(before.level, sample)
    if (this.#pressure.level > before.level) this.#options.onShorterDeadlines()
  }

  view(): OverloadView {
    const { level, wanted } = this.#pressure
    return { level, wanted, knownClients: this.#known.count }
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #order(): void {
    const { memory, limits } = this.#options
    memory.overload.order(ordersFor(this.#rules, this.#pressure.level, limits.connectionsMax))
  }

  #say(from: number, sample: PressureSample): void {
    const { level, wanted } = this.#pressure
    const { rule } = this.#rules
    const why = Object.fromEntries(causesOf(wanted).map((cause) => [cause, Math.round(sample[cause] * 1000) / 1000]))
    const { log } = this.#options
    const fields = { level, from, rule, why }
    if (level < from) {
      log.say('overload-eased', fields, `Overload: level ${level}, after ${from}.`)
      return
    }
    const causes = Object.entries(why).map(([cause, value]) => `${cause} ${value}`)
    log.say('overload', fields, `Overload: level ${level}, because of ${causes.join(', ')}.`)
  }
}

function causesOf(wanted: LevelByCause): OverloadCause[] {
  return OVERLOAD_CAUSE_NAMES.filter((cause) => wanted[cause] > 0)
}

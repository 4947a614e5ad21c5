/** One service as it is watched for attacks: its last counts, who comes, its detector, and the attack under way. */
import { monotonicMs } from '../../lib/clock.ts'
import { SERVICE } from '../../traffic/counters.ts'
import type { Service } from '../../traffic/tables.ts'
import type { AttackConfig } from '../config/config.ts'
import type { SharedMemory } from '../workers/shared-memory.ts'
import type { AttackKind, Sample } from './attack-kinds.ts'
import { type AsnOf, type AttackEnd, type AttackRecord, OpenAttack } from './attack.ts'
import type { CalmMinutes } from './calm.ts'
import { Detector, type Verdict } from './detector.ts'
import { countsOf, difference, outcomeOf, type ServiceCounts } from './service-counts.ts'
import { DISTINCT_SECONDS, Visitors } from './visitors.ts'

const NOTHING: Sample = {
  newPerSecond: 0,
  sources: 0,
  prefixes: 0,
  ended: 0,
  unused: 0,
  connectFailuresPerSecond: 0,
  open: 0,
}

export class WatchedService {
  service: Service
  config: AttackConfig
  readonly visitors = new Visitors()
  readonly detector: Detector
  attack: OpenAttack | undefined
  sample: Sample = NOTHING
  readonly #memory: SharedMemory
  #before: ServiceCounts
  #lookedAtMs: number
  /** Of the last ten seconds. */
  readonly #seconds: ServiceCounts[] = []

  constructor(service: Service, config: AttackConfig, memory: SharedMemory, stored: CalmMinutes | undefined) {
    this.service = service
    this.config = config
    this.#memory = memory
    this.#lookedAtMs = monotonicMs()
    this.detector = new Detector(config, this.#lookedAtMs, stored)
    this.#before = countsOf(memory, service)
  }

  use(service: Service, config: AttackConfig): void {
    const wasOff = this.config.mode === 'off'
    this.service = service
    this.config = config
    this.detector.use(config)
    // Whatever time has passed, nobody has learned anything in it.
    if (wasOff && config.mode !== 'off') this.detector.begin(monotonicMs())
  }

  get isLearning(): boolean {
    return this.config.mode !== 'off' && this.detector.isLearning(monotonicMs())
  }

  /** Once a second; undefined where nobody wants to know. */
  look(): Verdict | undefined {
    const nowMs = monotonicMs()
    const counts = countsOf(this.#memory, this.service)
    const since = difference(counts, this.#before)
    const seconds = Math.max(0.001, (nowMs - this.#lookedAtMs) / 1000)
    this.#before = counts
    this.#lookedAtMs = nowMs
    this.#seconds.push(since)
    if (this.#seconds.length > DISTINCT_SECONDS) this.#seconds.shift()
    const { sources, prefixes } = this.visitors.endSecond(since.newcomers)
    this.sample = {
      newPerSecond: since.newcomers / seconds,
      sources,
      prefixes,
      ended: this.#seconds.reduce((sum, { ended }) => sum + ended, 0),
      unused: this.#seconds.reduce((sum, { unused }) => sum + unused, 0),
      connectFailuresPerSecond: since.connectFailures / seconds,
      open: this.#memory.serviceSum(this.service.index, SERVICE.open),
    }
    if (this.config.mode === 'off') return undefined
    const verdict = this.detector.look(this.sample, nowMs)
    this.attack?.note(this.sample, this.detector.kinds)
    return verdict
  }

  begin(id: number, kind: AttackKind, bansMade: number, nowMs: number): void {
    this.visitors.followAttack()
    this.attack = new OpenAttack({
      id,
      service: this.service.name,
      kind,
      startMs: nowMs,
      calm: this.detector.calm.levels,
      limits: this.detector.limits,
      before: outcomeOf(this.#memory, this.service),
      bansBefore: bansMade,
    })
    this.attack.note(this.sample, this.detector.kinds)
  }

  /** Of the attack under way. */
  record(bansMade: number, nowMs: number, asnOf: AsnOf): AttackRecord | undefined {
    return this.attack?.record(outcomeOf(this.#memory, this.service), this.visitors, bansMade, nowMs, asnOf)
  }

  end(ended: AttackEnd, bansMade: number, nowMs: number, asnOf: AsnOf): AttackRecord | undefined {
    const record = this.record(bansMade, nowMs, asnOf)
    this.attack = undefined
    this.visitors.endAttack()
    this.detector.giveUp()
    return record && { ...record, ended, end: new Date(nowMs).toISOString() }
  }
}

/**
 * The active checks of this node: every upstream of every service that has `check`, those that are down too. What they
 * find goes into shared memory, where each choice of an upstream reads it; nothing here runs on a worker.
 */
import { monotonicMs } from '../../lib/clock.ts'
import type { MonotonicMs, NodeWide } from '../../traffic/node-wide.ts'
import type { Service, Tables, Upstream } from '../../traffic/tables.ts'
import { FOUND, type UpstreamStates } from '../../traffic/upstream-states.ts'
import type { Config } from '../config/config.ts'
import type { Log } from '../log/log.ts'
import { AllDownWatch } from './all-down-watch.ts'
import { attemptCheck, type AttemptResult } from './attempt.ts'
import { newsOf } from './attempt-count.ts'
import { makeCheckNetwork } from './check-network.ts'
import { addressesIn, type CheckPlan, checkPlan, goesWhereClientsGo } from './check-target.ts'
import { CheckedUpstream, type CheckResult } from './checked-upstream.ts'
import { sayUpstreamDown, sayUpstreamUp } from './check-lines.ts'

export interface ActiveChecksOptions {
  readonly states: UpstreamStates
  readonly nodeWide: NodeWide
  readonly tables: () => Tables
  readonly log: Log
  /** The verdict is in shared memory already. */
  readonly onDown?: (service: Service, upstream: Upstream) => void
  /** Another one for tests. */
  readonly attempt?: typeof attemptCheck
  readonly random?: () => number
}

/** What is known of a checked upstream. */
export interface CheckView {
  /** Undefined before the first check has ended. */
  readonly last: CheckResult | undefined
  readonly checksUp: number
  readonly checksDown: number
}

interface Entry {
  checked: CheckedUpstream
  last: CheckResult | undefined
  lastBeganMs: MonotonicMs | undefined
  checksUp: number
  checksDown: number
  /** Monotonic; 0 while it is not down. */
  downSinceMs: number
}

export class ActiveChecks {
  readonly #options: ActiveChecksOptions
  readonly #entryByUpstream = new Map<number, Entry>()
  readonly #network = makeCheckNetwork()
  readonly #allDown: AllDownWatch
  #running = false

  constructor(options: ActiveChecksOptions) {
    this.#options = options
    this.#allDown = new AllDownWatch(options)
  }

  /** Call it when traffic runs: no client waits for the first check, and unknown counts as up. */
  start(config: Config): void {
    this.#running = true
    this.#allDown.start()
    this.update(config)
  }

  /**
   * After a change of the configuration, when the tables are those of the new one. Upstreams that stay keep what was
   * found; those whose check is new or changed are checked at once; those that are gone, or are not checked any more,
   * are unknown again.
   */
  update(config: Config): void {
    if (!this.#running) return
    const plans = this.#plansOf(config)
    for (const [upstreamIndex, entry] of this.#entryByUpstream) {
      if (plans.has(upstreamIndex)) continue
      entry.checked.stop()
      this.#entryByUpstream.delete(upstreamIndex)
      this.#options.states.setFound(upstreamIndex, 'unknown')
    }
    for (const [upstreamIndex, plan] of plans) this.#check(upstreamIndex, plan)
    this.#allDown.look()
  }

  stop(): void {
    this.#running = false
    this.#allDown.stop()
    for (const { checked } of this.#entryByUpstream.values()) checked.stop()
  }

  /** Undefined for an upstream that is not checked. */
  viewOf(upstreamIndex: number): CheckView | undefined {
    return this.#entryByUpstream.get(upstreamIndex)
  }

  isAllDown(serviceIndex: number): boolean {
    return this.#allDown.isAllDown(serviceIndex)
  }

  #plansOf(config: Config): Map<number, CheckPlan> {
    const plans = new Map<number, CheckPlan>()
    const tables = new Map(this.#options.tables().services.map((service) => [service.name, service]))
    for (const service of config.services) {
      const upstreams = new Map(tables.get(service.name)?.upstreams.map(({ name, index }) => [name, index]))
      for (const upstream of service.upstreams) {
        const plan = checkPlan(service, upstream)
        const index = upstreams.get(upstream.name)
        if (plan !== undefined && index !== undefined) plans.set(index, plan)
      }
    }
    return plans
  }

  #check(upstreamIndex: number, plan: CheckPlan): void {
    const known = this.#entryByUpstream.get(upstreamIndex)
    if (known !== undefined && isSame(known.checked.plan, plan)) return
    known?.checked.stop()
    const checked = new CheckedUpstream(upstreamIndex, plan, {
      attempt: (plan, upstreamIndex, stop) => this.#attempt(plan, upstreamIndex, stop),
      onResult: (upstreamIndex, plan, result) => this.#take(upstreamIndex, plan, result),
      random: this.#options.random ?? Math.random,
    })
    if (known === undefined) {
      const entry = { checked, last: undefined, lastBeganMs: undefined, checksUp: 0, checksDown: 0, downSinceMs: 0 }
      this.#entryByUpstream.set(upstreamIndex, entry)
    } else {
      known.checked = checked
    }
    checked.start()
  }

  #attempt(plan: CheckPlan, upstreamIndex: number, stop: AbortSignal): Promise<AttemptResult> {
    const attempt = this.#options.attempt ?? attemptCheck
    // Asked for each attempt: a hostname may have other addresses by now.
    const service = this.#options.tables().services.find(({ name }) => name === plan.service)
    const addresses = service === undefined ? [] : addressesIn(service, upstreamIndex)
    return attempt(plan, addresses, this.#network, stop)
  }

  #take(upstreamIndex: number, plan: CheckPlan, result: CheckResult): void {
    const { states, log } = this.#options
    const entry = this.#entryByUpstream.get(upstreamIndex)!
    const nowMs = monotonicMs()
    const before = states.found(upstreamIndex)
    const known = before === FOUND.down ? 'down' : before === FOUND.up ? 'up' : 'unknown'
    const news = newsOf(known, result.decision)
    const sinceLastCheckMs = entry.lastBeganMs === undefined ? null : Math.round(nowMs - entry.lastBeganMs)
    entry.last = result
    entry.lastBeganMs = nowMs - result.ms
    if (result.decision === 'up') entry.checksUp++
    else entry.checksDown++
    // Before the verdict: who sees it up must not see the old time with it.
    if (news === 'back' || this.#disprovesEjection(upstreamIndex, plan, result, nowMs))
      this.#startAfresh(upstreamIndex, plan, nowMs)
    states.setFound(upstreamIndex, result.decision)
    if (news === 'left') {
      entry.downSinceMs = nowMs
      sayUpstreamDown(log, plan, { ...result, sinceLastCheckMs })
      this.#tellDown(upstreamIndex)
    }
    if (news === 'back') sayUpstreamUp(log, plan, { ...result, sinceLastCheckMs }, nowMs - entry.downSinceMs)
    if (news !== undefined) this.#allDown.look()
  }

  /** A connect like those that failed, made since, and this one succeeded. */
  #disprovesEjection(upstreamIndex: number, plan: CheckPlan, { decision, ms }: CheckResult, nowMs: number): boolean {
    const { states } = this.#options
    if (decision !== 'up' || states.ejectedUntilMs(upstreamIndex) <= nowMs) return false
    return goesWhereClientsGo(plan) && nowMs - ms > states.ejectedAtMs(upstreamIndex)
  }

  #tellDown(upstreamIndex: number): void {
    for (const service of this.#options.tables().services) {
      const upstream = service.upstreams.find(({ index }) => index === upstreamIndex)
      if (upstream !== undefined) this.#options.onDown?.(service, upstream)
    }
  }

  /** What failed before is no reason to wait any longer: clients are back with the check, as in Envoy. */
  #startAfresh(upstreamIndex: number, plan: CheckPlan, nowMs: number): void {
    const { states, nodeWide, tables } = this.#options
    states.setUpSince(upstreamIndex, nowMs)
    states.forgetFailures(upstreamIndex)
    states.endEjection(upstreamIndex)
    const service = tables().services.find(({ name }) => name === plan.service)
    for (const candidate of service?.candidates ?? []) {
      if (candidate.upstreamIndex === upstreamIndex) nodeWide.forgetFailure(candidate.addressIndex)
    }
  }
}

/** Plans are plain values, except for patterns, whose source says all. */
function isSame(a: CheckPlan, b: CheckPlan): boolean {
  return JSON.stringify(a, withPattern) === JSON.stringify(b, withPattern)
}

function withPattern(key: string, value: unknown): unknown {
  if (key !== 'pattern') return value
  const { source, flags } = value as { source: string; flags: string }
  return `/${source}/${flags}`
}

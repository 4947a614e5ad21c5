/**
 * The checks of one upstream, one after the other without end: attempts until they decide, the decision, the rest of
 * the interval. The next check begins when the last has ended, so checks of one upstream can't pile up.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { type AttemptResult, msSince } from './attempt.ts'
import { countAttempt, intervalWithJitter, NO_ATTEMPTS } from './attempt-count.ts'
import type { CheckPlan } from './check-target.ts'

/** What one check decided, and why. */
export interface CheckResult {
  readonly decision: 'up' | 'down'
  /** The attempt that decided: what was tried and what came back. */
  readonly said: string
  /** The whole check, its delays included. */
  readonly ms: number
  readonly goodAttempts: number
  readonly badAttempts: number
  /** Since 1970. */
  readonly endedAtMs: number
}

export interface CheckDependencies {
  readonly attempt: (plan: CheckPlan, upstreamIndex: number, stop: AbortSignal) => Promise<AttemptResult>
  readonly onResult: (upstreamIndex: number, plan: CheckPlan, result: CheckResult) => void
  /** From 0 to just below 1. */
  readonly random: () => number
}

/** A check that took longer than its interval is followed by the next at once, but never in a tight loop. */
const REST_MS_MIN = 10

export class CheckedUpstream {
  readonly upstreamIndex: number
  readonly plan: CheckPlan
  readonly #dependencies: CheckDependencies
  readonly #stop = new AbortController()

  constructor(upstreamIndex: number, plan: CheckPlan, dependencies: CheckDependencies) {
    this.upstreamIndex = upstreamIndex
    this.plan = plan
    this.#dependencies = dependencies
  }

  /** The first check begins at once. */
  start(): void {
    // It rejects only when it is stopped in a delay.
    this.#run().catch((error: unknown) => {
      if (!this.#stop.signal.aborted) throw error
    })
  }

  /** What is under way is cut off and not heard of. */
  stop(): void {
    this.#stop.abort()
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop
    const { intervalMs, jitterPart } = this.plan.check
    while (!signal.aborted) {
      const restMs = intervalWithJitter(intervalMs, jitterPart, this.#dependencies.random())
      const result = await this.#checkOnce()
      if (signal.aborted) return
      this.#dependencies.onResult(this.upstreamIndex, this.plan, result)
      await delay(Math.max(restMs - result.ms, REST_MS_MIN), undefined, { signal })
    }
  }

  async #checkOnce(): Promise<CheckResult> {
    const { attempts } = this.plan.check
    const { signal } = this.#stop
    const startMs = performance.now()
    let count = NO_ATTEMPTS
    for (;;) {
      const { isGood, said } = await this.#dependencies.attempt(this.plan, this.upstreamIndex, signal)
      const step = countAttempt(attempts, count, isGood)
      count = step.count
      if (step.decision === 'undecided' && !signal.aborted) {
        if (attempts.delayMs > 0) await delay(attempts.delayMs, undefined, { signal })
        continue
      }
      return {
        decision: step.decision === 'up' ? 'up' : 'down',
        said,
        ms: msSince(startMs),
        goodAttempts: count.good,
        badAttempts: count.bad,
        endedAtMs: Date.now(),
      }
    }
  }
}

/**
 * Says in the log what becomes of upstreams. Workers take them out by themselves, in shared memory (outlier.ts); this
 * looks there once a second, and decides nothing.
 */
import { monotonicMs } from '../lib/clock.ts'
import type { MonotonicMs } from '../traffic/node-wide.ts'
import type { Service, Upstream } from '../traffic/tables.ts'
import type { Log } from './log/log.ts'
import type { NodeView } from './node-view.ts'

const LOOK_EVERY_MS = 1_000

type Watched = Pick<NodeView, 'memory' | 'tables'> & {
  readonly upstreamWentDown: (service: Service, upstream: Upstream) => void
}

export class UpstreamWatch {
  readonly #node: Watched
  readonly #log: Log
  readonly #nowMs: () => MonotonicMs
  readonly #timer: NodeJS.Timeout
  /** How many ejections of each upstream are said, by its index. */
  readonly #ejectionsSaid = new Map<number, number>()
  /** When those began that are out, by index. */
  readonly #outSinceMs = new Map<number, MonotonicMs>()

  constructor(node: Watched, log: Log, nowMs: () => MonotonicMs = monotonicMs) {
    this.#node = node
    this.#log = log
    this.#nowMs = nowMs
    this.#timer = setInterval(() => this.look(), LOOK_EVERY_MS)
    this.#timer.unref()
  }

  close(): void {
    this.look()
    clearInterval(this.#timer)
  }

  look(): void {
    const nowMs = this.#nowMs()
    for (const service of this.#node.tables().services) {
      for (const upstream of service.upstreams) this.#lookAtUpstream(service, upstream, nowMs)
    }
  }

  #lookAtUpstream(service: Service, upstream: Upstream, nowMs: MonotonicMs): void {
    const { index } = upstream
    const names = { service: service.name, upstream: upstream.name }
    const { states } = this.#node.memory
    const ejections = states.ejections(index)
    const untilMs = states.ejectedUntilMs(index)
    if (ejections !== (this.#ejectionsSaid.get(index) ?? 0)) {
      this.#ejectionsSaid.set(index, ejections)
      this.#outSinceMs.set(index, nowMs)
      const failures = states.ejectedAfterFailures(index)
      const seconds = Math.max(0, Math.round((untilMs - nowMs) / 1000))
      const sentence = `${upstream.name} of ${service.name} failed ${failures} connects in a row; it is out for ${seconds} s.`
      this.#log.say('upstream-ejected', { ...names, failures, seconds }, sentence)
      this.#node.upstreamWentDown(service, upstream)
    }
    const sinceMs = this.#outSinceMs.get(index)
    if (sinceMs === undefined || untilMs > nowMs) return
    this.#outSinceMs.delete(index)
    const seconds = Math.round((nowMs - sinceMs) / 1000)
    this.#log.say('upstream-returned', { ...names, seconds }, `${upstream.name} of ${service.name} is used again.`)
  }
}

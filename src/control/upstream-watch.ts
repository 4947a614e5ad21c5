/**
 * Says in the log what becomes of upstreams. Workers take them out by themselves, in shared memory (outlier.ts); this
 * looks there once a second, and decides nothing.
 */
import { monotonicMs } from '../lib/clock.ts'
import type { MonotonicMs } from '../traffic/node-wide.ts'
import type { Service, Upstream } from '../traffic/tables.ts'
import type { Log } from './log/log.ts'
import { areAllDown, type NodeView } from './node-view.ts'

const LOOK_EVERY_MS = 1_000

type Watched = Pick<NodeView, 'memory' | 'tables'>

export class UpstreamWatch {
  readonly #node: Watched
  readonly #log: Log
  readonly #nowMs: () => MonotonicMs
  readonly #timer: NodeJS.Timeout
  /** How many ejections of each upstream are said, by its index. */
  readonly #ejectionsSaid = new Map<number, number>()
  /** When those began that are out, by index. */
  readonly #outSinceMs = new Map<number, MonotonicMs>()
  /** When those services lost their last upstream that have none, by index. */
  readonly #allDownSinceMs = new Map<number, MonotonicMs>()

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
      this.#lookAtService(service, nowMs)
    }
  }

  #lookAtUpstream({ name: service }: Service, { index, name: upstream }: Upstream, nowMs: MonotonicMs): void {
    const { states } = this.#node.memory
    const ejections = states.ejections(index)
    const untilMs = states.ejectedUntilMs(index)
    if (ejections !== (this.#ejectionsSaid.get(index) ?? 0)) {
      this.#ejectionsSaid.set(index, ejections)
      this.#outSinceMs.set(index, nowMs)
      const failures = states.ejectedAfterFailures(index)
      const seconds = Math.max(0, Math.round((untilMs - nowMs) / 1000))
      const sentence = `${upstream} of ${service} failed ${failures} connects in a row; it is out for ${seconds} s.`
      this.#log.say('upstream-ejected', { service, upstream, failures, seconds }, sentence)
    }
    const sinceMs = this.#outSinceMs.get(index)
    if (sinceMs === undefined || untilMs > nowMs) return
    this.#outSinceMs.delete(index)
    const seconds = Math.round((nowMs - sinceMs) / 1000)
    this.#log.say('upstream-returned', { service, upstream, seconds }, `${upstream} of ${service} is used again.`)
  }

  #lookAtService(service: Service, nowMs: MonotonicMs): void {
    const { index, name, whenAllDown } = service
    const sinceMs = this.#allDownSinceMs.get(index)
    const areDown = areAllDown(this.#node.memory, service)
    if (areDown && sinceMs === undefined) {
      this.#allDownSinceMs.set(index, nowMs)
      const what = whenAllDown === 'try-all' ? 'clients are sent to those that are down' : 'clients are turned away'
      const sentence = `${name} has no upstream left: ${what} (whenAllDown: ${whenAllDown}).`
      this.#log.say('all-upstreams-down', { service: name, whenAllDown }, sentence)
    } else if (!areDown && sinceMs !== undefined) {
      this.#allDownSinceMs.delete(index)
      const seconds = Math.round((nowMs - sinceMs) / 1000)
      this.#log.say('upstreams-back', { service: name, seconds }, `${name} has an upstream again.`)
    }
  }
}

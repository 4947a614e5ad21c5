/** How busy each worker's loop was lately: 0 waits all the time, 1 never waits and adds latency to every client. */
import { WORKER } from '../../traffic/counters.ts'
import type { WorkerMemory } from './shared-memory.ts'

const SAMPLE_EVERY_MS = 1_000
/** Smooth enough for an alert, quick enough for a person who watches. */
const WINDOW_SAMPLES = 10

interface Sample {
  readonly atMs: number
  readonly busyMs: readonly number[]
}

export class BusyRatios {
  readonly #workers: readonly WorkerMemory[]
  readonly #samples: Sample[] = []
  readonly #nowMs: () => number
  readonly #timer: NodeJS.Timeout

  constructor(workers: readonly WorkerMemory[], nowMs: () => number = () => performance.now()) {
    this.#workers = workers
    this.#nowMs = nowMs
    this.sample()
    this.#timer = setInterval(() => this.sample(), SAMPLE_EVERY_MS)
    this.#timer.unref()
  }

  sample(): void {
    const busyMs = this.#workers.map(({ counters }) => counters.worker[WORKER.busyMs])
    this.#samples.push({ atMs: this.#nowMs(), busyMs })
    if (this.#samples.length > WINDOW_SAMPLES) this.#samples.shift()
  }

  /** 0 to 1 for each worker, over the last 10 s. */
  ratios(): number[] {
    const oldest = this.#samples[0]
    const elapsedMs = this.#nowMs() - oldest.atMs
    return this.#workers.map(({ counters }, i) => {
      if (elapsedMs <= 0) return 0
      const ratio = (counters.worker[WORKER.busyMs] - oldest.busyMs[i]) / elapsedMs
      return Math.min(1, Math.max(0, ratio))
    })
  }

  close(): void {
    clearInterval(this.#timer)
  }
}

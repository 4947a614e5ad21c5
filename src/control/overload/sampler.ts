/** Where the samples of an overload come from: the workers' shared memory, this process, and the kernel's own counts. */
import { numbersSetting, parseSockstat, type ReadText } from '../../kernel/proc-facts.ts'
import { WORKER } from '../../traffic/counters.ts'
import type { NodeLimits } from '../limits/node-limits.ts'
import type { SharedMemory } from '../workers/shared-memory.ts'
import type { PressureSample } from './pressure.ts'

export interface SamplerOptions {
  readonly memory: Pick<SharedMemory, 'nodeWide' | 'workers' | 'workerSum'>
  readonly limits: Pick<NodeLimits, 'connectionsMax' | 'spillBytesMax'>
  /** What this process may use. */
  readonly memoryBytes: number
  readonly read: ReadText
  /** May throw: it opens a file, and there may be none to be had. */
  readonly residentBytes: () => number
}

export class Sampler {
  readonly #options: SamplerOptions
  readonly #turnsBefore: number[]
  #pausesBefore: number
  #residentBytes = 0

  constructor(options: SamplerOptions) {
    this.#options = options
    this.#turnsBefore = options.memory.workers.map(({ counters }) => counters.worker[WORKER.loopTurns])
    this.#pausesBefore = options.memory.workerSum(WORKER.acceptPauses)
  }

  /** To be called once a second: some causes are what happened since the last time. */
  sample(): PressureSample {
    const { memory, limits } = this.#options
    return {
      connections: memory.nodeWide.openConnections / limits.connectionsMax,
      memory: Math.max(this.#ownMemory(), this.#tcpMemory()),
      ...this.#loops(),
      files: this.#newPauses(),
      buffers: memory.workerSum(WORKER.spillBytes) / (limits.spillBytesMax * memory.workers.length),
    }
  }

  /** Out of files, which is when this matters most, what was known last. */
  #ownMemory(): number {
    try {
      this.#residentBytes = this.#options.residentBytes()
    } catch {
      // The next second asks again.
    }
    return this.#residentBytes / this.#options.memoryBytes
  }

  /** Pages of socket buffers, over all programs, of what the kernel gives to TCP at most [tcp(7), tcp_mem]. */
  #tcpMemory(): number {
    const { read } = this.#options
    const pages = parseSockstat(read('/proc/net/sockstat') ?? '')?.memoryPages
    const pagesMax = numbersSetting(read, 'net.ipv4.tcp_mem')?.[2]
    return pages === undefined || pagesMax === undefined || pagesMax === 0 ? 0 : pages / pagesMax
  }

  /**
   * The worst of the workers. One that made no turn since waits for something to do, and what it wrote is of long ago.
   * `ListenOverflows` is not asked: the kernel counts those of all programs together.
   */
  #loops(): Pick<PressureSample, 'lag' | 'acceptQueue'> {
    let [lag, acceptQueue] = [0, 0]
    this.#options.memory.workers.forEach(({ counters: { worker } }, i) => {
      const turns = worker[WORKER.loopTurns]
      if (turns !== this.#turnsBefore[i]) {
        lag = Math.max(lag, worker[WORKER.lagMs])
        acceptQueue = Math.max(acceptQueue, worker[WORKER.acceptQueue])
      }
      this.#turnsBefore[i] = turns
    })
    return { lag, acceptQueue }
  }

  #newPauses(): number {
    const pauses = this.#options.memory.workerSum(WORKER.acceptPauses)
    const more = pauses - this.#pausesBefore
    this.#pausesBefore = pauses
    return more
  }
}

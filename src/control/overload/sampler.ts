/** Where the samples of an overload come from: the workers' shared memory, this process, and the kernel's own counts. */
import { numbersSetting, parseNetstat, parseSockstat, type ReadText } from '../../kernel/proc-facts.ts'
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
  readonly residentBytes: () => number
}

export class Sampler {
  readonly #options: SamplerOptions
  readonly #turnsBefore: number[]
  #pausesBefore: number
  #overflowsBefore: number

  constructor(options: SamplerOptions) {
    this.#options = options
    this.#turnsBefore = options.memory.workers.map(({ counters }) => counters.worker[WORKER.loopTurns])
    this.#pausesBefore = options.memory.workerSum(WORKER.acceptPauses)
    this.#overflowsBefore = this.#overflows()
  }

  /** To be called once a second: some causes are what happened since the last time. */
  sample(): PressureSample {
    const { memory, limits } = this.#options
    return {
      connections: memory.nodeWide.openConnections / limits.connectionsMax,
      memory: Math.max(this.#ownMemory(), this.#tcpMemory()),
      lag: this.#lag(),
      files: this.#newPauses(),
      acceptQueue: this.#newOverflows(),
      buffers: memory.workerSum(WORKER.spillBytes) / (limits.spillBytesMax * memory.workers.length),
    }
  }

  #ownMemory(): number {
    return this.#options.residentBytes() / this.#options.memoryBytes
  }

  /** Pages of socket buffers, over all programs, of what the kernel gives to TCP at most [tcp(7), tcp_mem]. */
  #tcpMemory(): number {
    const { read } = this.#options
    const pages = parseSockstat(read('/proc/net/sockstat') ?? '')?.memoryPages
    const pagesMax = numbersSetting(read, 'net.ipv4.tcp_mem')?.[2]
    return pages === undefined || pagesMax === undefined || pagesMax === 0 ? 0 : pages / pagesMax
  }

  /** A worker that made no turn since waits for something to do, and what it wrote is of long ago. */
  #lag(): number {
    const lags = this.#options.memory.workers.map(({ counters: { worker } }, i) => {
      const turns = worker[WORKER.loopTurns]
      const hasTurned = turns !== this.#turnsBefore[i]
      this.#turnsBefore[i] = turns
      return hasTurned ? worker[WORKER.lagMs] : 0
    })
    return Math.max(...lags)
  }

  #newPauses(): number {
    const pauses = this.#options.memory.workerSum(WORKER.acceptPauses)
    const more = pauses - this.#pausesBefore
    this.#pausesBefore = pauses
    return more
  }

  #newOverflows(): number {
    const overflows = this.#overflows()
    const more = Math.max(0, overflows - this.#overflowsBefore)
    this.#overflowsBefore = overflows
    return more
  }

  /** Each overflow is one of the drops, too, but drops have other causes; so the larger of the two is no sum. */
  #overflows(): number {
    return parseNetstat(this.#options.read('/proc/net/netstat') ?? '', 'TcpExt').get('ListenOverflows') ?? 0
  }
}

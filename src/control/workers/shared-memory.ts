/** The memory that control and the workers share, and what it says in sum over all workers. */
import { makeSourceMemory, SOURCE_MEMORY_BYTES_MIN } from '../../traffic/admit/source-table.ts'
import { makeKnownClientsMemory } from '../../traffic/admit/known-clients.ts'
import { makeOverloadMemory, OverloadState } from '../../traffic/admit/overload-state.ts'
import { BanTable } from '../../traffic/admit/ban-table.ts'
import {
  type CounterShape,
  Counters,
  SERVICE,
  SERVICE_STRIDE,
  UPSTREAM,
  UPSTREAM_STRIDE,
  WORKER,
} from '../../traffic/counters.ts'
import { newcomerRingBytes } from '../../traffic/admit/newcomers.ts'
import { strikeRingBytes } from '../../traffic/admit/strikes.ts'
import { ringBytes } from '../../traffic/log-ring.ts'
import { NodeWide } from '../../traffic/node-wide.ts'
import { WorkerWakes } from '../../traffic/queue/worker-wakes.ts'
import { UpstreamStates } from '../../traffic/upstream-states.ts'

/** 2^20 bytes hold 8,192 connections without failed attempts: more than a worker ends between two reads of its ring. */
const LOG_RING_POWER_OF_TWO = 20

/** 8,192 strikes of 32 bytes: 256 KiB. */
const STRIKES_POWER_OF_TWO = 13

/** 16,384 of 16 bytes: 256 KiB, for 300,000 clients a second and worker as control reads 20 times in that time. */
const NEWCOMERS_POWER_OF_TWO = 14

/** Of `protect.bans.max`, for each IP version; 20 MiB with what control keeps beside it, once they are many. */
export const BANS_MAX_DEFAULT = 100_000

export interface ProtectSizes {
  /** For counting sources. */
  readonly sourceBytes?: number
  readonly bansMax?: number
  readonly knownClientsMax?: number
}

export interface WorkerMemory {
  readonly counterMemory: SharedArrayBuffer
  readonly logRingMemory: SharedArrayBuffer
  readonly strikesMemory: SharedArrayBuffer
  readonly newcomersMemory: SharedArrayBuffer
  readonly counters: Counters
}

export class SharedMemory {
  readonly counterShape: CounterShape
  readonly nodeWideMemory: SharedArrayBuffer
  readonly nodeWide: NodeWide
  readonly sourceMemory: SharedArrayBuffer
  readonly overloadMemory = makeOverloadMemory()
  readonly overload = new OverloadState(this.overloadMemory)
  readonly knownClientsMemory: SharedArrayBuffer
  readonly upstreamStatesMemory: SharedArrayBuffer
  readonly states: UpstreamStates
  readonly workerWakesMemory: SharedArrayBuffer
  readonly bans: BanTable
  readonly workers: readonly WorkerMemory[]

  constructor(
    workers: number,
    counterShape: CounterShape,
    upstreamAddresses: number,
    { sourceBytes = SOURCE_MEMORY_BYTES_MIN, bansMax = BANS_MAX_DEFAULT, knownClientsMax = 1 }: ProtectSizes = {},
  ) {
    this.counterShape = counterShape
    this.nodeWideMemory = new SharedArrayBuffer(NodeWide.bytes(upstreamAddresses))
    this.nodeWide = new NodeWide(this.nodeWideMemory)
    this.sourceMemory = makeSourceMemory(sourceBytes, counterShape.services)
    this.knownClientsMemory = makeKnownClientsMemory(knownClientsMax)
    this.upstreamStatesMemory = new SharedArrayBuffer(UpstreamStates.bytes(counterShape))
    this.states = new UpstreamStates(this.upstreamStatesMemory, counterShape)
    this.workerWakesMemory = new SharedArrayBuffer(WorkerWakes.bytes(workers))
    this.bans = new BanTable(bansMax)
    this.workers = Array.from({ length: workers }, () => {
      const counterMemory = new SharedArrayBuffer(Counters.bytes(counterShape))
      const logRingMemory = new SharedArrayBuffer(ringBytes(LOG_RING_POWER_OF_TWO))
      const strikesMemory = new SharedArrayBuffer(strikeRingBytes(STRIKES_POWER_OF_TWO))
      const newcomersMemory = new SharedArrayBuffer(newcomerRingBytes(NEWCOMERS_POWER_OF_TWO))
      const counters = new Counters(counterMemory, counterShape)
      return { counterMemory, logRingMemory, strikesMemory, newcomersMemory, counters }
    })
  }

  /** `place` is one of SERVICE, or `SERVICE.closed + code`. */
  serviceSum(serviceIndex: number, place: number): number {
    const at = serviceIndex * SERVICE_STRIDE + place
    return this.#sum((counters) => counters.services[at])
  }

  /** `place` is one of UPSTREAM, or `UPSTREAM.connectBuckets + i`. */
  upstreamSum(upstreamIndex: number, place: number): number {
    const at = upstreamIndex * UPSTREAM_STRIDE + place
    return this.#sum((counters) => counters.upstreams[at])
  }

  workerSum(place: (typeof WORKER)[keyof typeof WORKER]): number {
    return this.#sum((counters) => counters.worker[place])
  }

  #sum(read: (counters: Counters) => number): number {
    let sum = 0
    for (const { counters } of this.workers) sum += read(counters)
    return sum
  }
}

export { SERVICE, UPSTREAM, WORKER }

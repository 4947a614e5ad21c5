/** What a balance method is. One file each; METHODS in choose.ts lists them. */
import type { MonotonicMs } from '../node-wide.ts'
import type { Service } from '../tables.ts'
import type { UpstreamStates } from '../upstream-states.ts'

/** What there is to pick from, and what may matter for it. One object, filled anew for each choice: read it, keep nothing. */
export interface Pool {
  service: Service
  /** Places in `service.candidates` that can be used equally well, in configured order; the first `count` count. */
  readonly places: Int32Array
  /** At least 1. */
  count: number
  /** Beside `places`: the sum of the configured weights up to each. */
  readonly sums: Float64Array
  /** By place in `service.candidates`: 1 where it is among `places`. */
  readonly has: Uint8Array
  /** By place: `share.weight` and `upstreamIndex` of the candidates, where a method reads many. */
  readonly weights: Float64Array
  readonly upstreams: Int32Array
  /** By place: the weight of its whole upstream, whose connections are counted together. */
  readonly upstreamWeights: Float64Array
  readonly states: UpstreamStates
  /** The same for all connections of a client (IPv6: of its /64), evenly spread over 32 bits. */
  clientHash: number
  nowMs: MonotonicMs
  /** 0 to below 1. */
  readonly random: () => number
}

/** Returns one of the first `count` of `places`. Allocates nothing; 1 µs at most with 100 candidates. */
export type BalanceMethod = (pool: Pool) => number

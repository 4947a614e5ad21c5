/**
 * `hedgeAfter`: a dial that has not answered for so long gets a second one beside it, a hedge, to the candidate that
 * failover would take next. Who connects first serves the client; the other one is closed before any byte.
 *
 *   first ──────────────(hedgeAfter)──────────────────▶ connects: the hedge is closed
 *                             └── hedge ──────────────▶ connects: the first is closed, and the hedge is the connection's
 *   the first fails: the hedge goes on in its place     the hedge fails: the next candidate is the hedge
 *
 * Who was overtaken has not failed: nothing is remembered of it. Used by both engines, which hold the sockets.
 */
import { NONE, type Chooser } from './balance/choose.ts'
import type { FailedAttempt } from './log-ring.ts'
import type { MonotonicMs, NodeWide } from './node-wide.ts'
import type { WaitingRoom } from './queue/waiting-room.ts'
import type { Candidate, Service } from './tables.ts'
import type { UpstreamStates } from './upstream-states.ts'

/** A hedge is a file, as half a connection is. It takes a place of the node, and none of the last quarter: clients come first. */
export const HEDGED_SHARE_OF_NODE_MAX = 3 / 4
/** Where nobody could be dialled beside the first, it is tried again after hedgeAfter, but not more often than this. */
const RETRY_MS_MIN = 1000

/** What a worker has for a choice. */
export interface HedgeGround {
  readonly start: { readonly limits: { readonly connectionsMax: number } }
  readonly nodeWide: NodeWide
  readonly states: UpstreamStates
  readonly chooser: Chooser
  readonly room: WaitingRoom
}

/** Who is being dialled, and what has failed before. */
export interface HedgedDial {
  readonly service: Service
  readonly first: Candidate
  readonly failed: readonly FailedAttempt[] | null
  readonly clientHash: number
  /** Where the client was before (affinity.ts), or -1. */
  readonly known: number
}

/** The place in `service.candidates` to dial beside the first, with a place taken at its upstream and one of the node; or NONE. */
export function chooseHedge(ground: HedgeGround, dial: HedgedDial, nowMs: MonotonicMs): number {
  const { service, first } = dial
  // Who waits for a place has none yet; this client has one already.
  if (ground.room.isAnyoneWaiting(service) || !takeNodePlace(ground)) return NONE
  const tried = triedBy(dial)
  const place = ground.chooser.choose(service, tried, dial.clientHash, nowMs, dial.known)
  if (place >= 0 && !isWorse(ground.states, service.candidates[place], first, nowMs)) return place
  if (place >= 0) ground.states.giveUpstreamPlaceBack(service.candidates[place].upstreamIndex)
  ground.nodeWide.givePlaceBack()
  if (place >= 0) ground.room.noteFreed(service)
  return NONE
}

/** What chooseHedge took, of a hedge that is over. */
export function giveHedgePlacesBack(ground: HedgeGround, service: Service, { upstreamIndex }: Candidate): void {
  ground.nodeWide.givePlaceBack()
  ground.states.giveUpstreamPlaceBack(upstreamIndex)
  ground.room.noteFreed(service)
}

/** Where there was nobody to dial at `nowMs`. */
export function nextHedgeTryMs({ hedgeAfterMs }: Service, nowMs: MonotonicMs): MonotonicMs {
  return nowMs + Math.max(hedgeAfterMs, RETRY_MS_MIN)
}

function takeNodePlace({ nodeWide, start }: HedgeGround): boolean {
  const hedgedMax = Math.floor(start.limits.connectionsMax * HEDGED_SHARE_OF_NODE_MAX)
  // Looked at first: a place that is taken and given back is missing for a moment, and a client may be refused in it.
  return nodeWide.openConnections < hedgedMax && nodeWide.takePlace(hedgedMax)
}

/** One that checks or failures say is down is no help against one that is slow. */
function isWorse(states: UpstreamStates, hedge: Candidate, first: Candidate, nowMs: MonotonicMs): boolean {
  return states.isDown(hedge.upstreamIndex, nowMs) && !states.isDown(first.upstreamIndex, nowMs)
}

const underWay: FailedAttempt = { upstreamIndex: 0, upstreamAddressIndex: 0, error: 0, durationMs: 0 }
const scratch: FailedAttempt[] = []

/** What failed and what is under way. One list for each worker: nobody keeps it. */
function triedBy({ failed, first }: HedgedDial): readonly FailedAttempt[] {
  scratch.length = 0
  if (failed !== null) for (let i = 0; i < failed.length; i++) scratch.push(failed[i])
  underWay.upstreamIndex = first.upstreamIndex
  underWay.upstreamAddressIndex = first.addressIndex
  scratch.push(underWay)
  return scratch
}

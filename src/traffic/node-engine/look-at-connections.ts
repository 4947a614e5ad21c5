/**
 * Control asks what is open, or wants some of it ended: in slices, so that the others keep moving. A list goes by the
 * order in which clients came, so that its pages name no connection twice.
 */
import { monotonicMs } from '../../lib/clock.ts'
import type { ConnectionFilter, ConnectionLook, ConnectionStage, FoundConnection } from '../connection-look.ts'
import { isClientIn, OPERATOR_REASON } from '../connection-look.ts'
import type { Connection } from './connection.ts'
import type { StationKind } from './station.ts'
import type { TrafficWorker } from './traffic-worker.ts'

const LOOKS_PER_TURN_MAX = 512
/** node:net does not show TCP_INFO. */
const UNKNOWN = -1

const STAGES: Readonly<Record<StationKind, ConnectionStage>> = {
  accepted: 'hello',
  hello: 'hello',
  'first-byte': 'first-byte',
  dial: 'dial',
  relay: 'relay',
  flush: 'closing',
  ended: 'closing',
}

export function lookAtConnections(worker: TrafficWorker, id: number, look: ConnectionLook): void {
  const connections = [...worker.connections]
  const from = look.kind === 'list' ? connections.findIndex(({ sequence }) => sequence >= look.from) : 0
  new Look(worker, id, look, connections).goOn(from === -1 ? connections.length : from)
}

class Look {
  readonly #worker: TrafficWorker
  readonly #id: number
  readonly #look: ConnectionLook
  readonly #connections: readonly Connection[]
  readonly #found: FoundConnection[] = []
  #closed = 0

  constructor(worker: TrafficWorker, id: number, look: ConnectionLook, connections: readonly Connection[]) {
    this.#worker = worker
    this.#id = id
    this.#look = look
    this.#connections = connections
  }

  goOn(from: number): void {
    const until = Math.min(this.#connections.length, from + LOOKS_PER_TURN_MAX)
    const nowMs = monotonicMs()
    let at = from
    while (at < until && !this.#isFull()) this.#lookAt(this.#connections[at++], nowMs)
    if (at < this.#connections.length && !this.#isFull()) setImmediate(() => this.goOn(at))
    else this.#answer(at < this.#connections.length ? this.#connections[at].sequence : -1)
  }

  #isFull(): boolean {
    return this.#look.kind === 'list' && this.#found.length >= this.#look.max
  }

  #lookAt(connection: Connection, nowMs: number): void {
    if (connection.hasEnded || !isMeant(connection, this.#look.filter)) return
    if (this.#look.kind === 'list') {
      this.#found.push(describe(connection, nowMs))
      return
    }
    // One whose other side has failed is over in moments.
    if (connection.stationKind === 'flush') return
    this.#closed++
    connection.end(OPERATOR_REASON)
  }

  #answer(next: number): void {
    const answer = { found: this.#found, next, closed: this.#closed }
    this.#worker.report({ kind: 'looked', id: this.#id, answer })
  }
}

function isMeant(connection: Connection, filter: ConnectionFilter): boolean {
  const { serviceIndex, upstreamIndex, sequence, network } = filter
  if (serviceIndex !== undefined && connection.service.index !== serviceIndex) return false
  if (upstreamIndex !== undefined && upstreamOf(connection) !== upstreamIndex) return false
  if (sequence !== undefined && connection.sequence !== sequence) return false
  const { family, address } = connection.clientEnd
  return isClientIn(network, family, address, 0)
}

/** Connected to it, or about to be. */
function upstreamOf({ candidate, upstreamPlaceAt }: Connection): number {
  return candidate?.upstreamIndex ?? upstreamPlaceAt
}

function describe(connection: Connection, nowMs: number): FoundConnection {
  const { stationKind, service, listenerIndex, candidate, clientEnd, startedMs, bytesToUpstream, bytesToClient } =
    connection
  const waits = stationKind === 'dial' && connection.upstreamPlaceAt === -1
  return {
    sequence: connection.sequence,
    stage: waits ? 'waiting' : STAGES[stationKind],
    serviceIndex: service.index,
    listenerIndex,
    upstreamIndex: upstreamOf(connection),
    addressIndex: candidate?.addressIndex ?? -1,
    clientFamily: clientEnd.family,
    clientAddress: clientEnd.address,
    clientPort: clientEnd.port,
    ageMs: Math.max(0, nowMs - startedMs),
    idleMs: UNKNOWN,
    bytesToUpstream,
    bytesToClient,
    clientRttUs: UNKNOWN,
    upstreamRttUs: UNKNOWN,
  }
}

/**
 * What control may ask of a worker's open connections: to name those that fit, or to end them. A worker looks at its
 * connections in slices between its other work; nothing is kept for it while nobody asks.
 */
import { type Network, networkContains } from '../lib/ip.ts'
import type { CloseReason } from './close-reason.ts'

/** Why a connection ends that an operator ended. */
export const OPERATOR_REASON: CloseReason = 'operator-closed'

/** Every one of these has to fit; what is undefined fits all. */
export interface ConnectionFilter {
  readonly serviceIndex?: number
  /** Connected to it, or about to be. */
  readonly upstreamIndex?: number
  readonly network?: Network
  /** This one alone. */
  readonly sequence?: number
}

export type ConnectionLook =
  | {
      readonly kind: 'list'
      readonly filter: ConnectionFilter
      /** Where the list goes on: 0, or what the answer before said. */
      readonly from: number
      readonly max: number
    }
  | { readonly kind: 'close'; readonly filter: ConnectionFilter }

/** What a connection is doing. */
export const CONNECTION_STAGES = ['hello', 'first-byte', 'waiting', 'dial', 'relay', 'closing'] as const
export type ConnectionStage = (typeof CONNECTION_STAGES)[number]

export interface FoundConnection {
  readonly sequence: number
  readonly stage: ConnectionStage
  readonly serviceIndex: number
  readonly listenerIndex: number
  /** -1 while there is none. */
  readonly upstreamIndex: number
  readonly addressIndex: number
  readonly clientFamily: 4 | 6
  /** 4 or 16 bytes. */
  readonly clientAddress: Uint8Array
  readonly clientPort: number
  readonly ageMs: number
  readonly bytesToUpstream: number
  readonly bytesToClient: number
  /** -1 where the engine can't know. */
  readonly idleMs: number
  readonly clientRttUs: number
  readonly upstreamRttUs: number
}

export interface LookAnswer {
  readonly found: readonly FoundConnection[]
  /** Where a list goes on; -1 when it is whole. */
  readonly next: number
  /** Connections that were ended. */
  readonly closed: number
}

/** Whether the address that begins at `at` lies in the network. */
export function isClientIn(network: Network | undefined, family: 4 | 6, bytes: Uint8Array, at: number): boolean {
  return network === undefined || (network.family === family && networkContains(network, bytes, at))
}

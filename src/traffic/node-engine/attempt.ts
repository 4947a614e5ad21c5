/** Part of step 5: one dial to one candidate, its socket, and where it may come from. */
import { connect, type Socket } from 'node:net'
import type { MonotonicMs } from '../node-wide.ts'
import type { Candidate } from '../tables.ts'
import type { Connection } from './connection.ts'
import { ignoreError } from './reset.ts'
import { STREAM_OPTIONS } from './socket-options.ts'

export interface Attempt {
  readonly candidate: Candidate
  readonly startedMs: MonotonicMs
  socket: Socket
  /** Local addresses to try when this one has no port left. */
  sourcesLeft: readonly string[]
  /** Begun beside another that was silent. */
  readonly isHedge: boolean
}

/** bind says EADDRINUSE where connect says EADDRNOTAVAIL: no port of that address is free. */
const NO_SOURCE_PORT = new Set(['EADDRNOTAVAIL', 'EADDRINUSE'])

export function lacksSourcePort({ code }: NodeJS.ErrnoException): boolean {
  return NO_SOURCE_PORT.has(code ?? '')
}

/** Those of the candidate's family, from the one whose turn it is; none leaves the choice to the kernel. */
export function sourcesFor({ address }: Candidate, { service, worker }: Connection): readonly string[] {
  const ofFamily = service.sourceAddresses.filter(({ family }) => family === address.family)
  const sources = ofFamily.map((source) => source.address)
  if (sources.length < 2) return sources
  const first = worker.sourceTurn++ % sources.length
  return [...sources.slice(first), ...sources.slice(0, first)]
}

export function connectTo({ address: { address, port } }: Candidate, source: string | undefined): Socket {
  return connect({ ...STREAM_OPTIONS, host: address, port, ...(source === undefined ? {} : { localAddress: source }) })
}

export function discard(socket: Socket): void {
  socket.on('error', ignoreError)
  socket.destroy()
}

/**
 * The connections that are open now, for an operator: to list page by page, and to end. Workers are asked one after the
 * other, and one operator after the other, so that an answer has a bound whoever asks.
 */
import { formatSocketAddress, formatIp, type Network } from '../../lib/ip.ts'
import {
  type ConnectionFilter,
  type ConnectionLook,
  type ConnectionStage,
  type FoundConnection,
  type LookAnswer,
} from '../../traffic/connection-look.ts'
import { connectionId } from '../../traffic/events.ts'
import type { KnownNames } from '../log/known-names.ts'

/** Questions that wait for the one under way; more are refused. */
export const LOOKS_WAITING_MAX = 32

export interface OpenConnection {
  readonly id: string
  readonly stage: ConnectionStage
  readonly service: string
  readonly listener: string
  readonly client: string
  readonly upstream: string | undefined
  readonly upstreamAddress: string | undefined
  readonly ageMs: number
  readonly bytesToUpstream: number
  readonly bytesToClient: number
  /** Undefined where the engine can't know. */
  readonly idleMs: number | undefined
  readonly clientRttMs: number | undefined
  readonly upstreamRttMs: number | undefined
}

export interface ConnectionPage {
  readonly connections: readonly OpenConnection[]
  /** What to ask the next page with; undefined when it was the last. */
  readonly next: string | undefined
}

export type OpenFilter = Pick<ConnectionFilter, 'serviceIndex' | 'upstreamIndex'> & { readonly network?: Network }

/** The workers. */
export interface Lookers {
  readonly count: number
  /** Throws LookError. */
  readonly look: (workerIndex: number, look: ConnectionLook) => Promise<LookAnswer>
}

export interface OpenConnectionsOptions {
  readonly workers: Lookers
  readonly bootId: string
  readonly names: KnownNames
}

export class TooManyLooks extends Error {
  override readonly name = 'TooManyLooks'
}

interface Place {
  readonly worker: number
  readonly from: number
}

export class OpenConnections {
  readonly #options: OpenConnectionsOptions
  #last: Promise<unknown> = Promise.resolve()
  #waiting = 0

  constructor(options: OpenConnectionsOptions) {
    this.#options = options
  }

  /** Undefined when `after` was no page's `next`. Throws LookError or TooManyLooks. */
  async list(filter: OpenFilter, max: number, after?: string): Promise<ConnectionPage | undefined> {
    const place = after === undefined ? { worker: 0, from: 0 } : this.#placeOf(after)
    return place && this.#inTurn(() => this.#page(filter, max, place))
  }

  async #page(filter: OpenFilter, max: number, { worker, from }: Place): Promise<ConnectionPage> {
    const { workers } = this.#options
    const connections: OpenConnection[] = []
    for (let at = worker, goesOnAt = from; at < workers.count; at++, goesOnAt = 0) {
      const look: ConnectionLook = { kind: 'list', filter, from: goesOnAt, max: max - connections.length }
      const { found, next } = await workers.look(at, look)
      for (const one of found) connections.push(this.#describe(one, at))
      if (next !== -1) return { connections, next: `${at}-${next}` }
      if (connections.length >= max && at + 1 < workers.count) return { connections, next: `${at + 1}-0` }
    }
    return { connections, next: undefined }
  }

  /** How many were ended. */
  close(filter: OpenFilter): Promise<number> {
    return this.#inTurn(async () => {
      const { workers } = this.#options
      const look: ConnectionLook = { kind: 'close', filter }
      const answers = await Promise.all(Array.from({ length: workers.count }, (_, i) => workers.look(i, look)))
      return answers.reduce((sum, { closed }) => sum + closed, 0)
    })
  }

  /** False when there is no such connection any more. */
  async closeOne(id: string): Promise<boolean> {
    const place = this.#connectionOf(id)
    if (place === undefined) return false
    const { worker, sequence } = place
    const { closed } = await this.#inTurn(() =>
      this.#options.workers.look(worker, { kind: 'close', filter: { sequence } }),
    )
    return closed > 0
  }

  /** The address of whoever has this connection of the service; undefined when there is none any more. Throws as `list`. */
  async clientOf(id: string, serviceIndex: number): Promise<Uint8Array | undefined> {
    const place = this.#connectionOf(id)
    if (place === undefined) return undefined
    const { worker, sequence } = place
    const look: ConnectionLook = { kind: 'list', filter: { sequence, serviceIndex }, from: 0, max: 1 }
    const { found } = await this.#inTurn(() => this.#options.workers.look(worker, look))
    return found[0]?.clientAddress.slice(0, found[0].clientFamily === 4 ? 4 : 16)
  }

  async #inTurn<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
    if (this.#waiting >= LOOKS_WAITING_MAX) throw new TooManyLooks('Many ask for connections just now. Try again.')
    this.#waiting++
    const mine = this.#last.then(ask)
    this.#last = mine.catch(() => {})
    try {
      return await mine
    } finally {
      this.#waiting--
    }
  }

  #placeOf(text: string): Place | undefined {
    const parts = /^(\d{1,4})-(\d{1,15})$/.exec(text)
    const worker = Number(parts?.[1])
    return parts === null || worker >= this.#options.workers.count ? undefined : { worker, from: Number(parts[2]) }
  }

  #connectionOf(id: string): { readonly worker: number; readonly sequence: number } | undefined {
    const { bootId, workers } = this.#options
    if (!/^[\da-f]{24}$/.test(id) || !id.startsWith(bootId)) return undefined
    const worker = Number.parseInt(id.slice(12, 14), 16)
    return worker < workers.count ? { worker, sequence: Number.parseInt(id.slice(14), 16) } : undefined
  }

  #describe(found: FoundConnection, worker: number): OpenConnection {
    const { bootId, names } = this.#options
    const { sequence, clientFamily, clientAddress, clientPort, upstreamIndex, addressIndex } = found
    const client = { family: clientFamily, address: formatIp(clientAddress), port: clientPort }
    return {
      id: connectionId(bootId, worker, sequence),
      stage: found.stage,
      service: names.service(found.serviceIndex),
      listener: names.listener(found.listenerIndex),
      client: formatSocketAddress(client),
      upstream: upstreamIndex === -1 ? undefined : names.upstream(upstreamIndex),
      upstreamAddress: addressIndex === -1 ? undefined : names.address(addressIndex),
      ageMs: Math.round(found.ageMs),
      bytesToUpstream: found.bytesToUpstream,
      bytesToClient: found.bytesToClient,
      idleMs: known(found.idleMs),
      clientRttMs: known(found.clientRttUs / 1000),
      upstreamRttMs: known(found.upstreamRttUs / 1000),
    }
  }
}

function known(value: number): number | undefined {
  return value < 0 ? undefined : Math.round(value * 1000) / 1000
}

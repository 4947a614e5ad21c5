/**
 * Control asks whose connection it is that has a certain number: connections are looked through in slices of a loop turn,
 * so that the others keep moving. Control has few questions open at a time.
 */
import { addressAt, NUMBER, NUMBERS, STAGE } from './connection.ts'
import type { Connection } from './connection.ts'
import type { Loop } from './loop.ts'

/** A look is two reads of memory. */
const LOOKS_PER_TURN_MAX = 16_384

export interface ClientSearch {
  readonly question: number
  readonly sequence: number
  nextSlot: number
}

/** One slice, of the oldest question. */
export function findClient(loop: Loop): void {
  const search = loop.clientSearches[0]
  const { all } = loop.pool
  const until = Math.min(all.length, search.nextSlot + LOOKS_PER_TURN_MAX)
  while (search.nextSlot < until) {
    const connection = all[search.nextSlot++]
    if (connection.stage === STAGE.free || sequenceOf(loop, connection) !== search.sequence) continue
    return answer(loop, search, connection)
  }
  if (search.nextSlot >= all.length) answer(loop, search, undefined)
}

function sequenceOf({ pool }: Loop, { slot }: Connection): number {
  return pool.numbers[slot * NUMBERS + NUMBER.sequence]
}

function answer(loop: Loop, { question }: ClientSearch, connection: Connection | undefined): void {
  loop.clientSearches.shift()
  if (connection === undefined) return loop.tell({ kind: 'client-found', question, client: undefined })
  const at = addressAt(connection)
  const address = loop.pool.clientAddresses.slice(at, at + (connection.clientFamily === 4 ? 4 : 16))
  loop.tell({ kind: 'client-found', question, client: { address, serviceIndex: connection.plan.service.index } })
}

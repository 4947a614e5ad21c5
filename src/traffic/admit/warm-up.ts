/**
 * What happens under a source's lock, done once before a worker serves. V8 compiles a function when it is first called:
 * otherwise the first client of a worker would have its bucket locked for a thousand times as long as others have, and a
 * worker that is taken off its core meanwhile keeps the other ones waiting.
 */
import { WORKER_STRIDE } from '../counters.ts'
import { rateLimit } from './rate-limit.ts'
import { SOURCE } from './source-key.ts'
import { makeSourceMemory, SourceTable } from './source-table.ts'

const BYTES = 4096

/** In a table of its own: nothing is left of it. */
export function warmUpSources(): void {
  const table = new SourceTable(makeSourceMemory(BYTES, 1), new Float64Array(WORKER_STRIDE))
  const address = new Uint8Array(4)
  const limits = { connectionsMax: 1, rate: rateLimit(1, 1, 1) }
  for (const takesAnyway of [false, true, false]) {
    table.take(0, SOURCE.address, address, 0, 4, limits, takesAnyway, 1)
    table.undo(table.handle, table.hasSpent, limits)
  }
  table.takeServiceRates(0, limits.rate, limits.rate, true, 1)
}

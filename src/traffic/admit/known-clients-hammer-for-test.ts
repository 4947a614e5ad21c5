/** For known-clients.test.ts: a worker thread that adds and asks for clients of its own, among those of others, as fast as it can. */
import { isMainThread, workerData } from 'node:worker_threads'
import { KnownClients } from './known-clients.ts'

export interface HammerStart {
  readonly index: number
  readonly threads: number
  readonly memory: SharedArrayBuffer
  /** Threads that have begun; answers that were wrong; right ones. */
  readonly report: SharedArrayBuffer
  readonly rounds: number
}

const NOW_MS = 1e6

/** Even numbers are added by one of the threads, odd ones by nobody. */
function hammer({ index, threads, memory, report, rounds }: HammerStart): void {
  const counts = new Int32Array(report)
  const known = new KnownClients(memory)
  const bytes = new Uint8Array(4)
  const set = (client: number): void => bytes.set([10, 0, client >> 8, client & 255])
  Atomics.add(counts, 0, 1)
  // Together, or the first is done before the last has begun.
  while (Atomics.load(counts, 0) < threads);
  for (let round = 0; round < rounds; round++) {
    const client = ((round * 7 + index * 131) % 500) * 2
    set(client)
    known.add(bytes, 0, 4, NOW_MS + round)
    const isThere = known.has(bytes, 0, 4, NOW_MS + round)
    set(client + 1)
    const isStranger = !known.has(bytes, 0, 4, NOW_MS + round)
    if (!isStranger) Atomics.add(counts, 1, 1)
    if (isThere && isStranger) Atomics.add(counts, 2, 1)
  }
}

if (!isMainThread) hammer(workerData as HammerStart)

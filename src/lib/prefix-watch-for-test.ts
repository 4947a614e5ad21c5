/** For prefix-table.test.ts: a thread that looks prefixes up while another one changes them all the time. */
import { isMainThread, workerData } from 'node:worker_threads'
import { type Network, parseIp } from './ip.ts'
import { NO_PREFIX, PrefixTable } from './prefix-table.ts'

export interface WatchStart {
  readonly memory: SharedArrayBuffer
  /** Places of WATCHED. */
  readonly counts: Int32Array
}

const LOOKUPS = 300_000

export const WATCHES = 4

export const WATCHED = {
  hits: 0,
  wrong: 1,
  missed: 2,
  done: 3,
  networks: 5000,
  /** In the table all the time, beside those that come and go. */
  staying: ['192.0.2.0/24', '2001:db8:ffff::/48', '198.51.100.7'],
  /** Of one length, so that an entry of another prefix at the same place would be taken for it. */
  network(i: number): Network {
    if (i % 2 === 0) return { family: 4, bytes: Uint8Array.from([203, 0, i >> 8, i]), prefixLength: 32 }
    const bytes = new Uint8Array(16)
    bytes.set([0x20, 1, 0xd, 0xb8, 0, 0, i >> 8, i])
    return { family: 6, bytes, prefixLength: 64 }
  },
  /** What the table holds for it: a value that belongs to no other. */
  value({ bytes, prefixLength }: Network): number {
    return (
      ((bytes[2] << 16) | (bytes.at(prefixLength === 64 ? 6 : -2)! << 8) | bytes.at(prefixLength === 64 ? 7 : -1)!) + 1
    )
  },
}

if (!isMainThread) watch(workerData as WatchStart)

function watch({ memory, counts }: WatchStart): void {
  const table = new PrefixTable(memory)
  const staying = ['192.0.2.77', '2001:db8:ffff::1', '198.51.100.7'].map((text) => parseIp(text) ?? new Uint8Array(4))
  for (let i = 0; i < LOOKUPS; i++) {
    const wanted = WATCHED.network((i * 7919) % WATCHED.networks)
    const value = table.longest(wanted.bytes, 0, wanted.family)
    if (value === WATCHED.value(wanted)) counts[WATCHED.hits]++
    else if (value !== NO_PREFIX) counts[WATCHED.wrong]++
    const stays = staying[i % staying.length]
    if (table.longest(stays, 0, stays.length === 4 ? 4 : 6) === NO_PREFIX) counts[WATCHED.missed]++
  }
  Atomics.store(counts, WATCHED.done, 1)
}

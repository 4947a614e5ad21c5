/** What the kernel tells of the io_uring of a daemon's workers. Node's own event loops have rings too, of another size. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'

/** Entries of ours, less one [io-ring.ts RING_ENTRIES]. */
const OUR_MASK = '0x3f'

export interface RingFacts {
  /** Our rings of all workers. */
  readonly rings: number
  /** Entries they have taken since they were made. */
  readonly entries: number
}

export function ringFacts(pid: number): RingFacts {
  const facts = { rings: 0, entries: 0 }
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    if (linkOf(`/proc/${pid}/fd/${fd}`) !== 'anon_inode:[io_uring]') continue
    const text = readFileSync(join(`/proc/${pid}/fdinfo`, fd), 'utf8')
    if (/SqMask:\s*(\w+)/.exec(text)?.[1] !== OUR_MASK) continue
    facts.rings++
    facts.entries += Number(/SqHead:\s*(\d+)/.exec(text)?.[1])
  }
  return facts
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

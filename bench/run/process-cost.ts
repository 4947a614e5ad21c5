/** What a process and all its children cost so far: CPU time and memory in user space, read from /proc. */
import { readFileSync, readdirSync } from 'node:fs'

/** CLK_TCK, fixed to 100 by Linux's user-space interface. */
const TICKS_PER_SECOND = 100

/** The process and its descendants: a launcher that stays, and nginx's worker, count as the proxy. */
export function processTree(pid: number): number[] {
  const tree = [pid]
  for (const member of tree) {
    for (const task of listTasks(member)) {
      tree.push(...readWords(`/proc/${member}/task/${task}/children`).map(Number))
    }
  }
  return tree
}

/**
 * CPU seconds of the tree, kernel and user, all threads. From schedstat (nanoseconds) where the kernel has it;
 * else from utime + stime, whose 10 ms ticks are coarse for short rounds. Both hold the same sum of run times.
 */
export function cpuSeconds(pid: number): number {
  let seconds = 0
  for (const member of processTree(pid)) seconds += schedstatSeconds(member) ?? tickSeconds(member)
  return seconds
}

function schedstatSeconds(pid: number): number | undefined {
  let nanoseconds = 0
  for (const task of listTasks(pid)) {
    const [running] = readWords(`/proc/${pid}/task/${task}/schedstat`)
    if (running === undefined) return undefined
    nanoseconds += Number(running)
  }
  return nanoseconds / 1e9
}

function tickSeconds(pid: number): number {
  const stat = read(`/proc/${pid}/stat`)
  // The command in brackets may hold spaces; fields are counted after it: utime is the 12th, stime the 13th.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / TICKS_PER_SECOND
}

/** Bytes of anonymous and shared-anonymous memory in RAM: heap, stacks, buffers; not code, not socket buffers. */
export function userMemoryBytes(pid: number): number {
  let kibibytes = 0
  for (const member of processTree(pid)) {
    for (const [, size] of read(`/proc/${member}/status`).matchAll(/^Rss(?:Anon|Shmem):\s+(\d+) kB$/gm)) {
      kibibytes += Number(size)
    }
  }
  return kibibytes * 1024
}

function listTasks(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`)
  } catch {
    return []
  }
}

function readWords(path: string): string[] {
  return read(path).split(/\s+/).filter(Boolean)
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // The process or thread ended between listing and reading.
    return ''
  }
}

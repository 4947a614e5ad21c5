/**
 * How much CPU others used while a round ran. On a shared machine a round during which somebody compiled
 * says nothing about a proxy; it is run again instead of being averaged in.
 */
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { processTree } from './process-cost.ts'

/** CLK_TCK, fixed to 100 by Linux's user-space interface. */
const TICKS_PER_SECOND = 100

interface Reading {
  readonly atMs: number
  /** CPU seconds of the whole machine, idle and waiting excluded; steal included, for that CPU was not ours. */
  readonly busySeconds: number
  readonly ownSeconds: number
}

/** Share of the machine's CPU time, 0 to 1, that went to others while `work` ran. */
export async function othersShareDuring(work: () => Promise<void>): Promise<number> {
  const before = read()
  await work()
  const after = read()
  const othersSeconds = after.busySeconds - before.busySeconds - (after.ownSeconds - before.ownSeconds)
  const capacitySeconds = ((after.atMs - before.atMs) / 1000) * availableParallelism()
  return Math.max(0, othersSeconds / capacitySeconds)
}

function read(): Reading {
  return { atMs: performance.now(), busySeconds: machineBusySeconds(), ownSeconds: ownTreeSeconds() }
}

function machineBusySeconds(): number {
  // `cpu user nice system idle iowait irq softirq steal …` [proc(5)]
  const [, user, nice, system, , , irq, softirq, steal] = readFileSync('/proc/stat', 'utf8').split(/\s+/, 9).map(Number)
  return (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND
}

/** This process, what it started, and what of that has ended already. */
function ownTreeSeconds(): number {
  let ticks = 0
  for (const pid of processTree(process.pid)) {
    const fields = statFields(pid)
    // utime, stime; and of children that ended, cutime, cstime. Fields 14-17, counted here from field 3.
    for (const field of [11, 12, 13, 14]) ticks += Number(fields[field] ?? 0)
  }
  return ticks / TICKS_PER_SECOND
}

function statFields(pid: number): string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  } catch {
    return []
  }
}

/**
 * How much CPU others used while a round ran. On a shared machine a round during which somebody compiled
 * says nothing about a proxy; it is run again instead of being averaged in.
 */
import { readdirSync, readFileSync } from 'node:fs'
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

/**
 * Who the others are. `all`: whatever made the machine busy and was none of our processes. `processes`: only processes
 * and what they started, for work that the kernel does on packets as they come, which belongs to no process.
 */
export type Others = 'all' | 'processes'

/** Share of the machine's CPU time, 0 to 1, that went to others while `work` ran. */
export async function othersShareDuring(work: () => Promise<void>, others: Others = 'all'): Promise<number> {
  const before = read(others)
  await work()
  const after = read(others)
  const othersSeconds = after.busySeconds - before.busySeconds - (after.ownSeconds - before.ownSeconds)
  const capacitySeconds = ((after.atMs - before.atMs) / 1000) * availableParallelism()
  return Math.max(0, othersSeconds / capacitySeconds)
}

function read(others: Others): Reading {
  const busySeconds = others === 'all' ? machineBusySeconds() : processesSeconds()
  return { atMs: performance.now(), busySeconds, ownSeconds: ownTreeSeconds() }
}

/** Of all processes but the kernel's own threads. */
function processesSeconds(): number {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids.reduce((ticks, pid) => ticks + (isOfKernel(pid) ? 0 : ticksOf(pid)), 0) / TICKS_PER_SECOND
}

/** Children of kthreadd, which is always 2; and itself. Field 4 is the parent. */
function isOfKernel(pid: string): boolean {
  return pid === '2' || statFields(pid)[1] === '2'
}

function machineBusySeconds(): number {
  // `cpu user nice system idle iowait irq softirq steal …` [proc(5)]
  const [, user, nice, system, , , irq, softirq, steal] = readFileSync('/proc/stat', 'utf8').split(/\s+/, 9).map(Number)
  return (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND
}

/** This process, what it started, and what of that has ended already. */
function ownTreeSeconds(): number {
  let ticks = 0
  for (const pid of processTree(process.pid)) ticks += ticksOf(pid)
  return ticks / TICKS_PER_SECOND
}

/** utime, stime; and of children that ended, cutime, cstime. Fields 14-17, counted here from field 3. */
function ticksOf(pid: number | string): number {
  const fields = statFields(pid)
  return [11, 12, 13, 14].reduce((ticks, field) => ticks + Number(fields[field] ?? 0), 0)
}

function statFields(pid: number | string): string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  } catch {
    return []
  }
}

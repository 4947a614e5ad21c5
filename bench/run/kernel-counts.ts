/** What the kernel counts of this network and of one CPU, and what it says of attempts that were turned away. */
import { readFileSync } from 'node:fs'

/** CLK_TCK, fixed to 100 by Linux's user-space interface. */
const TICKS_PER_SECOND = 100

export interface KernelCounts {
  readonly atMs: number
  /** IPv4 packets that came, and those that passed all rules on their way to a program of this machine. */
  readonly inReceives: number
  readonly inDelivers: number
  /** Handshakes completed on our listeners, which then wait to be accepted. */
  readonly passiveOpens: number
  /** Of the one CPU that was asked for; NaN without. */
  readonly idleSeconds: number
  readonly softirqSeconds: number
}

export interface TurnedAway {
  readonly perSecond: number
  /** 0 to 1: dropped by nftables, of all turned away. */
  readonly shareInKernel: number
  readonly cpuMsPerThousand: number
  /** 0 to 1: of that CPU time, what the kernel spent on packets as they came. */
  readonly softirqShare: number
}

export function readKernelCounts(cpu: string | undefined): KernelCounts {
  const snmp = readFileSync('/proc/self/net/snmp', 'utf8')
  return {
    atMs: performance.now(),
    inReceives: snmpCount(snmp, 'Ip', 'InReceives'),
    inDelivers: snmpCount(snmp, 'Ip', 'InDelivers'),
    passiveOpens: snmpCount(snmp, 'Tcp', 'PassiveOpens'),
    ...cpuTimes(readFileSync('/proc/stat', 'utf8'), cpu),
  }
}

/** A line of names, then a line of numbers, both behind `Ip:`. */
export function snmpCount(text: string, protocol: string, name: string): number {
  const [names, values] = text.split('\n').filter((line) => line.startsWith(`${protocol}: `))
  return Number(values?.split(' ')[names.split(' ').indexOf(name)])
}

/**
 * `cpu0 user nice system idle iowait irq softirq steal …` [proc(5)]. Whoever was stolen from was not busy. Idle time is
 * what the kernel measures where a CPU sleeps without ticks; the other fields are sampled by ticks, which it then misses.
 */
export function cpuTimes(stat: string, cpu: string | undefined): Pick<KernelCounts, 'idleSeconds' | 'softirqSeconds'> {
  const line = cpu === undefined ? undefined : stat.split('\n').find((each) => each.startsWith(`cpu${cpu} `))
  const [, , , , idle, iowait, , softirq, steal] = (line ?? '').split(/\s+/).map(Number)
  return {
    idleSeconds: (idle + iowait + steal) / TICKS_PER_SECOND,
    softirqSeconds: softirq / TICKS_PER_SECOND,
  }
}

/** A packet that nftables drops was received and not delivered; a handshake that was completed is refused by a program. */
export function turnedAwayBetween(before: KernelCounts, after: KernelCounts): TurnedAway {
  const seconds = (after.atMs - before.atMs) / 1000
  const dropped = after.inReceives - before.inReceives - (after.inDelivers - before.inDelivers)
  const all = dropped + after.passiveOpens - before.passiveOpens
  const busySeconds = Math.max(0, seconds - (after.idleSeconds - before.idleSeconds))
  return {
    perSecond: all / seconds,
    shareInKernel: dropped / all,
    cpuMsPerThousand: (busySeconds * 1000) / (all / 1000),
    softirqShare: Math.min(1, (after.softirqSeconds - before.softirqSeconds) / busySeconds),
  }
}

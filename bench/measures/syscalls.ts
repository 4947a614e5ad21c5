/**
 * System calls for each new connection, counted by strace, and TCP segments on loopback, both connections together
 * (counted for the whole network namespace: use --own-network). Not among the defaults: strace slows everything
 * but the counts.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { peersIn, portTo, type Lab, type RunningPeer } from '../run/lab.ts'
import { SMALL_PATH } from '../run/origin.ts'
import { processTree } from '../run/process-cost.ts'
import { start } from '../run/processes.ts'
import { loadHttp, SMALL_LOAD_CONNECTIONS } from './http-load.ts'
import type { Measure, Preparation, Row, Sample } from './measure.ts'

const ATTACH_MS = 300
/** These calls are named in the table; the rest is in the sum. */
const NAMED = [
  'accept4',
  'socket',
  'connect',
  'epoll_ctl',
  'epoll_wait',
  'recv',
  'send',
  'setsockopt',
  'getsockopt',
  'shutdown',
  'close',
]
/** Calls that do the same under another name. */
const SAME_AS: Record<string, string> = {
  recvfrom: 'recv',
  read: 'recv',
  readv: 'recv',
  sendto: 'send',
  write: 'send',
  writev: 'send',
  sendmsg: 'send',
  epoll_pwait: 'epoll_wait',
  epoll_pwait2: 'epoll_wait',
  accept: 'accept4',
}

async function prepare(lab: Lab): Promise<Preparation> {
  const rows: Row[] = []
  for (const { peer, proxy } of peersIn(lab, 'syscalls')) {
    if (proxy.running === undefined) continue
    rows.push({ name: peer.name, peer: peer.name, round: (seconds) => countCalls(lab, proxy, seconds) })
  }
  return { rows }
}

async function countCalls(lab: Lab, proxy: RunningPeer, seconds: number): Promise<Sample> {
  const pid = proxy.running?.pid ?? 0
  const countsPath = join(lab.dir, `strace-${pid}`)
  const attach = processTree(pid).flatMap((member) => ['-p', String(member)])
  const strace = start(['strace', '-c', '-f', '-o', countsPath, ...attach], { label: `strace-of-${pid}`, dir: lab.dir })
  await sleep(ATTACH_MS)
  const port = portTo(proxy, lab.origin.plainPort)
  const load = { port, path: SMALL_PATH, connections: SMALL_LOAD_CONNECTIONS, closeEach: true }
  const segmentsBefore = segmentsSent()
  const { requests } = await loadHttp(lab, proxy, load, seconds)
  const segments = (segmentsSent() - segmentsBefore) / requests
  const gone = new Promise((resolve) => strace.process.once('exit', resolve))
  process.kill(strace.pid, 'SIGINT')
  await gone
  await strace.stop()
  return { segments, ...perConnection(readFileSync(countsPath, 'utf8'), requests) }
}

/** `OutSegs` of [proc(5)] /proc/net/snmp: two lines `Tcp:`, names and values. */
function segmentsSent(): number {
  const [names, values] = readFileSync('/proc/net/snmp', 'utf8').match(/^Tcp: .*$/gm) ?? []
  return Number(values?.split(' ')[names?.split(' ').indexOf('OutSegs') ?? -1])
}

/** Lines are: `% time  seconds  usecs/call  calls  errors  syscall`; `errors` may be empty. */
function perConnection(table: string, connections: number): Sample {
  const sample: Record<string, number> = { all: 0, ...Object.fromEntries(NAMED.map((name) => [name, 0])) }
  for (const [, calls, syscall] of table.matchAll(/^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)(?:\s+\d+)?\s+(\w+)$/gm)) {
    if (syscall === 'total') continue
    const name = SAME_AS[syscall] ?? syscall
    sample['all'] += Number(calls) / connections
    if (name in sample) sample[name] += Number(calls) / connections
  }
  return sample
}

export const syscalls: Measure = {
  name: 'syscalls',
  title: 'syscalls: system calls for each new connection',
  needs: ['wrk', 'strace'],
  metrics: ['segments', 'all', ...NAMED].map((key) => ({
    key,
    label: key,
    better: 'less',
    digits: 2,
    informative: true,
  })),
  warmUpSeconds: 1,
  countsOnly: true,
  prepare,
}

/** Everything that the findings are drawn from, gathered in one go; the rest of the doctor is pure. */
import { availableParallelism, networkInterfaces, release } from 'node:os'
import { ffiProblem, fileLimit } from '../../kernel/limits.ts'
import type { FileLimit } from '../../kernel/limits.ts'
import {
  containerName,
  countPortList,
  fullestDestination,
  numberSetting,
  numbersSetting,
  parseNetstat,
  parseRights,
  parseSockstat,
  readTextFile,
} from '../../kernel/proc-facts.ts'
import { runNft } from '../../kernel/nftables.ts'
import { memoryBytes } from '../limits/memory-bytes.ts'
import type { DestinationUse, ReadText, Rights, SocketUse } from '../../kernel/proc-facts.ts'

export interface Facts {
  readonly nodeVersion: string
  readonly platform: NodeJS.Platform
  readonly arch: string
  readonly kernelRelease: string
  readonly processors: number
  /** What this process may use: the machine's, or its container's. */
  readonly memoryBytes: number
  readonly container: string | undefined
  /** Addresses of this machine's network interfaces. */
  readonly ownAddresses: readonly string[]
  readonly trials: Trials
  readonly fileLimit: FileLimit | undefined
  readonly settings: Settings
  readonly sockets: SocketUse | undefined
  readonly fullest: DestinationUse | undefined
  readonly tcpCounters: ReadonlyMap<string, number>
  readonly rights: Rights | undefined
  /** `nftables v1.0.6 (…)`; undefined where there is no nft on the PATH. */
  readonly nftVersion: string | undefined
  /** Of countries and AS numbers, as the configuration names them. */
  readonly databases: readonly DatabaseFact[]
  /** Undefined without a configuration. */
  readonly store: StoreFact | undefined
}

export interface StoreFact {
  /** admin.stateDir */
  readonly folder: string
  /** Why it cannot be written. */
  readonly problem: string | undefined
  readonly fileBytes: number | undefined
  readonly freeBytes: number | undefined
  /** Files of before that were set aside. */
  readonly damaged: number
}

export interface DatabaseFact {
  readonly file: string
  /** As it says of itself. */
  readonly type: string
  readonly ageMs: number
  /** Why it cannot be read. */
  readonly problem: string | undefined
}

/** Why something does not work; undefined where it does. What could not be tried for another's sake says so. */
export interface Trials {
  readonly nativeCalls: string | undefined
  readonly epoll: string | undefined
  readonly splice: string | undefined
  readonly ioUring: string | undefined
  /** Of a pipe made as the linux engine makes them; 0 where there was none. */
  readonly pipeBytes: number
}

export interface Settings {
  readonly somaxconn: number | undefined
  readonly synBacklogMax: number | undefined
  readonly synCookies: number | undefined
  readonly synAckRetries: number | undefined
  readonly timeWaitReuse: number | undefined
  readonly portRange: readonly [first: number, last: number] | undefined
  readonly reservedPorts: number
  readonly unprivilegedPortStart: number
  readonly receiveBufferMax: number | undefined
  readonly sendBufferMax: number | undefined
  /** What autotuning goes up to. */
  readonly receiveAutoMax: number | undefined
  readonly sendAutoMax: number | undefined
  /** Pages: low, pressure, high. */
  readonly tcpMemoryPages: readonly number[] | undefined
  readonly pipeBytesMax: number | undefined
  /** 0 is no limit. */
  readonly pipeUserPagesSoft: number | undefined
  readonly conntrackMax: number | undefined
  readonly conntrackCount: number | undefined
  /** 1: a packet from the middle of a connection that was never seen begins one. */
  readonly conntrackLoose: number | undefined
}

/** Reading the socket tables takes the kernel about 1 ms for each thousand; a machine with more is told from counters. */
const COUNTED_SOCKETS_MAX = 300_000

export async function gatherFacts(
  databases: readonly DatabaseFact[],
  store: StoreFact | undefined,
  read: ReadText = readTextFile,
): Promise<Facts> {
  const settings = readSettings(read)
  const sockets = parseSockstat(read('/proc/net/sockstat') ?? '')
  return {
    nodeVersion: process.versions.node,
    platform: process.platform,
    arch: process.arch,
    kernelRelease: release(),
    processors: availableParallelism(),
    memoryBytes: memoryBytes(),
    container: containerName(read, process.env),
    ownAddresses: Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address)),
    trials: await runTrials(),
    fileLimit: fileLimit(),
    settings,
    sockets,
    fullest: fullestOf(read, settings, sockets),
    tcpCounters: parseNetstat(read('/proc/net/netstat') ?? '', 'TcpExt'),
    rights: parseRights(read('/proc/self/status') ?? ''),
    nftVersion: await runNft(['--version']).catch(() => undefined),
    databases,
    store,
  }
}

export function readSettings(read: ReadText): Settings {
  const portRange = numbersSetting(read, 'net.ipv4.ip_local_port_range')
  return {
    somaxconn: numberSetting(read, 'net.core.somaxconn'),
    synBacklogMax: numberSetting(read, 'net.ipv4.tcp_max_syn_backlog'),
    synCookies: numberSetting(read, 'net.ipv4.tcp_syncookies'),
    synAckRetries: numberSetting(read, 'net.ipv4.tcp_synack_retries'),
    timeWaitReuse: numberSetting(read, 'net.ipv4.tcp_tw_reuse'),
    portRange: portRange === undefined ? undefined : [portRange[0], portRange[1]],
    reservedPorts: countPortList(read('/proc/sys/net/ipv4/ip_local_reserved_ports') ?? ''),
    // Absent before Linux 4.11 and on other systems, where the line is the old one.
    unprivilegedPortStart: numberSetting(read, 'net.ipv4.ip_unprivileged_port_start') ?? 1024,
    receiveBufferMax: numberSetting(read, 'net.core.rmem_max'),
    sendBufferMax: numberSetting(read, 'net.core.wmem_max'),
    receiveAutoMax: numbersSetting(read, 'net.ipv4.tcp_rmem')?.[2],
    sendAutoMax: numbersSetting(read, 'net.ipv4.tcp_wmem')?.[2],
    tcpMemoryPages: numbersSetting(read, 'net.ipv4.tcp_mem'),
    pipeBytesMax: numberSetting(read, 'fs.pipe-max-size'),
    pipeUserPagesSoft: numberSetting(read, 'fs.pipe-user-pages-soft'),
    conntrackMax: numberSetting(read, 'net.netfilter.nf_conntrack_max'),
    conntrackCount: numberSetting(read, 'net.netfilter.nf_conntrack_count'),
    conntrackLoose: numberSetting(read, 'net.netfilter.nf_conntrack_tcp_loose'),
  }
}

function fullestOf(read: ReadText, settings: Settings, sockets: SocketUse | undefined): DestinationUse | undefined {
  if (settings.portRange === undefined || sockets === undefined) return undefined
  if (sockets.inUse + sockets.timeWait > COUNTED_SOCKETS_MAX) return undefined
  const tables = ['/proc/net/tcp', '/proc/net/tcp6'].map((path) => read(path) ?? '')
  return fullestDestination(tables, settings.portRange)
}

async function runTrials(): Promise<Trials> {
  const nativeCalls =
    process.platform === 'linux' ? ffiProblem() : `the linux engine needs Linux, this is ${process.platform}`
  if (nativeCalls !== undefined) {
    const untried = 'could not be tried without native calls'
    return { nativeCalls, epoll: untried, splice: untried, ioUring: untried, pipeBytes: 0 }
  }
  const { tryEpoll, tryIoUring, trySplice } = await import('../../kernel/trial.ts')
  let pipeBytes = 0
  const epoll = problemOf(tryEpoll)
  const splice = problemOf(() => ({ pipeBytes } = trySplice()))
  return { nativeCalls, epoll, splice, ioUring: problemOf(tryIoUring), pipeBytes }
}

function problemOf(trial: () => unknown): string | undefined {
  try {
    trial()
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

/** A service of the tables, made ready for system calls: addresses as sockaddr, options as numbers. Made at every swap. */
import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import type { SocketAddress } from '../../lib/ip.ts'
import { AF, close, errnoName, SOCK, socket } from '../../kernel/libc.ts'
import { nativeSocketAddress } from '../../kernel/socket-address.ts'
import type { NativeSocketAddress } from '../../kernel/socket-address.ts'
import { OPTION, setInteger, setText } from '../../kernel/socket-option.ts'
import type { SocketOption } from '../../kernel/socket-option.ts'
import { SERVICE_STRIDE } from '../counters.ts'
import type { Service, SocketOptions } from '../tables.ts'
import { hasWireRules } from '../wire/wire-rules.ts'

export interface ServicePlan {
  readonly service: Service
  /** Where the service's block of counters begins. */
  readonly countersAt: number
  /** Beside `service.candidates`, one to one. */
  readonly candidates: readonly NativeSocketAddress[]
  readonly sources: readonly NativeSocketAddress[]
  /** Beside `candidates`: may a connect to it end in itself? See `isLocalClientPort`. */
  readonly mayMeetItself: readonly boolean[]
  /** Set before connect, where the kernel wants them then. */
  readonly upstreamOptions: readonly PlannedOption[]
  /** Set once an upstream connection has lasted a moment: most are over before these matter. */
  readonly lastingOptions: readonly PlannedOption[]
  /** Set on the listening socket; accepted sockets inherit them. */
  readonly clientOptions: readonly PlannedOption[]
  /** Its clients' behaviour on the wire is looked at. */
  readonly hasWireRules: boolean
}

export interface PlannedOption {
  readonly name: string
  readonly option: SocketOption
  readonly value: number | string
}

/** Probes after keepAliveMs of silence, so far apart and so many. */
const KEEPALIVE_INTERVAL_SECONDS_MAX = 15
const KEEPALIVE_PROBES = 4

/** The machine is asked once for all of them: listing the interfaces takes 64 µs, and the worker stands still meanwhile. */
export function planServices(services: readonly Service[]): ServicePlan[] {
  const local = localClientPorts()
  return services.map((service) => planService(service, local))
}

export function planService(service: Service, local = localClientPorts()): ServicePlan {
  return {
    service,
    countersAt: service.index * SERVICE_STRIDE,
    candidates: service.candidates.map((candidate) => nativeSocketAddress(candidate.address)),
    mayMeetItself: service.candidates.map(({ address }) => isLocalClientPort(address, local)),
    sources: service.sourceAddresses.map(nativeSocketAddress),
    upstreamOptions: bufferOptions(service.upstreamSocket),
    lastingOptions: livenessOptions(service.upstreamSocket),
    clientOptions: [
      { name: 'noDelay', option: OPTION.noDelay, value: 1 },
      ...bufferOptions(service.clientSocket),
      ...livenessOptions(service.clientSocket),
    ],
    hasWireRules: hasWireRules(service.protect),
  }
}

/**
 * On our own machine and among the ports that clients get: the kernel may choose the very port that is dialled, and TCP
 * then connects the socket to itself [RFC 9293 3.5].
 */
function isLocalClientPort({ address, port }: SocketAddress, local: LocalClientPorts): boolean {
  const isOurs = address.startsWith('127.') || address === '::1' || local.addresses.has(address)
  return isOurs && port >= local.lowestPort
}

interface LocalClientPorts {
  readonly addresses: ReadonlySet<string>
  readonly lowestPort: number
}

function localClientPorts(): LocalClientPorts {
  const addresses = Object.values(networkInterfaces()).flatMap((own) => own?.map((ip) => ip.address) ?? [])
  return { addresses: new Set(addresses), lowestPort: lowestClientPort() }
}

/** net.ipv4.ip_local_port_range, which IPv6 uses too; 1024 where it can't be read. */
function lowestClientPort(): number {
  try {
    return Number.parseInt(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'latin1'), 10)
  } catch {
    return 1024
  }
}

function bufferOptions(socket: SocketOptions): PlannedOption[] {
  const wanted: [string, SocketOption, number | string | undefined][] = [
    ['receiveBuffer', OPTION.receiveBuffer, socket.receiveBufferBytes],
    ['sendBuffer', OPTION.sendBuffer, socket.sendBufferBytes],
    ['windowClamp', OPTION.windowClamp, socket.windowClampBytes],
    ['maxSegment', OPTION.maxSegment, socket.maxSegmentBytes],
    ['notSentLowWater', OPTION.notSentLowWater, socket.notSentLowWaterBytes],
    ['congestionControl', OPTION.congestion, socket.congestionControl],
  ]
  return wanted.flatMap(([name, option, value]) => (value === undefined ? [] : [{ name, option, value }]))
}

function livenessOptions(socket: SocketOptions): PlannedOption[] {
  const planned: PlannedOption[] = []
  if (socket.keepAliveMs !== undefined && socket.keepAliveMs > 0) {
    const idleSeconds = Math.max(1, Math.round(socket.keepAliveMs / 1000))
    const intervalSeconds = Math.min(idleSeconds, KEEPALIVE_INTERVAL_SECONDS_MAX)
    planned.push(
      { name: 'keepAlive', option: OPTION.keepAlive, value: 1 },
      { name: 'keepAlive', option: OPTION.keepIdleSeconds, value: idleSeconds },
      { name: 'keepAlive', option: OPTION.keepIntervalSeconds, value: intervalSeconds },
      { name: 'keepAlive', option: OPTION.keepCount, value: KEEPALIVE_PROBES },
    )
  }
  if (socket.userTimeoutMs !== undefined && socket.userTimeoutMs > 0) {
    planned.push({ name: 'userTimeout', option: OPTION.userTimeoutMs, value: socket.userTimeoutMs })
  }
  return planned
}

/** 0, or the errno of the first option the kernel refuses; the others are set all the same. */
export function applyOptions(fd: number, options: readonly PlannedOption[]): number {
  let failed = 0
  for (let i = 0; i < options.length; i++) {
    const code = applyOption(fd, options[i])
    if (failed === 0) failed = code
  }
  return failed
}

/** What the kernel has where nothing was ever set; it takes these as "your default" again. */
const UNDO: ReadonlyMap<SocketOption, number> = new Map<SocketOption, number>([
  // As wide as a window can be. 0 is refused while listening.
  [OPTION.windowClamp, 2 ** 30],
  [OPTION.maxSegment, 0],
  [OPTION.notSentLowWater, 0],
  [OPTION.keepAlive, 0],
  [OPTION.userTimeoutMs, 0],
])

/** Takes options back that were set before and are not wanted any more, on a listener that stays open. */
export function undoOptions(fd: number, before: readonly PlannedOption[], wanted: readonly PlannedOption[]): void {
  for (const { option } of before) {
    if (wanted.some((kept) => kept.option === option)) continue
    if (option === OPTION.congestion) setText(fd, option, defaultCongestionControl())
    // The size stays for this listener, but it grows with the window again [Linux 5.15].
    else if (option === OPTION.receiveBuffer || option === OPTION.sendBuffer) setInteger(fd, OPTION.bufferLock, 0)
    else if (UNDO.has(option)) setInteger(fd, option, UNDO.get(option)!)
  }
}

function defaultCongestionControl(): string {
  try {
    return readFileSync('/proc/sys/net/ipv4/tcp_congestion_control', 'latin1').trim()
  } catch {
    return 'cubic'
  }
}

function applyOption(fd: number, { option, value }: PlannedOption): number {
  return typeof value === 'string' ? setText(fd, option, value) : setInteger(fd, option, value)
}

/** What the kernel refuses of a plan, one sentence each, found out on a socket that is never used. */
export function optionComplaints(plan: ServicePlan): string[] {
  const fd = socket(AF.inet, SOCK.stream | SOCK.cloexec, 0)
  if (fd < 0) return []
  const complaints = [...plan.clientOptions, ...plan.upstreamOptions, ...plan.lastingOptions].flatMap((planned) => {
    const code = applyOption(fd, planned)
    if (code === 0) return []
    return [
      `Service ${plan.service.name}: the kernel refuses socket.${planned.name} ${planned.value} (${errnoName(code)}); its default stays.`,
    ]
  })
  close(fd)
  return [...new Set(complaints)]
}

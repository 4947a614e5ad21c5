/**
 * What the kernel tells about itself under /proc, as far as a TCP proxy needs it. Reading is an argument,
 * so the parsers are tested with captured text; what a machine does not tell is undefined.
 */
import { readFileSync } from 'node:fs'
import { formatIp, formatSocketAddress } from '../lib/ip.ts'
import type { SocketAddress } from '../lib/ip.ts'

/** The text of a file, or undefined where there is none or it may not be read. */
export type ReadText = (path: string) => string | undefined

export const readTextFile: ReadText = (path) => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

/** A setting such as `net.core.somaxconn` that is one number. */
export function numberSetting(read: ReadText, name: string): number | undefined {
  return numbersSetting(read, name)?.[0]
}

/** A setting of several numbers, such as `net.ipv4.tcp_rmem`. */
export function numbersSetting(read: ReadText, name: string): readonly number[] | undefined {
  const words = read(`/proc/sys/${name.replaceAll('.', '/')}`)
    ?.trim()
    .split(/\s+/)
  const numbers = words?.map(Number)
  return numbers === undefined || numbers.some(Number.isNaN) || words?.[0] === '' ? undefined : numbers
}

/** Ports in `22,8080-8090` [net.ipv4.ip_local_reserved_ports]. */
export function countPortList(text: string): number {
  return text
    .trim()
    .split(',')
    .filter((part) => part !== '')
    .map((part) => part.split('-').map(Number))
    .reduce((count, [first, last = first]) => count + last - first + 1, 0)
}

export interface SocketUse {
  readonly inUse: number
  readonly timeWait: number
  /** Pages of buffers over all TCP sockets. */
  readonly memoryPages: number
}

/** `TCP: inuse 1 orphan 0 tw 42298 alloc 1 mem 0` of /proc/net/sockstat. */
export function parseSockstat(text: string): SocketUse | undefined {
  const line = /^TCP: (.+)$/m.exec(text)?.[1]
  if (line === undefined) return undefined
  const value = (name: string): number => Number(new RegExp(`\\b${name} (\\d+)`).exec(line)?.[1] ?? 0)
  return { inUse: value('inuse'), timeWait: value('tw'), memoryPages: value('mem') }
}

/** The counters of one protocol, such as `TcpExt`, from /proc/net/netstat: a line of names over a line of numbers. */
export function parseNetstat(text: string, protocol: string): ReadonlyMap<string, number> {
  const [names = [], values = []] = text
    .split('\n')
    .filter((line) => line.startsWith(`${protocol}:`))
    .map((line) => line.split(/\s+/).slice(1))
  return new Map(names.map((name, i) => [name, Number(values[i])]))
}

/** Bits of CapEff [linux/capability.h]. */
export const CAPABILITIES = { netBindService: 10, netAdmin: 12, sysAdmin: 21, sysResource: 24 } as const

export interface Rights {
  readonly uid: number
  has(capability: keyof typeof CAPABILITIES): boolean
}

/** Effective user and capabilities of /proc/self/status. */
export function parseRights(text: string): Rights | undefined {
  const uid = /^Uid:\s+\d+\s+(\d+)/m.exec(text)?.[1]
  const effective = /^CapEff:\s+([0-9a-f]+)/m.exec(text)?.[1]
  if (uid === undefined || effective === undefined) return undefined
  const bits = BigInt(`0x${effective}`)
  return { uid: Number(uid), has: (capability) => (bits & (1n << BigInt(CAPABILITIES[capability]))) !== 0n }
}

/** How many local ports connections to one destination hold. */
export interface DestinationUse {
  readonly destination: string
  readonly ports: number
  readonly timeWait: number
}

const TIME_WAIT = '06'
const LISTEN = '0A'

/**
 * The destination that holds most ports of the range, from /proc/net/tcp and tcp6. A local port that is listened on
 * belongs to clients who came to us, not to a connection that we made.
 */
export function fullestDestination(
  tables: readonly string[],
  portRange: readonly [first: number, last: number],
): DestinationUse | undefined {
  const rows = tables.flatMap(socketRows)
  const listening = new Set(rows.filter(({ state }) => state === LISTEN).map(({ localPort }) => localPort))
  const useByDestination = new Map<string, { ports: number; timeWait: number }>()
  for (const { localPort, remote, state } of rows) {
    if (localPort < portRange[0] || localPort > portRange[1] || state === LISTEN || listening.has(localPort)) continue
    const use = useByDestination.get(remote) ?? { ports: 0, timeWait: 0 }
    use.ports++
    if (state === TIME_WAIT) use.timeWait++
    useByDestination.set(remote, use)
  }
  const [fullest] = [...useByDestination].toSorted(([, a], [, b]) => b.ports - a.ports)
  return fullest && { destination: formatSocketAddress(parseHexAddress(fullest[0])), ...fullest[1] }
}

interface SocketRow {
  readonly localPort: number
  readonly remote: string
  readonly state: string
}

/** ` 1: 0100007F:4650 0100007F:E350 06 …` */
function socketRows(table: string): SocketRow[] {
  return [...table.matchAll(/^\s*\d+: [0-9A-F]+:([0-9A-F]{4}) ([0-9A-F]+:[0-9A-F]{4}) ([0-9A-F]{2}) /gm)].map(
    ([, port, remote, state]) => ({ localPort: Number.parseInt(port, 16), remote, state }),
  )
}

/** Addresses are printed as 32-bit words in the machine's byte order, which is little-endian wherever we run. */
function parseHexAddress(text: string): SocketAddress {
  const [words, port] = text.split(':')
  const bytes = Buffer.from(words, 'hex').swap32()
  const address = formatIp(bytes)
  return { family: address.includes(':') ? 6 : 4, address, port: Number.parseInt(port, 16) }
}

/** The name of what contains this process; undefined on a machine of its own. */
export function containerName(read: ReadText, environment: NodeJS.ProcessEnv): string | undefined {
  if (environment.KUBERNETES_SERVICE_HOST !== undefined) return 'Kubernetes'
  if (read('/.dockerenv') !== undefined) return 'Docker'
  if (read('/run/.containerenv') !== undefined) return 'Podman'
  return environment.container
}

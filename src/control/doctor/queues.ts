/** Findings about the way in: accept queue, SYN queue, SYN cookies, connection tracking. */
import type { Facts } from './facts.ts'
import { count, ok, warn } from './finding.ts'
import type { Finding } from './finding.ts'
import type { Plan } from './plan.ts'

/** Linux's own default since 5.4; older ones say 128, which one burst fills. */
const SOMAXCONN_WANTED = 4096
const SYN_BACKLOG_WANTED = 1024

export function acceptQueueFinding({ settings }: Facts): Finding | undefined {
  const { somaxconn } = settings
  if (somaxconn === undefined) return undefined
  const sentence = `Each listener's queue of connections that wait to be accepted holds ${count(somaxconn)} (net.core.somaxconn).`
  if (somaxconn >= SOMAXCONN_WANTED) return ok('accept-queue', sentence)
  return warn('accept-queue', `${sentence} A burst fills it.`, `sysctl -w net.core.somaxconn=${SOMAXCONN_WANTED}`)
}

export function synQueueFinding({ settings }: Facts): Finding | undefined {
  const { synBacklogMax } = settings
  if (synBacklogMax === undefined) return undefined
  const sentence = `Up to ${count(synBacklogMax)} handshakes may be half done before cookies take over (net.ipv4.tcp_max_syn_backlog).`
  if (synBacklogMax >= SYN_BACKLOG_WANTED) return ok('syn-queue', sentence)
  return warn('syn-queue', sentence, 'sysctl -w net.ipv4.tcp_max_syn_backlog=4096')
}

export function synCookiesFinding({ settings }: Facts): Finding | undefined {
  switch (settings.synCookies) {
    case undefined:
      return undefined
    case 0:
      return warn(
        'syn-cookies',
        'SYN cookies are off: a flood of forged SYNs keeps everyone out.',
        'sysctl -w net.ipv4.tcp_syncookies=1',
      )
    case 1:
      return ok('syn-cookies', 'SYN cookies take over when a queue is full.')
    default:
      return warn(
        'syn-cookies',
        'SYN cookies are sent always: connections lose window scaling and SACK where the client sends no timestamps.',
        'sysctl -w net.ipv4.tcp_syncookies=1',
      )
  }
}

/** Counted since the machine started, for every program on it. */
export function queueOverflowsFinding({ tcpCounters }: Facts): Finding | undefined {
  const overflows = tcpCounters.get('ListenOverflows')
  if (overflows === undefined) return undefined
  const cookies = tcpCounters.get('TCPReqQFullDoCookies') ?? 0
  if (overflows === 0 && cookies === 0)
    return ok('queue-overflows', 'No listener on this machine has had a full queue.')
  return warn(
    'queue-overflows',
    `Since this machine started, listeners met a full queue ${count(overflows)} times, and answered with SYN cookies ${count(cookies)} times.`,
    'Look whether the numbers still rise: they tell of a flood or of a program that accepts too slowly (ss -ltn shows each queue as Recv-Q).',
  )
}

const CONNTRACK_WARN_SHARE = 0.7
/** One for the client's connection, one for ours to the upstream. */
const ENTRIES_PER_CONNECTION = 2

export function conntrackFinding({ settings, sockets }: Facts, { limits }: Plan): Finding | undefined {
  const { conntrackMax: max, conntrackCount: used } = settings
  if (max === undefined || used === undefined) return undefined
  if (used === 0 && (sockets?.inUse ?? 0) > 0) {
    return ok('conntrack', 'Connection tracking is there but no rule uses it: it limits nothing.')
  }
  const share = used / max
  const sentence = `Connection tracking holds ${count(used)} of ${count(max)} entries, ${Math.round(share * 100)} %.`
  const raise = `sysctl -w net.netfilter.nf_conntrack_max=${limits.connectionsMax * ENTRIES_PER_CONNECTION}, or exempt the service's ports (nft: notrack in a raw prerouting and output chain).`
  if (share >= CONNTRACK_WARN_SHARE)
    return warn('conntrack', `${sentence} When it is full the kernel drops new connections.`, raise)
  if (max >= limits.connectionsMax * ENTRIES_PER_CONNECTION) return ok('conntrack', sentence)
  return warn(
    'conntrack',
    `${sentence} Each proxied connection takes two, so it is full before the ceiling of ${count(limits.connectionsMax)} connections is reached.`,
    raise,
  )
}

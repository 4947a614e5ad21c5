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

/** Linux's own: a half-done handshake of a forged source takes its place for 63 s. */
const SYN_ACK_RETRIES_DEFAULT = 5

export function synAckRetriesFinding({ settings }: Facts): Finding | undefined {
  const { synAckRetries } = settings
  if (synAckRetries === undefined) return undefined
  const seconds = 2 ** (synAckRetries + 1) - 1
  const sentence = `A handshake whose client is silent holds its place for ${count(seconds)} s (net.ipv4.tcp_synack_retries=${synAckRetries}).`
  const remedy = 'Where SYN floods fill the queue: sysctl -w net.ipv4.tcp_synack_retries=3, which is 15 s.'
  if (synAckRetries > SYN_ACK_RETRIES_DEFAULT) return warn('syn-ack-retries', sentence, remedy)
  return ok('syn-ack-retries', sentence, synAckRetries > 3 ? remedy : undefined)
}

export function synCookiesFinding({ settings, tcpCounters }: Facts): Finding | undefined {
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
      return ok('syn-cookies', `SYN cookies take over when a queue is full.${cookiesSentence(tcpCounters)}`)
    default:
      return warn(
        'syn-cookies',
        'SYN cookies are sent always: connections lose window scaling and SACK where the client sends no timestamps.',
        'sysctl -w net.ipv4.tcp_syncookies=1',
      )
  }
}

/** What became of the cookies; nothing where none was sent. */
function cookiesSentence(tcpCounters: Facts['tcpCounters']): string {
  const sent = tcpCounters.get('SyncookiesSent') ?? 0
  if (sent === 0) return ''
  const received = tcpCounters.get('SyncookiesRecv') ?? 0
  const failed = tcpCounters.get('SyncookiesFailed') ?? 0
  return ` Since this machine started ${count(sent)} were sent and ${count(received)} came back; ${count(failed)} answers were to no cookie of ours.`
}

/** The kernel's counters begin with the machine (or the container's network), not with the daemon, and count for every program. */
export function queueOverflowsFinding({ tcpCounters }: Facts): Finding | undefined {
  const overflows = tcpCounters.get('ListenOverflows')
  if (overflows === undefined) return undefined
  const cookies = tcpCounters.get('TCPReqQFullDoCookies') ?? 0
  const dropped = tcpCounters.get('TCPReqQFullDrop') ?? 0
  // Overflows are drops as well; what is above them has other reasons, memory for one.
  const otherDrops = Math.max(0, (tcpCounters.get('ListenDrops') ?? 0) - overflows)
  if (overflows === 0 && cookies === 0 && dropped === 0 && otherDrops === 0)
    return ok('queue-overflows', 'No listener on this machine has had a full queue.')
  return warn(
    'queue-overflows',
    `Since this machine started, listeners met a full queue ${count(overflows)} times, and answered with SYN cookies ${count(cookies)} times; ${count(dropped)} handshakes were dropped for a full SYN queue, and ${count(otherDrops)} for other reasons.`,
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

/** Only where connection tracking is to tell which packets belong to a connection. */
export function conntrackLooseFinding({ settings }: Facts, { firewall }: Plan): Finding | undefined {
  if (firewall === undefined || firewall.mode === 'off' || !(firewall.dropInvalid || firewall.synproxy))
    return undefined
  const key = firewall.synproxy ? 'synproxy' : 'dropInvalid'
  if (settings.conntrackLoose === 0) {
    return ok('conntrack-loose', `Connection tracking takes up no stray packet, as protect.firewall.${key} wants it.`)
  }
  return warn(
    'conntrack-loose',
    firewall.synproxy
      ? 'Connection tracking takes stray packets for connections: protect.firewall.synproxy is left out.'
      : 'Connection tracking takes stray packets for connections: protect.firewall.dropInvalid lets floods of them through.',
    'sysctl -w net.netfilter.nf_conntrack_tcp_loose=0, at a time when open connections may end.',
  )
}

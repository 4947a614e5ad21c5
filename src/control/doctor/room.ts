/** Findings about room: open files, memory, the kernel's memory for TCP, buffers. */
import { formatSize } from '../../lib/size.ts'
import type { SocketOptions } from '../../traffic/tables.ts'
import { MEMORY_BYTES_PER_CONNECTION } from '../limits/node-limits.ts'
import type { Facts } from './facts.ts'
import { count, fail, ok, warn } from './finding.ts'
import type { Finding } from './finding.ts'
import type { Plan } from './plan.ts'

/** A flood of a small botnet holds this many; below it the file limit is the first thing to go. */
const CONNECTIONS_WANTED = 10_000
const RAISE_FILES =
  'Raise the hard limit: LimitNOFILE=1048576 in a systemd unit, --ulimit nofile=1048576 for a container, /etc/security/limits.conf for a login.'

export function openFilesFinding({ fileLimit }: Facts, { limits, filesMax }: Plan): Finding {
  const ceiling = limits.connectionsMax
  const raised =
    fileLimit !== undefined && fileLimit.soft < fileLimit.hard ? ` (now ${count(fileLimit.soft)}, raised at start)` : ''
  const bound = limits.boundBy === 'file limit' ? '' : `, bound by ${limits.boundBy}`
  const sentence = `${filesMax === Infinity ? 'Unlimited' : count(filesMax)} open files${raised}: a ceiling of ${count(Math.max(0, ceiling))} connections${bound}.`
  if (ceiling < 1) return fail('open-files', sentence, RAISE_FILES)
  const [unmet] = limits.warnings
  if (unmet !== undefined) return warn('open-files', sentence, unmet)
  return limits.boundBy === 'file limit' && ceiling < CONNECTIONS_WANTED
    ? warn('open-files', sentence, RAISE_FILES)
    : ok('open-files', sentence)
}

export function memoryFinding({ memoryBytes }: Facts, { limits }: Plan): Finding {
  const needed = limits.connectionsMax * MEMORY_BYTES_PER_CONNECTION
  const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`
  const sentence = `${gib(memoryBytes)} of memory; idle connections up to the ceiling take about ${gib(needed)}.`
  if (needed <= memoryBytes / 2) return ok('memory', sentence)
  return warn('memory', sentence, 'Lower traffic.maxConnections, or give the machine more memory.')
}

const TCP_MEMORY_WARN_SHARE = 0.7

export function tcpMemoryFinding({ settings, sockets }: Facts): Finding | undefined {
  const high = settings.tcpMemoryPages?.[2]
  if (high === undefined || sockets === undefined) return undefined
  const share = sockets.memoryPages / high
  const sentence = `TCP buffers hold ${count(sockets.memoryPages)} of ${count(high)} pages (net.ipv4.tcp_mem), ${Math.round(share * 100)} %.`
  if (share < TCP_MEMORY_WARN_SHARE) return ok('tcp-memory', sentence)
  return warn(
    'tcp-memory',
    `${sentence} At 100 % the kernel drops segments and connections.`,
    'Look for clients that do not read (`tidegate status`); cap buffers with socket.sendBuffer, or raise net.ipv4.tcp_mem.',
  )
}

export function buffersFinding({ settings }: Facts, { services }: Plan): Finding | undefined {
  const { receiveBufferMax, sendBufferMax, receiveAutoMax, sendAutoMax } = settings
  if (receiveBufferMax === undefined || sendBufferMax === undefined) return undefined
  for (const { name, clientSocket, upstreamSocket } of services) {
    for (const options of [clientSocket, upstreamSocket]) {
      const cut = cutBuffer(options, receiveBufferMax, sendBufferMax)
      if (cut !== undefined) return warn('buffers', `Service ${name} sets ${cut.sentence}`, cut.remedy)
    }
  }
  if (receiveAutoMax === undefined || sendAutoMax === undefined) return undefined
  // 100 ms is a far client; what fits in one round trip bounds the rate.
  const perSecond = formatSize(Math.floor((Math.min(receiveAutoMax, sendAutoMax) * 10) / 2 ** 20) * 2 ** 20)
  return ok(
    'buffers',
    `Autotuning goes up to ${formatSize(receiveAutoMax)} for receiving and ${formatSize(sendAutoMax)} for sending: about ${perSecond}/s for one connection over 100 ms.`,
  )
}

/** The kernel cuts SO_RCVBUF and SO_SNDBUF to the maximum without a word [socket(7)]. */
function cutBuffer(
  options: SocketOptions,
  receiveMax: number,
  sendMax: number,
): { readonly sentence: string; readonly remedy: string } | undefined {
  const explain = (word: string, setting: string, asked: number, max: number) => ({
    sentence: `${word}: ${formatSize(asked)}, and the kernel cuts it to ${setting}, ${formatSize(max)}.`,
    remedy: `sysctl -w ${setting}=${asked}`,
  })
  if ((options.receiveBufferBytes ?? 0) > receiveMax) {
    return explain('receiveBuffer', 'net.core.rmem_max', options.receiveBufferBytes!, receiveMax)
  }
  if ((options.sendBufferBytes ?? 0) > sendMax) {
    return explain('sendBuffer', 'net.core.wmem_max', options.sendBufferBytes!, sendMax)
  }
  return undefined
}

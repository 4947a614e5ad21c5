/** What synproxy needs to know of the machine: it answers for a listener that it has not asked. */
import { numberSetting, numbersSetting, type ReadText, readTextFile } from '../../kernel/proc-facts.ts'
import type { Handshake } from './ruleset.ts'

const WINDOW_SCALE_MAX = 14
/** Where the kernel does not say: 6 MiB, its own default. */
const RECEIVE_BUFFER_MAX = 6_291_456

export type HandshakeOrWhy =
  | { readonly handshake: Handshake; readonly why: undefined }
  | { readonly handshake: undefined; readonly why: string }

export function handshakeFor(read: ReadText = readTextFile): HandshakeOrWhy {
  if (numberSetting(read, 'net.ipv4.tcp_syncookies') === 0) {
    return { handshake: undefined, why: 'it needs net.ipv4.tcp_syncookies=1' }
  }
  // A last ACK that connection tracking takes for a connection under way never comes to synproxy, and nobody connects.
  if (numberSetting(read, 'net.netfilter.nf_conntrack_tcp_loose') !== 0) {
    return { handshake: undefined, why: 'it needs net.netfilter.nf_conntrack_tcp_loose=0' }
  }
  const largest = Math.max(
    numbersSetting(read, 'net.ipv4.tcp_rmem')?.[2] ?? RECEIVE_BUFFER_MAX,
    numberSetting(read, 'net.core.rmem_max') ?? 0,
  )
  // As tcp_select_initial_window() of the kernel: how often the largest buffer is halved until it fits in 16 bits.
  const windowScale = Math.min(WINDOW_SCALE_MAX, Math.max(0, Math.floor(Math.log2(largest)) - 15))
  return { handshake: { windowScale }, why: undefined }
}

/** The addresses behind an upstream: its own, or those its hostname resolved to. */
import type { UpstreamConfig } from './config.ts'

/** IP addresses in canonical text by hostname, in the order to try them. */
export type ResolvedAddresses = ReadonlyMap<string, readonly string[]>

/** Before anything is resolved. */
export const NO_ADDRESSES: ResolvedAddresses = new Map()

export function upstreamIps(upstream: UpstreamConfig, addresses: ResolvedAddresses): readonly string[] {
  return upstream.hostIsIp ? [upstream.host] : (addresses.get(upstream.host) ?? [])
}

/** Which addresses an upstream sees when this node connects to it. */
import { networkInterfaces } from 'node:os'
import { formatIp, parseIp } from '../../lib/ip.ts'
import type { ServiceConfig } from '../config/config.ts'

/** Every address of this machine that another one can see, without repeats. */
export function machineAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
  const addresses = all
    // A zone is part of no rule, and link-local addresses need one.
    .filter(({ internal, address }) => !internal && !isLinkLocal(address))
    .map(({ address }) => formatIp(parseIp(address)!))
  return [...new Set(addresses)]
}

/** Addresses from which the services are told to connect; where one is told nothing, those of the machine. */
export function nodeAddresses(services: readonly Pick<ServiceConfig, 'sourceAddresses'>[]): string[] {
  const chosen = services.flatMap(({ sourceAddresses }) => sourceAddresses.map(({ address }) => address))
  const isChosen = services.length > 0 && services.every(({ sourceAddresses }) => sourceAddresses.length > 0)
  return [...new Set(isChosen ? chosen : [...chosen, ...machineAddresses()])]
}

/** Not routed in the internet [RFC 1918, RFC 6598, RFC 4193]. */
export function isPrivate(address: string): boolean {
  const bytes = parseIp(address)
  if (bytes === undefined) return false
  if (bytes.length === 16) return (bytes[0] & 0xfe) === 0xfc || isLinkLocal(address) || isLoopbackText(address)
  const [a, b] = bytes
  return (
    a === 10 ||
    a === 127 ||
    (a === 172 && b >= 16 && b < 32) ||
    (a === 192 && b === 168) ||
    (a === 100 && b >= 64 && b < 128) ||
    isLinkLocal(address)
  )
}

export function isLoopbackText(address: string): boolean {
  const bytes = parseIp(address)
  return bytes !== undefined && (bytes.length === 4 ? bytes[0] === 127 : formatIp(bytes) === '::1')
}

function isLinkLocal(address: string): boolean {
  const bytes = parseIp(address.split('%')[0])
  if (bytes === undefined) return true
  return bytes.length === 4 ? bytes[0] === 169 && bytes[1] === 254 : bytes[0] === 0xfe && (bytes[1] & 0xc0) === 0x80
}

/** Which addresses a listener takes connections for. */
import type { IpFamily, SocketAddress } from '../../lib/ip.ts'

export interface ListenerAddress {
  readonly address: SocketAddress
  readonly dualStack: boolean
}

/** Could one connection be meant for both? A port 0 is another free port each time. */
export function listenersOverlap(a: ListenerAddress, b: ListenerAddress): boolean {
  if (a.address.port !== b.address.port || a.address.port === 0) return false
  const families: readonly IpFamily[] = [4, 6]
  return families.some((family) => {
    if (!takesFamily(a, family) || !takesFamily(b, family)) return false
    return isWildcard(a) || isWildcard(b) || a.address.address === b.address.address
  })
}

/** Does the listener take connections to this address of the machine? */
export function listenerTakes(listener: ListenerAddress, target: SocketAddress): boolean {
  if (listener.address.port !== target.port || !takesFamily(listener, target.family)) return false
  return isWildcard(listener) ? isLoopback(target) : listener.address.address === target.address
}

function takesFamily(listener: ListenerAddress, family: IpFamily): boolean {
  return listener.dualStack || listener.address.family === family
}

function isWildcard({ address }: ListenerAddress): boolean {
  return address.address === '0.0.0.0' || address.address === '::'
}

/** The one address of a wildcard listener that is this machine's for certain. */
function isLoopback({ family, address }: SocketAddress): boolean {
  return family === 4 ? address.startsWith('127.') : address === '::1'
}

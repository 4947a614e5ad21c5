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

/** Does a connection to the target come to this listener? `localIps` are the machine's own addresses, as far as known. */
export function listenerTakes(
  listener: ListenerAddress,
  target: SocketAddress,
  localIps: ReadonlySet<string>,
): boolean {
  if (listener.address.port !== target.port || !takesFamily(listener, target.family)) return false
  if (isWildcard(listener)) return isLoopback(target) || localIps.has(target.address)
  return listener.address.address === target.address
}

function takesFamily(listener: ListenerAddress, family: IpFamily): boolean {
  return listener.dualStack || listener.address.family === family
}

function isWildcard({ address }: ListenerAddress): boolean {
  return address.address === '0.0.0.0' || address.address === '::'
}

/** This machine's on every machine. */
function isLoopback({ family, address }: SocketAddress): boolean {
  return family === 4 ? address.startsWith('127.') : address === '::1'
}

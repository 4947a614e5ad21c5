import { formatSocketAddress } from '../lib/ip.ts'
import type { Listener } from '../traffic/tables.ts'

/** As in the configuration: `192.0.2.1:443`, `[::]:443`, and `*:443` for IPv4 and IPv6 at once. */
export function listenerText({ address, dualStack }: Listener): string {
  return dualStack ? `*:${address.port}` : formatSocketAddress(address)
}

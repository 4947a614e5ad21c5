/** One end of a connection as bytes, the form that the log and PROXY headers take. */
import type { Source } from '../admit/admission.ts'
import { parseIp, type IpFamily } from '../../lib/ip.ts'

export interface Endpoint {
  readonly family: IpFamily
  /** 4 or 16 bytes; IPv4 inside IPv6 has become IPv4. */
  readonly address: Uint8Array
  readonly port: number
}

/** A client that reset before it was looked at has no address any more. */
export const UNKNOWN_ENDPOINT: Endpoint = { family: 4, address: new Uint8Array(4), port: 0 }

/** From what node:net says of a socket; a zone (`fe80::1%eth0`) is left out. */
export function endpointOf(address: string | undefined, port: number | undefined): Endpoint {
  const bytes = address === undefined ? undefined : parseIp(withoutZone(address))
  if (bytes === undefined || port === undefined) return UNKNOWN_ENDPOINT
  return { family: bytes.length === 4 ? 4 : 6, address: bytes, port }
}

/** The form in which admission and the queue take an address. */
export function sourceOf({ family, address }: Endpoint): Source {
  return { addressBytes: address, addressAt: 0, family }
}

function withoutZone(address: string): string {
  const percent = address.indexOf('%')
  return percent === -1 ? address : address.slice(0, percent)
}

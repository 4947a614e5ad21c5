/** Reads what a person gives to a DNS probe: a domain, addresses, name servers. */
import { isIP } from 'node:net'
import { formatIp, parseIp } from '../../../lib/ip.ts'
import { readHostname } from '../../config/read-address.ts'

/** Says what is no domain, address or server. */
export class DnsProbeError extends Error {}

export function readName(text: string): string {
  const read = isIP(text) === 0 ? readHostname(text) : undefined
  if (read?.ok !== true || !/\./.test(text.replace(/\.$/, ''))) {
    const why = read === undefined ? 'is an address' : read.ok ? 'has no dot' : read.problem
    throw new DnsProbeError(`${JSON.stringify(text.slice(0, 300))} ${why}; expected a domain such as www.example.com.`)
  }
  return read.value.replace(/\.$/, '')
}

export function canonical(text: string, what: string): string {
  const bytes = parseIp(text)
  if (bytes === undefined) throw new DnsProbeError(`${what} ${JSON.stringify(text.slice(0, 80))} is no IP address.`)
  return formatIp(bytes)
}

/** `IP`, `IP:PORT` or `[IPv6]:PORT`. */
export function readServer(text: string): string {
  const [, six, sixPort] = /^\[([^\]]+)\](?::([1-9]\d{0,4}))?$/.exec(text) ?? []
  const [, four, fourPort] = /^([^:]+)(?::([1-9]\d{0,4}))?$/.exec(text) ?? []
  const address = six ?? (isIP(text) === 6 ? text : four)
  if (isIP(address ?? '') !== 0 && Number(sixPort ?? fourPort ?? 53) <= 65535) return text
  throw new DnsProbeError(
    `name server ${JSON.stringify(text.slice(0, 80))}: expected an IP address, with :PORT if not 53.`,
  )
}

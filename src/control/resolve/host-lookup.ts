/** One hostname to its addresses: the hosts file, then DNS, then whatever else the system knows. */
import { formatIp, parseIp } from '../../lib/ip.ts'
import { unconnectable } from '../config/explain-address.ts'

export interface DnsRecord {
  readonly address: string
  /** Seconds. */
  readonly ttl: number
}

/** The sources of addresses. `resolve4` and `resolve6` reject with `code` ENODATA or ENOTFOUND when the name has none. */
export interface Resolver {
  hostsFile(hostname: string): Promise<readonly string[]>
  resolve4(hostname: string): Promise<readonly DnsRecord[]>
  resolve6(hostname: string): Promise<readonly DnsRecord[]>
  /** getaddrinfo: knows search domains, mDNS and every other source of the system, but no TTL. */
  lookup(hostname: string): Promise<readonly string[]>
}

export interface FamilyAnswer {
  readonly addresses: readonly string[]
  /** No answer came, so nothing is known of this IP version now; an answer of `none` is an answer. */
  readonly unknown: boolean
}

export type HostAnswer =
  | {
      readonly kind: 'found'
      readonly ipv4: FamilyAnswer
      readonly ipv6: FamilyAnswer
      readonly ttlMs: number | undefined
    }
  | { readonly kind: 'failed'; readonly reason: string }

export async function lookUpHost(hostname: string, resolver: Resolver): Promise<HostAnswer> {
  const listed = await settle(resolver.hostsFile(hostname))
  if (listed.ok && listed.value.length > 0) return withoutTtl(listed.value)
  const [answer4, answer6] = await Promise.all([
    settle(resolver.resolve4(hostname)),
    settle(resolver.resolve6(hostname)),
  ])
  const records = [...(answer4.ok ? answer4.value : []), ...(answer6.ok ? answer6.value : [])]
  if (usable(records.map((record) => record.address)).length > 0) {
    return {
      kind: 'found',
      ipv4: familyAnswer(answer4),
      ipv6: familyAnswer(answer6),
      ttlMs: Math.min(...records.map((record) => record.ttl)) * 1000,
    }
  }
  const fallback = await settle(resolver.lookup(hostname))
  if (fallback.ok && usable(fallback.value).length > 0) return withoutTtl(fallback.value)
  return { kind: 'failed', reason: explainFailure(answer4, answer6, fallback) }
}

type Settled<Value> = { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly code: string }

async function settle<Value>(promise: Promise<Value>): Promise<Settled<Value>> {
  try {
    return { ok: true, value: await promise }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    return { ok: false, code: code ?? message }
  }
}

function familyAnswer(answer: Settled<readonly DnsRecord[]>): FamilyAnswer {
  if (answer.ok) return { addresses: usable(answer.value.map((record) => record.address)), unknown: false }
  return { addresses: [], unknown: !saysNone(answer.code) }
}

function saysNone(code: string): boolean {
  return code === 'ENODATA' || code === 'ENOTFOUND'
}

function withoutTtl(addresses: readonly string[]): HostAnswer {
  const ips = usable(addresses)
  const isV6 = (ip: string): boolean => ip.includes(':')
  return {
    kind: 'found',
    ipv4: { addresses: ips.filter((ip) => !isV6(ip)), unknown: false },
    ipv6: { addresses: ips.filter(isV6), unknown: false },
    ttlMs: undefined,
  }
}

/** Canonical, each once, without those that nothing can be connected to: blocking resolvers answer 0.0.0.0. */
function usable(addresses: readonly string[]): string[] {
  const ips = addresses.flatMap((address) => {
    const bytes = parseIp(address)
    return bytes === undefined || unconnectable(bytes) !== undefined ? [] : formatIp(bytes)
  })
  return [...new Set(ips)]
}

function explainFailure(answer4: Settled<unknown>, answer6: Settled<unknown>, fallback: Settled<unknown>): string {
  const codes = [answer4, answer6, fallback].map((answer) => (answer.ok ? 'no usable address' : answer.code))
  const [a, aaaa, system] = codes
  const dns = a === aaaa ? `DNS: ${a}` : `DNS: ${a} for IPv4, ${aaaa} for IPv6`
  return `${dns}; system: ${system}`
}

/** Who may send mail for a domain, as far as it gives away addresses [RFC 7208 5]. */
import { type Network, parseNetwork } from '../../../lib/ip.ts'

export interface SpfTerms {
  readonly networks: readonly { readonly text: string; readonly network: Network }[]
  /** Names whose addresses count; `''` is the domain itself. */
  readonly hosts: readonly string[]
  /** Names whose mail servers count. */
  readonly mailOf: readonly string[]
  /** Names whose SPF record counts as well. */
  readonly includes: readonly string[]
}

/** Undefined where the text is no SPF record. Macros (`%{…}`) depend on the mail, and are left out. */
export function parseSpf(text: string): SpfTerms | undefined {
  const [version, ...words] = text.trim().split(/\s+/)
  if (version.toLowerCase() !== 'v=spf1') return undefined
  const networks: { text: string; network: Network }[] = []
  const hosts: string[] = []
  const mailOf: string[] = []
  const includes: string[] = []
  for (const word of words) {
    const [, name, sign, rest] = /^[+?~-]?([a-z0-9]+)([:=/]?)(.*)$/i.exec(word) ?? []
    const value = sign === '/' ? '' : (rest ?? '')
    if (name === undefined || value.includes('%')) continue
    // `a:host/24` counts the networks around the host's addresses; the host is what it gives away.
    const host = value.split('/')[0]
    const kind = name.toLowerCase()
    if (kind === 'ip4' || kind === 'ip6') {
      const network = parseNetwork(value) ?? parseNetwork(host)
      if (network !== undefined) networks.push({ text: value, network })
    } else if (kind === 'a') hosts.push(host)
    else if (kind === 'mx') mailOf.push(host)
    else if (kind === 'include' || kind === 'redirect') includes.push(host)
  }
  return { networks, hosts, mailOf, includes }
}

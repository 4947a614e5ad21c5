/** Reads the URL of a check. What can never work is refused here; whether it works now is for the check to find. */
import { explainIp } from './explain-address.ts'
import type { CheckTarget, CheckUrl } from './active-check.ts'
import { readUpstreamAddress } from './read-address.ts'
import { read, unread } from './reading.ts'
import type { Reading } from './reading.ts'

const PORT_BY_SCHEME = { http: 80, https: 443 } as const
export const CHECK_URL_CHARACTERS_MAX = 2000

/** `/health`, `https://{address}/health`, `http://{host}:8080/health` or `https://status.example/a`. */
export function readCheckUrl(text: string): Reading<CheckUrl> {
  const bad = (problem: string): Reading<CheckUrl> => unread('E_CONFIG_URL', problem)
  if (text.length > CHECK_URL_CHARACTERS_MAX) return bad(`is longer than ${CHECK_URL_CHARACTERS_MAX} characters`)
  const stranger = /[^\x21-\x7e]/.exec(text)
  if (stranger !== null) return bad(`has ${JSON.stringify(stranger[0])}; write it percent-encoded`)
  if (text.includes('#')) return bad('has a fragment (#…), which is never sent; take it out')
  if (text.startsWith('/')) {
    return read({ text, isHttps: false, target: { kind: 'upstream', port: undefined }, path: text })
  }
  const match = /^(https?):\/\/([^/?]*)(.*)$/i.exec(text)
  if (match === null) return bad(explainScheme(text))
  const scheme = match[1].toLowerCase() as keyof typeof PORT_BY_SCHEME
  const target = readTarget(match[2], PORT_BY_SCHEME[scheme])
  if (!target.ok) return target
  const path = match[3].startsWith('/') ? match[3] : `/${match[3]}`
  return read({ text, isHttps: scheme === 'https', target: target.value, path })
}

function explainScheme(text: string): string {
  const expected = 'expected http://…, https://…, or a path such as /health'
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)
  if (scheme !== null) return `has the scheme ${scheme[1].slice(0, 20)}; ${expected}`
  if (/^https?:/i.test(text)) return `has no // after its scheme; ${expected}`
  return text === '' ? `is empty; ${expected}` : `has no scheme; ${expected}`
}

/** The part between `//` and the path. */
function readTarget(authority: string, schemePort: number): Reading<CheckTarget> {
  const bad = (problem: string): Reading<CheckTarget> => unread('E_CONFIG_URL', problem)
  if (authority === '') return bad('has no host')
  if (authority.includes('@')) return bad('has a user or password in it; put them in headers, as Authorization')
  const braces = /\{[^}]*\}?/.exec(authority)?.[0]
  if (braces !== undefined && braces !== '{address}' && braces !== '{host}') {
    return bad(`has ${braces}; expected {address} or {host}`)
  }
  if (authority === '{address}') return read({ kind: 'upstream', port: undefined })
  if (authority.startsWith('{address}')) return bad('has something behind {address}, which has its port; use {host}')
  if (braces === '{host}' && !/^\{host\}(:|$)/.test(authority)) return bad('has something beside {host}')
  // The same rules as for upstreams; an address of the documentation stands in for the placeholder.
  const withIp = authority.replace('{host}', '192.0.2.1')
  const hasPort = /^\[.*\]:|^[^[\]]*:/.test(withIp)
  const address = readUpstreamAddress(hasPort ? withIp : `${withIp}:${schemePort}`)
  if (!address.ok) return unread('E_CONFIG_URL', address.problem)
  const { host, port, hostIsIp } = address.value
  return read(braces === '{host}' ? { kind: 'upstream', port } : { kind: 'elsewhere', host, port, hostIsIp })
}

/** The name that a certificate must be for. */
export function readServerName(text: string): Reading<string> {
  const address = readUpstreamAddress(`${text}:443`)
  if (address.ok && !address.value.hostIsIp) return read(address.value.host)
  return unread('E_CONFIG_HOSTNAME', address.ok ? 'is an IP address; TLS sends names only' : explainName(text))
}

function explainName(text: string): string {
  return text.includes(':') ? explainIp(text, 'a hostname without a port') : 'is not a hostname'
}

/** Where the host ends and the port begins. */
import { parseIp } from '../../lib/ip.ts'
import { read, unread } from './reading.ts'
import type { Reading } from './reading.ts'

export interface HostPort {
  readonly host: string
  readonly port: string
  readonly bracketed: boolean
}

export type Purpose = 'listen on' | 'connect to'

export function splitHostPort(text: string, purpose: Purpose): Reading<HostPort> {
  const bracketed = /^\[([^\]]*)\]:(.*)$/s.exec(text)
  if (bracketed !== null) return read({ host: bracketed[1], port: bracketed[2], bracketed: true })
  const colon = text.indexOf(':')
  const isPlain = colon > 0 && colon === text.lastIndexOf(':') && !isForeign(text)
  if (isPlain) return read({ host: text.slice(0, colon), port: text.slice(colon + 1), bracketed: false })
  return explainSplit(text, purpose)
}

/** URLs and Unix sockets have a colon too. */
function isForeign(text: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(text) || /^unix:|^[./@]/.test(text)
}

function explainSplit(text: string, purpose: Purpose): Reading<HostPort> {
  const address = (problem: string): Reading<HostPort> => unread('E_CONFIG_ADDRESS', problem)
  const example = purpose === 'listen on' ? '0.0.0.0:443' : '203.0.113.10:443'
  if (/:\/\//.test(text)) return address(`is a URL; expected an address and a port, such as ${example}`)
  if (isForeign(text)) return address('is a path; Unix sockets are not supported, only TCP')
  if (text === '') return address(`is empty; expected an address and a port, such as ${example}`)
  if (/^:?\d+$/.test(text)) {
    const port = text.replace(':', '')
    const right = purpose === 'listen on' ? `"*:${port}" or 0.0.0.0:${port}` : `127.0.0.1:${port}`
    return address(`is a port without an address; write ${right}`)
  }
  if (/^\[.*\]$/.test(text) || !text.includes(':')) return unread('E_CONFIG_PORT', `has no port; write ${text}:443`)
  const end = text.lastIndexOf(':')
  const host = text.slice(0, end)
  if (parseIp(host)?.length === 16 && /^\d+$/.test(text.slice(end + 1))) {
    return address(`leaves open where the address ends; write "[${host}]${text.slice(end)}"`)
  }
  if (parseIp(text)?.length === 16) return address(`has no port; write an IPv6 address in brackets: "[${text}]:443"`)
  return address('has too many colons; expected an address and a port, IPv6 in brackets: "[2001:db8::1]:443"')
}

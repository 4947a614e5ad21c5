/**
 * Keeps web pages out. An operator's browser reaches the admin address where an attacker can't, and any page may send
 * requests there: to a name of the page's own that suddenly resolves to us (DNS rebinding, told by Host), or across
 * sites (told by Origin, which browsers put on every POST). Programs such as curl send no Origin.
 */
import { hostname } from 'node:os'
import type { IncomingMessage } from 'node:http'
import { parseIp } from '../lib/ip.ts'
import { ApiProblem } from './problem.ts'

/** Throws E_HOST for a name that somebody else may have made to lead here. */
export function requireOwnHost({ headers }: IncomingMessage, ownName: string = hostname()): void {
  const { host } = headers
  if (host === undefined || isOwnHost(host, ownName)) return
  throw new ApiProblem(
    'E_HOST',
    'Ask by IP address, by localhost or by the name of the machine: a web page could be behind any other name.',
  )
}

/** Throws E_ORIGIN for what a page wants to change. */
export function requireOwnOrigin(request: IncomingMessage): void {
  if (request.headers.origin === undefined || isReading(request)) return
  throw new ApiProblem('E_ORIGIN', 'What comes from a web page changes nothing here.')
}

/** No page can be served under an IP address that is ours, nor under a name that only this machine has. */
function isOwnHost(host: string, ownName: string): boolean {
  const name = host.replace(/:\d{0,5}$/, '').toLowerCase()
  if (name === 'localhost' || name === ownName.toLowerCase()) return true
  return parseIp(name.replace(/^\[(.*)\]$/, '$1')) !== undefined
}

/** Nothing is changed by them; what they answer stays hidden from a page of another site, as no CORS header is sent. */
function isReading({ method }: IncomingMessage): boolean {
  return method === 'GET' || method === 'HEAD'
}

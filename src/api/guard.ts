/**
 * Keeps web pages of others out. An operator's browser reaches the admin address where an attacker can't, and any page may send
 * requests there: to a name of the page's own that suddenly resolves to us (DNS rebinding, told by Host), or across
 * sites (told by Origin, which browsers put on every POST). Programs such as curl send no Origin.
 * Names that the configuration gives (`admin.hosts`) are the operator's word that nobody else decides where they lead.
 */
import { hostname } from 'node:os'
import type { IncomingMessage } from 'node:http'
import type { Identity } from '../control/access/identity.ts'
import { parseIp } from '../lib/ip.ts'
import { ApiProblem } from './problem.ts'
import { isEncrypted } from './session-cookie.ts'

/** The dashboard sends it with each change; a form, or a page of another site, cannot. */
const PAGE_HEADER = 'x-tidegate'
/** A header may have thousands. */
const HOST_CHARACTERS_SHOWN = 100

/** Throws E_HOST for a name that somebody else may have made to lead here. */
export function requireOwnHost(
  { headers }: IncomingMessage,
  hosts: readonly string[],
  ownName: string = hostname(),
): void {
  const { host } = headers
  if (host === undefined || isOwnHost(host, hosts, ownName)) return
  const shown = JSON.stringify(host.slice(0, HOST_CHARACTERS_SHOWN))
  const others = 'Ask by IP address, by localhost, by the name of the machine, or by a name of admin.hosts'
  throw new ApiProblem(
    'E_HOST',
    `${others}: a web page could be behind ${shown}. If that name is yours, put it into admin.hosts and reload.`,
  )
}

/** Throws E_ORIGIN for what a page wants to change, unless it is our own. A page has a cookie, and no token. */
export function requireOwnOrigin(request: IncomingMessage): void {
  const { origin, authorization } = request.headers
  if (origin === undefined || isReading(request)) return
  if (authorization === undefined && isOwnPage(request)) return
  throw new ApiProblem('E_ORIGIN', 'What comes from a web page other than the dashboard changes nothing here.')
}

/** Throws E_ORIGIN for a change with a session's cookie that does not show that it comes from our page. */
export function requireProofOfPage(request: IncomingMessage, identity: Identity | undefined): void {
  if (identity?.kind !== 'user' || isReading(request) || isOwnPage(request)) return
  throw new ApiProblem(
    'E_ORIGIN',
    'With a cookie a change needs Origin, equal to the address of the dashboard, and X-Tidegate: 1. Programs send a token instead.',
  )
}

function isOwnPage({ headers, socket }: IncomingMessage): boolean {
  const { origin, host } = headers
  if (host === undefined || headers[PAGE_HEADER] !== '1') return false
  return origin?.toLowerCase() === `${isEncrypted(socket) ? 'https' : 'http'}://${host.toLowerCase()}`
}

/** No page can be served under an IP address that is ours, nor under a name that only this machine or its operator has. */
function isOwnHost(host: string, hosts: readonly string[], ownName: string): boolean {
  const name = host.replace(/:\d{0,5}$/, '').toLowerCase()
  if (name === 'localhost' || name === ownName.toLowerCase() || hosts.includes(name)) return true
  return parseIp(name.replace(/^\[(.*)\]$/, '$1')) !== undefined
}

/** Nothing is changed by them; what they answer stays hidden from a page of another site, as no CORS header is sent. */
function isReading({ method }: IncomingMessage): boolean {
  return method === 'GET' || method === 'HEAD'
}

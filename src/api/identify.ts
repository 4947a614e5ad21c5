/** Who asks, by the credentials of the request; and whether they may. */
import type { FastifyRequest } from 'fastify'
import type { Access } from '../control/access/access.ts'
import { type Identity, isAtLeast } from '../control/access/identity.ts'
import { isLoopback, socketAddress } from '../lib/ip.ts'
import { ApiProblem } from './problem.ts'
import { isEncrypted, readSessionCookie } from './session-cookie.ts'

const BEARER = /^Bearer ([\w.~+/-]{1,200}=*)$/

/**
 * Undefined without credentials, and for a session that is over. Throws E_UNAUTHENTICATED for a wrong token. `isLookOnly`:
 * nobody asked, it is only looked whether they still may.
 */
export async function identify(
  { headers, socket }: FastifyRequest,
  access: Access,
  isLookOnly = false,
): Promise<Identity | undefined> {
  const { authorization } = headers
  if (authorization === undefined) {
    const session = readSessionCookie(headers.cookie, isEncrypted(socket))
    return session === undefined ? undefined : await access.identify({ session, isLookOnly })
  }
  const token = BEARER.exec(authorization)?.[1]
  const identity = token === undefined ? undefined : await access.identify({ token })
  if (identity !== undefined) return identity
  throw new ApiProblem('E_UNAUTHENTICATED', 'The token is not known here, or has expired.')
}

/** A page asks again by itself, and says so: nobody is there for it, perhaps. */
export function isLook({ method, headers }: FastifyRequest): boolean {
  return method === 'GET' && headers['x-tidegate'] === 'look'
}

/** Throws E_UNAUTHENTICATED for nobody, E_FORBIDDEN for somebody else. */
export function requireRole({ identity, routeOptions, socket, params }: FastifyRequest, access: Access): void {
  const { role = 'admin', isForService = false, isForAnyService = false } = routeOptions.config
  if (role === 'open') return
  const isLocal = cameInOnLoopback(socket.localAddress ?? '')
  if (role === 'open-on-loopback' && isLocal) return
  if (identity === undefined) throw whoAsks(isLocal ? access.localTokenFile : undefined)
  const wanted = role === 'open-on-loopback' ? 'viewer' : role
  if (!isAtLeast(identity.role, wanted)) {
    throw new ApiProblem('E_FORBIDDEN', `${identity.who} is ${identity.role}; this needs ${wanted}.`)
  }
  if (identity.services === undefined || isForAnyService) return
  const { service } = params as { readonly service?: string }
  if (isForService && service !== undefined && identity.services.includes(service)) return
  throw new ApiProblem('E_FORBIDDEN', `${identity.who} is only for ${identity.services.join(', ')}.`)
}

function whoAsks(tokenFile: string | undefined): ApiProblem {
  const where = tokenFile === undefined ? '' : ` For who works on this machine there is one in ${tokenFile}.`
  return new ApiProblem(
    'E_UNAUTHENTICATED',
    `Who asks? Log in, or send a token: Authorization: Bearer TOKEN.${where}`,
    tokenFile === undefined ? {} : { tokenFile },
  )
}

/** Of this machine, then. */
export function cameInOnLoopback(localAddress: string): boolean {
  const address = socketAddress(localAddress, 0)
  return address !== undefined && isLoopback(address)
}

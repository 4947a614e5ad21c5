/**
 * The cookie with a session's id. Over TLS its name begins with `__Host-`, so that neither plain HTTP nor a neighbouring
 * host can have set it [RFC 6265bis 4.1.3.2]; browsers refuse such names on plain HTTP.
 */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { BegunSession } from '../control/access/sessions.ts'

const NAME = 'tidegate'
const NAME_OVER_TLS = `__Host-${NAME}`
const COOKIES_READ_MAX = 50

/** The first one counts; undefined where there is none. */
export function readSessionCookie(header: string | undefined, isOverTls: boolean): string | undefined {
  const name = isOverTls ? NAME_OVER_TLS : NAME
  for (const part of (header ?? '').split(';', COOKIES_READ_MAX)) {
    const [key, ...value] = part.split('=')
    if (key.trim() === name) return value.join('=').trim()
  }
  return undefined
}

export function setSessionCookie(request: FastifyRequest, reply: FastifyReply, { id, lastsMs }: BegunSession): void {
  reply.header('set-cookie', cookieText(isEncrypted(request.socket), id, Math.floor(lastsMs / 1000)))
}

export function clearSessionCookie(request: FastifyRequest, reply: FastifyReply): void {
  reply.header('set-cookie', cookieText(isEncrypted(request.socket), '', 0))
}

export function isEncrypted(socket: Socket): boolean {
  return socket instanceof TLSSocket
}

function cookieText(isOverTls: boolean, value: string, maxAgeS: number): string {
  const common = `Path=/; Max-Age=${maxAgeS}; HttpOnly; SameSite=Strict`
  return isOverTls ? `${NAME_OVER_TLS}=${value}; ${common}; Secure` : `${NAME}=${value}; ${common}`
}

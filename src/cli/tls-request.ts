/**
 * Requests over TLS. A daemon's own certificate is signed by nobody: it is known by its fingerprint, which is compared
 * before a byte is sent. Without one an authority's word counts, or, on this machine, whose socket it is.
 */
import { request } from 'node:http'
import { connect, type TLSSocket } from 'node:tls'
import { CommandError } from './exit-code.ts'

const ANSWER_BYTES_MAX = 256 * 1024 * 1024

export interface TlsAnswer {
  readonly status: number
  readonly text: string
}

/** What is known of who should answer. */
export type Trust =
  | { readonly kind: 'authority' }
  | { readonly kind: 'fingerprint'; readonly fingerprint: string }
  /** For a question with no secret in it. */
  | { readonly kind: 'anybody' }

/** The certificate is signed by no authority that this machine knows, or is for another name. */
export class UntrustedError extends Error {
  override readonly name = 'UntrustedError'
  readonly fingerprint: string

  constructor(fingerprint: string, why: string) {
    super(why)
    this.fingerprint = fingerprint
  }
}

/** Throws UntrustedError where an authority should vouch and none does, CommandError for another fingerprint. */
export async function sendOverTls(
  url: URL,
  init: RequestInit,
  trust: Trust,
): Promise<TlsAnswer & { readonly fingerprint: string }> {
  const socket = await connectTo(url, init.signal ?? undefined)
  try {
    const { fingerprint256: fingerprint } = socket.getPeerCertificate()
    requireTrust(url, socket, fingerprint, trust)
    return { ...(await ask(url, init, socket)), fingerprint }
  } finally {
    socket.destroy()
  }
}

/** `AB:CD:…` and `abcd…` are the same. Throws CommandError for what is none. */
export function normalFingerprint(text: string): string {
  const hex = text
    .replace(/^sha256:/i, '')
    .replaceAll(':', '')
    .toUpperCase()
  if (/^[\dA-F]{64}$/.test(hex)) return hex.match(/../g)!.join(':')
  throw new CommandError(
    `${JSON.stringify(text)} is no SHA-256 fingerprint; the daemon's log has it as admin-certificate.`,
  )
}

function requireTrust(url: URL, socket: TLSSocket, fingerprint: string, trust: Trust): void {
  if (trust.kind === 'anybody') return
  if (trust.kind === 'authority') {
    if (!socket.authorized) throw new UntrustedError(fingerprint, String(socket.authorizationError))
    return
  }
  if (fingerprint === trust.fingerprint) return
  throw new CommandError(
    `${url.host} has a certificate with another fingerprint, ${fingerprint}: either it is not your daemon, or it got a new one.`,
  )
}

function connectTo(url: URL, signal: AbortSignal | undefined): Promise<TLSSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>()
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const servername = /^[\d.]+$|:/.test(host) ? {} : { servername: host }
  // Who it is, is for requireTrust to say, before anything is sent.
  const socket = connect({ host, port: Number(url.port || 443), rejectUnauthorized: false, ...servername })
  signal?.addEventListener('abort', () => socket.destroy(signal.reason as Error), { once: true })
  socket.once('error', reject)
  socket.once('secureConnect', () => resolve(socket))
  return promise
}

function ask(url: URL, { method = 'GET', headers, body }: RequestInit, socket: TLSSocket): Promise<TlsAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<TlsAnswer>()
  const call = request({
    method,
    path: url.pathname + url.search,
    headers: { host: url.host, ...Object.fromEntries(new Headers(headers)) },
    createConnection: () => socket,
  })
  call.on('error', reject)
  call.on('response', (response) => {
    let text = ''
    response.setEncoding('utf8').on('data', (piece: string) => {
      text += piece
      if (text.length > ANSWER_BYTES_MAX) socket.destroy(new Error('the answer is too long'))
    })
    response.on('error', reject)
    response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
  })
  socket.once('error', reject)
  const text = typeof body === 'string' ? body : ''
  // Node frames no body of DELETE by itself.
  if (text !== '') call.setHeader('content-length', Buffer.byteLength(text))
  call.end(text)
  return promise
}

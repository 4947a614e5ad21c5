/** One request to a daemon, by HTTP or over TLS, with the token that was given, or with its own on this machine. */
import { ADMIN_PATHS, Problem } from '../api/contract.ts'
import { CommandError } from './exit-code.ts'
import { isOnThisMachine, readLocalToken } from './local-token.ts'
import { normalFingerprint, sendOverTls, type TlsAnswer, type Trust, UntrustedError } from './tls-request.ts'
import { givenFingerprint, givenToken } from './token-option.ts'

/** Of the daemon on this machine that was asked before; `top` and `status` ask every second. */
let localToken: string | undefined
/** Who answers over TLS, as it was found out before. */
let trust: Trust | undefined
/** What is told by an address alone: plain HTTP or TLS. */
let isTlsByNow = false

/** Throws CommandError where who answers can't be trusted; else what `fetch` throws. */
export async function send(asked: URL, request: RequestInit): Promise<TlsAnswer> {
  const url = urlInUse(asked)
  try {
    return await sendWithToken(url, request)
  } catch (error) {
    // A daemon that speaks TLS hangs up on plain HTTP, before it has read anything.
    if (url.protocol !== 'http:' || !isOnThisMachine(url) || !isHangUp(error as Error)) throw error
    isTlsByNow = true
    return await sendWithToken(overTls(url), request).catch((second: Error) => {
      isTlsByNow = false
      throw second instanceof CommandError ? second : error
    })
  }
}

/** With the scheme that was found to be the daemon's. */
export function urlInUse(asked: URL): URL {
  return isTlsByNow ? overTls(asked) : asked
}

async function sendWithToken(url: URL, request: RequestInit): Promise<TlsAnswer> {
  const token = givenToken()?.token ?? localToken
  const first = await sendOnce(url, request, token)
  if (first.status !== 401 || token !== undefined) return first
  localToken = localTokenFor(url, first.text)
  return localToken === undefined ? first : await sendOnce(url, request, localToken)
}

/** Only to the place that was named; over TLS only once it is known who that is. Throws as `send`. */
export async function sendOnce(url: URL, request: RequestInit, token: string | undefined): Promise<TlsAnswer> {
  const headers = new Headers(request.headers)
  if (token !== undefined) headers.set('authorization', `Bearer ${token}`)
  if (url.protocol === 'https:') {
    trust ??= await trustFor(url, request.signal)
    return await sendOverTls(url, { ...request, headers }, trust)
  }
  const response = await fetch(url, { ...request, headers, redirect: 'error' })
  return { status: response.status, text: await response.text() }
}

/** Nothing is told to who answers before that is known. Throws CommandError with what to do. */
async function trustFor(url: URL, signal: RequestInit['signal']): Promise<Trust> {
  const given = givenFingerprint()
  if (given !== undefined) return { kind: 'fingerprint', fingerprint: normalFingerprint(given) }
  const question = new URL(ADMIN_PATHS.status, url)
  const init = signal === undefined ? {} : { signal }
  try {
    await sendOverTls(question, init, { kind: 'authority' })
    return { kind: 'authority' }
  } catch (error) {
    if (!(error instanceof UntrustedError)) throw error
    const { text, fingerprint } = await sendOverTls(question, init, { kind: 'anybody' })
    // On loopback nobody is between us and the socket, and the socket is that of the token's owner.
    if (fingerprint === error.fingerprint && localTokenFor(url, text) !== undefined) {
      return { kind: 'fingerprint', fingerprint }
    }
    throw new CommandError(
      `${url.host} has a certificate that no authority vouches for (${error.message}). Its fingerprint is ${error.fingerprint}: if the daemon's log says the same (admin-certificate), give it with --fingerprint or TIDEGATE_FINGERPRINT.`,
    )
  }
}

function localTokenFor(url: URL, refusal: string): string | undefined {
  const { tokenFile } = Problem.safeParse(parseJson(refusal)).data ?? {}
  return tokenFile === undefined ? undefined : readLocalToken(url, tokenFile)
}

function overTls(url: URL): URL {
  const other = new URL(url)
  other.protocol = 'https:'
  // The default port of one is not that of the other.
  if (other.port === '' && url.port === '') other.port = '80'
  return other
}

function isHangUp(error: Error): boolean {
  const { code, message } = (error.cause ?? error) as NodeJS.ErrnoException
  return code === 'ECONNRESET' || code === 'UND_ERR_SOCKET' || /other side closed|Expected HTTP/.test(message)
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

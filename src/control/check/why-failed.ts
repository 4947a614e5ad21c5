/** What went wrong with an attempt, in words for a log line. */
import { LOOKUP_FAILED } from './shared-lookup.ts'

const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused (ECONNREFUSED)',
  ECONNRESET: 'the connection was reset (ECONNRESET)',
  EPIPE: 'the connection was closed (EPIPE)',
  EHOSTUNREACH: 'the host is unreachable (EHOSTUNREACH)',
  ENETUNREACH: 'the network is unreachable (ENETUNREACH)',
  ETIMEDOUT: 'the connection timed out (ETIMEDOUT)',
  EADDRNOTAVAIL: 'no local address or port is free for it (EADDRNOTAVAIL)',
  EMFILE: 'this process has no file left for it (EMFILE)',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet',
  CERT_REVOKED: 'its certificate is revoked',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed, by no authority that is trusted here',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is signed by an authority that is not trusted here',
  UNABLE_TO_GET_ISSUER_CERT: 'its certificate is signed by an authority that is not trusted here',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate is signed by an authority that is not trusted here',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is signed by an authority that is not trusted here',
  HPE_HEADER_OVERFLOW: 'the head of its answer is too large (16 KiB are taken)',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'it does not speak TLS',
}

/** Text of the other side may be in it: a log line has room for so much. */
const REASON_CHARACTERS_MAX = 200

/** A sentence that follows what was tried, such as `GET http://203.0.113.10/: `. */
export function whyFailed(error: unknown, certificateName: string): string {
  const { code, message, cert } = error as NodeJS.ErrnoException & { cert?: { subjectaltname?: string } }
  if (code === LOOKUP_FAILED) return `its name does not resolve (${message})`
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return clean(`its certificate is for ${cert?.subjectaltname ?? 'other names'}, not for ${certificateName}`)
  }
  const words = code === undefined ? undefined : WORDS[code]
  if (words !== undefined) return words
  if (code?.startsWith('HPE_') === true) return clean(`its answer is not HTTP (${code})`)
  // Several addresses of a name were tried, and each failed in its own way.
  if (error instanceof AggregateError && error.errors.length > 0) return whyFailed(error.errors[0], certificateName)
  return clean(code === undefined ? message : `${message} (${code})`)
}

function clean(text: string): string {
  const line = text.replaceAll(/[\p{Cc}\p{Cf}\s]+/gu, ' ').trim()
  return line.length <= REASON_CHARACTERS_MAX ? line : `${line.slice(0, REASON_CHARACTERS_MAX)}…`
}

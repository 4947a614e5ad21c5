/** Reads the single values of `notify`. None of them can carry a line break into a header. */
import { parseSize } from '../../lib/size.ts'
import { readUpstreamAddress } from './read-address.ts'
import { read, unread } from './reading.ts'
import type { Reading } from './reading.ts'

const URL_CHARACTERS_MAX = 2_000
/** [RFC 5321 4.5.3.1.3], less the angle brackets. */
const MAIL_ADDRESS_CHARACTERS_MAX = 254
/** More than any machine has. */
const ABOVE_MAX = 1e12

/** Private addresses are taken: receivers often are in the same network (docs/notify.md). */
export function readReceiverUrl(text: string): Reading<string> {
  const bad = (problem: string): Reading<string> => unread('E_CONFIG_URL', problem)
  if (text.length > URL_CHARACTERS_MAX) return bad(`is longer than ${URL_CHARACTERS_MAX} characters`)
  if (/[^\x21-\x7e]/.test(text)) return bad('has a space, or a character that has to be percent-encoded')
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol)) return bad('is no URL; expected https://HOST/…')
  if (url.username !== '' || url.password !== '') return bad('has a user or password in it, which is never sent')
  if (url.hash !== '') return bad('has a fragment (#…), which is never sent; take it out')
  return read(url.href)
}

/** Of the syntax of mail addresses what is in use: no comments, no quotes, no lists. */
export function readMailAddress(text: string): Reading<string> {
  const isRight = /^[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(text)
  if (isRight && text.length <= MAIL_ADDRESS_CHARACTERS_MAX) return read(text)
  return unread('E_CONFIG_ADDRESS', 'is no mail address; expected one such as ops@example.com, without a name')
}

export interface MailServer {
  readonly host: string
  readonly port: number
}

export function readMailServer(text: string): Reading<MailServer> {
  const address = readUpstreamAddress(text)
  if (!address.ok && readUpstreamAddress(`${text}:587`).ok)
    return unread('E_CONFIG_PORT', `has no port; write ${text}:587, or the port that your mail server has`)
  return address.ok ? read({ host: address.value.host, port: address.value.port }) : address
}

export interface Above {
  readonly value: number
  /** It was written with a unit of sizes. */
  readonly isSize: boolean
}

/** `500`, `500/s`, `50MiB`, `50MiB/s`: it is a second in any case. */
export function readAbove(text: string): Reading<Above> {
  const plain = text.replace(/\/s$/, '')
  if (/^\d{1,13}$/.test(plain)) {
    const value = Number(plain)
    if (value <= ABOVE_MAX) return read({ value, isSize: false })
    return unread('E_CONFIG_VALUE', `is more than ${ABOVE_MAX}`)
  }
  const size = parseSize(plain)
  if (size.ok) return read({ value: size.value, isSize: true })
  return unread('E_CONFIG_VALUE', 'is no threshold; expected a whole number such as 500, or of bytes 50MiB')
}

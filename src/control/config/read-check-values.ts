/** Reads what an answer to a check must be: statuses and a body; and the other small values of `check`. */
import { LinearRegex } from '../../lib/linear-regex/linear-regex.ts'
import type { ExpectedBody, StatusRange } from './active-check.ts'
import { read, unread } from './reading.ts'
import type { Reading } from './reading.ts'

/** `204` or `200-399`. */
export function readStatusRange(text: string): Reading<StatusRange> {
  const bad = (problem: string): Reading<StatusRange> => unread('E_CONFIG_VALUE', problem)
  const match = /^(\d{1,12})(?:-(\d{1,12}))?$/.exec(text)
  if (match === null) return bad('is not a status; expected one such as 204, or a range such as 200-399')
  const [first, last] = [Number(match[1]), Number(match[2] ?? match[1])]
  if (first < 100 || last > 599) return bad('is out of range; statuses are 100 to 599')
  if (first > last) return bad(`ends before it begins; write ${last}-${first}`)
  return read({ first, last })
}

/** `text` is looked for as it stands, `/expression/flags` is matched. */
export function readExpectedBody(text: string): Reading<ExpectedBody> {
  if (text === '') return unread('E_CONFIG_VALUE', 'is empty, which is in every body; take the key out')
  const match = /^\/(.+)\/([a-z]*)$/s.exec(text)
  if (match === null) return read({ kind: 'text', text })
  const pattern = LinearRegex.parse(match[1], match[2])
  return pattern.ok ? read({ kind: 'pattern', pattern: pattern.value }) : unread('E_CONFIG_PATTERN', pattern.problem)
}

export function readHeaderValue(text: string): Reading<string> {
  // With a line break in it a value would be two headers, or the end of them [RFC 9110 5.5].
  if (/[\r\n]/.test(text)) return unread('E_CONFIG_VALUE', 'has a line break, which no header may have')
  if (/[^\t\x20-\x7e\x80-\xff]/.test(text)) return unread('E_CONFIG_VALUE', 'has a character that no header may have')
  return read(text.trim())
}

/** `10%` as 0.1. */
export function readPercent(text: string): Reading<number> {
  const match = /^(\d{1,3})%$/.exec(text)
  if (match === null) return unread('E_CONFIG_VALUE', 'is not a percentage; expected one such as 10%')
  const percent = Number(match[1])
  return percent <= 50 ? read(percent / 100) : unread('E_CONFIG_VALUE', 'is out of range; expected 0% to 50%')
}

/** What is wrong with a header's name; undefined when it can be sent. */
export function headerNameProblem(name: string): string | undefined {
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/.test(name)) return 'is not the name of a header'
  if (SET_BY_US.has(name.toLowerCase())) return 'is set by Tidegate; take it out'
  return undefined
}

/** They say how the request itself is sent: a wrong one would make every check hang. */
const SET_BY_US = new Set(['connection', 'content-length', 'expect', 'te', 'trailer', 'transfer-encoding', 'upgrade'])

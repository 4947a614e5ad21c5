/** The values of a configuration as people write them, by their keys: what two configurations are compared by. */
import { createHmac, randomBytes } from 'node:crypto'
import { type Network, formatNetwork, formatSocketAddress, type SocketAddress } from '../../lib/ip.ts'
import { formatDuration } from '../../lib/duration.ts'
import { formatRate, type Rate } from '../../lib/rate.ts'
import { formatSize } from '../../lib/size.ts'
import type { CheckUrl, ExpectedBody, StatusRange } from '../config/active-check.ts'
import type { DatabaseConfig } from '../config/config.ts'

/** `connectTimeout` → `5s`, `socket.client.receiveBuffer` → `64KiB`. */
export type TextByKey = ReadonlyMap<string, string>

/** Fields of Config whose keys in the file are called otherwise; a test compares the keys that come out with the schema. */
const KEY_BY_FIELD: Readonly<Record<string, string>> = {
  clientSocket: 'socket.client',
  upstreamSocket: 'socket.upstream',
  checkUrl: 'check.url',
  clientsMax: 'max',
  entriesMax: 'maxEntries',
  synsPerSecond: 'synRate',
  newPerSecond: 'newConnections',
  unusedShare: 'unused',
  perSecondMax: 'perSecond',
  ejectForMsMax: 'ejectForMax',
  ejectedPercentMax: 'maxEjected',
  jitterPart: 'jitter',
}

/** Numbers whose fields do not end in their unit. */
const TEXT_OF_NUMBER: Readonly<Record<string, (value: number) => string>> = {
  bytes: formatSize,
  synsPerSecond: (value) => (value === 0 ? 'off' : `${value}/s`),
  newPerSecond: (value) => `${value}/s`,
  unusedShare: (value) => String(Math.round(value * 100)),
  ejectForMsMax: formatDuration,
  ejectedPercentMax: (value) => `${value}%`,
  jitterPart: (value) => `${Math.round(value * 100)}%`,
}

/** Where 0 is a time and not "off". */
const ZERO_IS_A_TIME = new Set(['retryFailedAfterMs', 'drainTimeoutMs', 'slowStartMs', 'learnForMs', 'delayMs'])

const OFF_AT_ZERO = new Set(['maxConnections', 'connections', 'failures'])

/** May hold secrets, or pages of certificates: the log says that they change, not what they are (SECURITY.md). */
const HIDDEN = new Set(['headers', 'body', 'ca', 'webhooks', 'slack', 'emails'])
/** Told by what it holds. */
const TOLD_OTHERWISE = new Set(['caFile'])
/** Of this process: nobody can find a secret by trying. */
const FINGERPRINT_KEY = randomBytes(32)

/** `leftOut` are fields that are compared in another way; places in the file are no values. */
export function textsOf(values: object, leftOut: readonly string[] = [], at = ''): TextByKey {
  const texts = new Map<string, string>()
  for (const [field, value] of Object.entries(values)) {
    if (value === undefined || field === 'at' || TOLD_OTHERWISE.has(field) || leftOut.includes(field)) continue
    const key = at + keyOf(field, value)
    // A rate that is not there.
    if (value === null) texts.set(key, 'off')
    else if (HIDDEN.has(field) && typeof value !== 'number') texts.set(key, hidden(value))
    else if (isMapping(value)) for (const [inner, text] of textsOf(value, [], `${key}.`)) texts.set(inner, text)
    else texts.set(key, textOf(field, value))
  }
  return texts
}

function keyOf(field: string, value: unknown): string {
  const key = KEY_BY_FIELD[field] ?? field
  return typeof value === 'number' && key === field ? key.replace(/(Ms|Bytes|Percent)$/, '') : key
}

function isMapping(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && wholeText(value) === undefined
}

function textOf(field: string, value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => textOf(field, item)).join(', ')}]`
  if (typeof value === 'number') return numberText(field, value)
  if (typeof value === 'object' && value !== null) return wholeText(value) ?? JSON.stringify(value, withoutPlaces)
  return String(value)
}

/** Another one for another value. */
function hidden(value: unknown): string {
  const text = JSON.stringify(value, withoutPlaces)
  return `(hidden, ${createHmac('sha256', FINGERPRINT_KEY).update(text).digest('hex').slice(0, 8)})`
}

function withoutPlaces(key: string, value: unknown): unknown {
  return key === 'at' ? undefined : value
}

function numberText(field: string, value: number): string {
  const ownText = TEXT_OF_NUMBER[field]
  if (ownText !== undefined) return ownText(value)
  if (field.endsWith('Ms')) return value === 0 && !ZERO_IS_A_TIME.has(field) ? 'off' : formatDuration(value)
  if (field.endsWith('Bytes')) return formatSize(value)
  if (field.endsWith('Percent')) return `${value}%`
  return OFF_AT_ZERO.has(field) && value === 0 ? 'off' : String(value)
}

/** Objects that are one value in the file. */
function wholeText(value: object): string | undefined {
  if ('prefixLength' in value) {
    return formatNetwork(value as Network)
  }
  if ('family' in value && 'port' in value) {
    const address = value as SocketAddress
    return address.port === 0 ? address.address : formatSocketAddress(address)
  }
  if ('perMs' in value) return formatRate(value as Rate)
  if ('isHttps' in value) return urlText(value as CheckUrl)
  if ('first' in value && 'last' in value) return rangeText(value as StatusRange)
  if ('kind' in value && ('text' in value || 'pattern' in value)) return bodyText(value as ExpectedBody)
  if ('file' in value && !('action' in value)) return (value as DatabaseConfig).file
  return undefined
}

/** Without its query, which may be a secret. */
function urlText({ text }: CheckUrl): string {
  const query = text.indexOf('?')
  return query === -1 ? text : `${text.slice(0, query + 1)}${hidden(text.slice(query + 1))}`
}

function rangeText({ first, last }: StatusRange): string {
  return first === last ? String(first) : `${first}-${last}`
}

function bodyText(expected: ExpectedBody): string {
  return expected.kind === 'text' ? expected.text : `/${expected.pattern.source}/${expected.pattern.flags}`
}

/** The values of a configuration as people write them, by their keys: what two configurations are compared by. */
import { type Network, formatIp, formatSocketAddress, type SocketAddress } from '../../lib/ip.ts'
import { formatDuration } from '../../lib/duration.ts'
import { formatRate, type Rate } from '../../lib/rate.ts'
import { formatSize } from '../../lib/size.ts'

/** `connectTimeout` → `5s`, `socket.client.receiveBuffer` → `64KiB`. */
export type TextByKey = ReadonlyMap<string, string>

/** Fields of Config whose keys in the file are called otherwise. */
const KEY_BY_FIELD: Readonly<Record<string, string>> = {
  clientSocket: 'socket.client',
  upstreamSocket: 'socket.upstream',
}

/** Where 0 is a time and not "off". */
const ZERO_IS_A_TIME = new Set(['retryFailedAfterMs', 'drainTimeoutMs'])

const OFF_AT_ZERO = new Set(['maxConnections', 'connections'])

/** `leftOut` are fields that are compared in another way; places in the file are no values. */
export function textsOf(values: object, leftOut: readonly string[] = [], at = ''): TextByKey {
  const texts = new Map<string, string>()
  for (const [field, value] of Object.entries(values)) {
    if (value === undefined || field === 'at' || leftOut.includes(field)) continue
    const key = at + keyOf(field, value)
    if (isMapping(value)) for (const [inner, text] of textsOf(value, [], `${key}.`)) texts.set(inner, text)
    else texts.set(key, textOf(field, value))
  }
  return texts
}

function keyOf(field: string, value: unknown): string {
  const key = KEY_BY_FIELD[field] ?? field
  return typeof value === 'number' ? key.replace(/(Ms|Bytes|Percent)$/, '') : key
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

function withoutPlaces(key: string, value: unknown): unknown {
  return key === 'at' ? undefined : value
}

function numberText(field: string, value: number): string {
  if (field.endsWith('Ms')) return value === 0 && !ZERO_IS_A_TIME.has(field) ? 'off' : formatDuration(value)
  if (field.endsWith('Bytes')) return formatSize(value)
  if (field.endsWith('Percent')) return `${value}%`
  return OFF_AT_ZERO.has(field) && value === 0 ? 'off' : String(value)
}

/** Objects that are one value in the file. */
function wholeText(value: object): string | undefined {
  if ('prefixLength' in value) {
    const { bytes, prefixLength } = value as Network
    return `${formatIp(bytes)}/${prefixLength}`
  }
  if ('family' in value && 'port' in value) {
    const address = value as SocketAddress
    return address.port === 0 ? address.address : formatSocketAddress(address)
  }
  if ('perMs' in value) return formatRate(value as Rate)
  return value instanceof RegExp ? String(value) : undefined
}

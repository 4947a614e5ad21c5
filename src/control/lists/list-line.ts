/**
 * One line of a list: `192.0.2.0/24`, one address, `192.0.2.1-192.0.2.9`, each with a comment behind `#` or `;`
 * (Spamhaus: `192.0.2.0/24 ; SBL123`), or a JSON object with `cidr` (Spamhaus in JSON lines).
 */
import { networksOfRange } from '../../lib/ip-range.ts'
import { type Network, parseIp, parseNetwork } from '../../lib/ip.ts'
import { explainIp, explainNetwork } from '../config/explain-address.ts'

export type ListLine =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'networks'; readonly networks: readonly Network[]; readonly comment: string }
  /** `value` is what cannot be read; `problem` goes on from there. */
  | { readonly kind: 'bad'; readonly value: string; readonly problem: string }

const NOTHING: ListLine = { kind: 'nothing' }
const EXPECTED = 'expected a network such as 192.0.2.0/24, one address, or a range such as 192.0.2.1-192.0.2.9'

export function parseListLine(line: string): ListLine {
  const text = line.trim()
  if (text === '' || text.startsWith('#') || text.startsWith(';')) return NOTHING
  if (text.startsWith('{')) return parseJsonLine(text)
  const end = text.search(/[;#]/)
  const value = end === -1 ? text : text.slice(0, end).trimEnd()
  const comment = end === -1 ? '' : text.slice(end + 1).trim()
  return parseValue(value, comment)
}

function parseValue(value: string, comment: string): ListLine {
  const network = parseNetwork(value)
  if (network !== undefined) return { kind: 'networks', networks: [network], comment }
  const range = /^([^\s-]+)\s*-\s*([^\s-]+)$/.exec(value)
  if (range !== null) return parseRange(value, range[1], range[2], comment)
  if (/\s/.test(value)) return bad(value, `has more than one word; ${EXPECTED}, and comments behind # or ;`)
  return bad(value, /^[\d.:a-f/]+$/i.test(value) ? explainNetwork(value) : `is not an address; ${EXPECTED}`)
}

function parseRange(value: string, firstText: string, lastText: string, comment: string): ListLine {
  const first = parseIp(firstText)
  const last = parseIp(lastText)
  if (first === undefined) return bad(firstText, explainIp(firstText, 'the first address of a range'))
  if (last === undefined) return bad(lastText, explainIp(lastText, 'the last address of a range'))
  if (first.length !== last.length) return bad(value, 'is a range from one IP version to the other')
  const networks = networksOfRange(first, last)
  return networks.length === 0
    ? bad(value, 'is a range that ends before it begins')
    : { kind: 'networks', networks, comment }
}

/** `{"cidr":"192.0.2.0/24","sblid":"SBL123"}`; the last line of such a list, `{"type":"metadata",…}`, names none. */
function parseJsonLine(text: string): ListLine {
  const parsed = parseJson(text)
  if (parsed === undefined) return bad(text, 'is not a JSON object')
  if (parsed['type'] === 'metadata') return NOTHING
  const { cidr, sblid } = parsed
  if (typeof cidr !== 'string') return bad(text, 'has no "cidr"; expected {"cidr":"192.0.2.0/24"}')
  return parseValue(cidr, typeof sblid === 'string' ? sblid : '')
}

function parseJson(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    return undefined
  }
}

function bad(value: string, problem: string): ListLine {
  return { kind: 'bad', value, problem }
}

/** What a request wants on a list: entries one by one, or the text of a list file. What cannot be read is named, the rest is taken. */
import { WIDE_BITS } from '../control/bans/source.ts'
import { showValue } from '../control/config/problem.ts'
import type { AskedEntry } from '../control/lists/kept-lists.ts'
import { parseListLine } from '../control/lists/list-line.ts'
import { parseList } from '../control/lists/read-list-file.ts'
import { UnusableFile } from '../control/read-whole-file.ts'
import { formatNetwork, type Network } from '../lib/ip.ts'
import { KEPT_COMMENT_CHARACTERS_MAX, KEPT_ENTRIES_PER_REQUEST_MAX, type KeptListRequest } from './contract.ts'
import { ApiProblem } from './problem.ts'

export interface ReadEntries {
  readonly entries: readonly AskedEntry[]
  /** Some of them; lines and entries are counted from 1. */
  readonly refused: readonly Refused[]
  readonly refusedCount: number
}

interface Refused {
  readonly line: number
  readonly message: string
}

/** Throws ApiProblem where there is more than one request may have. */
export async function readEntries(request: KeptListRequest): Promise<ReadEntries> {
  const { entries = [], text, comment = '', ttlMs = 0, force = false } = request
  if (text !== undefined) return await readText(text, { comment, ttlMs: endless(ttlMs), force })
  const taken: AskedEntry[] = []
  const refused: Refused[] = []
  for (const [i, entry] of entries.entries()) {
    const asked = { comment: entry.comment ?? comment, ttlMs: endless(entry.ttlMs ?? ttlMs), force }
    const problem = readValue(entry.network, asked, taken)
    if (problem !== undefined) refused.push({ line: i + 1, message: problem })
    requireRoom(taken.length)
  }
  return { entries: taken, refused, refusedCount: refused.length }
}

/** What is to be taken from a list; `isThere` is asked with the text of each. */
export function readNetworks(networks: readonly string[], isThere: (text: string) => boolean): ReadEntries {
  const taken: AskedEntry[] = []
  const refused: Refused[] = []
  for (const [i, network] of networks.entries()) {
    const from = taken.length
    const problem = readValue(network, { comment: '', ttlMs: Infinity, force: true }, taken)
    const isMissing = problem === undefined && !taken.slice(from).some((one) => isThere(formatNetwork(one.network)))
    const message = problem ?? (isMissing ? `${showValue(network)} is not on the list` : undefined)
    if (message !== undefined) refused.push({ line: i + 1, message })
    requireRoom(taken.length)
  }
  return { entries: taken, refused, refusedCount: refused.length }
}

interface Asked {
  readonly comment: string
  readonly ttlMs: number
  readonly force: boolean
}

async function readText(text: string, asked: Asked): Promise<ReadEntries> {
  const { entries, badLines, badLineCount } = await parseList(Buffer.from(text), KEPT_ENTRIES_PER_REQUEST_MAX).catch(
    (error: unknown) => {
      if (error instanceof UnusableFile) throw tooMany()
      throw error
    },
  )
  const taken: AskedEntry[] = []
  const refused = [...badLines]
  let refusedCount = badLineCount
  for (let i = 0; i < entries.count; i++) {
    const { network, line, comment } = entries.at(i)
    const problem = whyTooWide(network, asked.force)
    if (problem === undefined) taken.push(entryOf(network, { ...asked, comment: comment || asked.comment }))
    else {
      refusedCount++
      refused.push({ line, message: problem })
    }
  }
  return { entries: taken, refused: refused.sort((a, b) => a.line - b.line), refusedCount }
}

function readValue(value: string, asked: Asked, taken: AskedEntry[]): string | undefined {
  const parsed = parseListLine(value)
  if (parsed.kind === 'nothing') return 'has no network'
  if (parsed.kind === 'bad') return `${showValue(parsed.value)} ${parsed.problem}`
  const problem = parsed.networks.map((network) => whyTooWide(network, asked.force)).find((why) => why !== undefined)
  if (problem !== undefined) return problem
  for (const network of parsed.networks)
    taken.push(entryOf(network, { ...asked, comment: asked.comment || parsed.comment }))
  return undefined
}

/** A slip of the finger must not lock out, or let in, a continent. */
function whyTooWide(network: Network, isForced: boolean): string | undefined {
  const widest = WIDE_BITS[network.family]
  if (isForced || network.prefixLength >= widest) return undefined
  return `${formatNetwork(network)} is wider than a /${widest}, which "force": true takes`
}

/** Bytes of a list that is read are views of what is read next. */
function entryOf({ family, bytes, prefixLength }: Network, { comment, ttlMs }: Asked): AskedEntry {
  const network = { family, bytes: bytes.slice(), prefixLength }
  return { network, comment: comment.slice(0, KEPT_COMMENT_CHARACTERS_MAX), ttlMs }
}

function endless(ttlMs: number): number {
  return ttlMs === 0 ? Infinity : ttlMs
}

function requireRoom(count: number): void {
  if (count > KEPT_ENTRIES_PER_REQUEST_MAX) throw tooMany()
}

function tooMany(): ApiProblem {
  return new ApiProblem(
    'E_REQUEST',
    `These are more than ${KEPT_ENTRIES_PER_REQUEST_MAX} networks, which is all that operators' lists may have.`,
  )
}

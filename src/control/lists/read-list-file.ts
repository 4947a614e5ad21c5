/** Reads one list file: every line that can be read counts, every other names itself. */
import { showValue } from '../config/problem.ts'
import { readWholeFile, UnusableFile } from '../read-whole-file.ts'
import { ListEntries } from './list-entries.ts'
import { parseListLine } from './list-line.ts'
import { Pacer } from './pacer.ts'

/** Over all lists. */
export const LIST_ENTRIES_MAX = 1_000_000
/** A million IPv6 prefixes with short comments. */
export const LIST_FILE_BYTES_MAX = 64 * 2 ** 20
const LINE_BYTES_MAX = 1024
/** Of one file; further ones are only counted. */
export const BAD_LINES_KEPT = 20
const NEWLINE = 10

export interface BadLine {
  readonly line: number
  /** The value as shown to people, and what is wrong with it. */
  readonly message: string
}

export interface ReadList {
  readonly entries: ListEntries
  /** The first BAD_LINES_KEPT of them. */
  readonly badLines: readonly BadLine[]
  readonly badLineCount: number
}

/** Throws UnusableFile. */
export async function readListFile(path: string, entriesMax: number): Promise<ReadList> {
  const list = await parseList(await readWholeFile(path, LIST_FILE_BYTES_MAX), entriesMax)
  // A page that says "not found" is no empty list: what was read before is better.
  const { entries, badLineCount, badLines } = list
  if (entries.count === 0 && badLineCount > 0) {
    throw new UnusableFile(`has no line that can be read; line ${badLines[0].line}: ${badLines[0].message}`)
  }
  return list
}

/** Throws UnusableFile. */
export async function parseList(bytes: Buffer, entriesMax: number): Promise<ReadList> {
  const entries = new ListEntries()
  const badLines: BadLine[] = []
  let badLineCount = 0
  const pacer = new Pacer()
  const say = (line: number, message: string): void => {
    if (badLineCount++ < BAD_LINES_KEPT) badLines.push({ line, message })
  }
  for (let from = byteOrderMark(bytes), line = 1; from < bytes.length; line++) {
    const newline = bytes.indexOf(NEWLINE, from)
    const to = newline === -1 ? bytes.length : newline
    const text = bytes.toString('utf8', from, Math.min(to, from + LINE_BYTES_MAX))
    if (to - from > LINE_BYTES_MAX && !/^\s*[#;]/.test(text)) {
      say(line, `${showValue(text)} is longer than ${LINE_BYTES_MAX} bytes`)
    } else {
      const parsed = parseListLine(text)
      if (parsed.kind === 'bad') say(line, `${showValue(parsed.value)} ${parsed.problem}`)
      if (parsed.kind === 'networks') for (const one of parsed.networks) entries.push(one, line, parsed.comment)
    }
    if (entries.count > entriesMax) {
      const most = LIST_ENTRIES_MAX.toLocaleString('en-US')
      throw new UnusableFile(`has more entries than there is room for; all lists together may have ${most}`)
    }
    from = to + 1
    if (pacer.isTired()) await pacer.rest()
  }
  return { entries, badLines, badLineCount }
}

function byteOrderMark(bytes: Buffer): number {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0
}

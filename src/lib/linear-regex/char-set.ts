/** Sets of characters, as in `\d`, `.` or `[a-z]`. */

export interface CharSet {
  /** Code points in pairs, first and last; ascending where the set has a name. */
  readonly ranges: readonly number[]
  readonly negated: boolean
}

const DIGIT = [0x30, 0x39]
const WORD = [0x30, 0x39, 0x41, 0x5a, 0x5f, 0x5f, 0x61, 0x7a]
/** WhiteSpace and LineTerminator of ECMAScript. */
const SPACE = [
  0x09, 0x0d, 0x20, 0x20, 0xa0, 0xa0, 0x1680, 0x1680, 0x2000, 0x200a, 0x2028, 0x2029, 0x202f, 0x202f, 0x205f, 0x205f,
  0x3000, 0x3000, 0xfeff, 0xfeff,
]
const NAMED: Readonly<Record<string, CharSet>> = {
  d: { ranges: DIGIT, negated: false },
  D: { ranges: DIGIT, negated: true },
  w: { ranges: WORD, negated: false },
  W: { ranges: WORD, negated: true },
  s: { ranges: SPACE, negated: false },
  S: { ranges: SPACE, negated: true },
}

/** What `.` is. */
export const NOT_LINE_END: CharSet = { ranges: [0x0a, 0x0a, 0x0d, 0x0d, 0x2028, 0x2029], negated: true }

export function isSetEscape(letter: string): boolean {
  return Object.hasOwn(NAMED, letter)
}

/** Of `\d`, `\W` and so on: call `isSetEscape` first. */
export function escapedSet(letter: string): CharSet {
  return NAMED[letter]
}

export function setHas({ ranges, negated }: CharSet, code: number): boolean {
  return inRanges(ranges, code) !== negated
}

/** The same whether the letter is written large or small. */
export function setHasAnyCase({ ranges, negated }: CharSet, code: number): boolean {
  const character = String.fromCodePoint(code)
  const has =
    inRanges(ranges, code) ||
    inRanges(ranges, onlyCodePoint(character.toLowerCase(), code)) ||
    inRanges(ranges, onlyCodePoint(character.toUpperCase(), code))
  return has !== negated
}

/** `ß` is `SS` in upper case: what becomes several characters stays what it is. */
function onlyCodePoint(text: string, otherwise: number): number {
  const code = text.codePointAt(0)!
  return String.fromCodePoint(code).length === text.length ? code : otherwise
}

function inRanges(ranges: readonly number[], code: number): boolean {
  for (let i = 0; i < ranges.length; i += 2) if (code >= ranges[i] && code <= ranges[i + 1]) return true
  return false
}

export function isWord(code: number): boolean {
  return inRanges(WORD, code)
}

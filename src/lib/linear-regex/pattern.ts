/**
 * Reads a regular expression in JavaScript's notation into a tree. What cannot be matched in one pass over the text,
 * back references and lookaround, is refused: it is what makes other engines hang.
 */
import { parsed, unparsed } from '../parsed.ts'
import type { Parsed } from '../parsed.ts'
import { escapedSet, isSetEscape, NOT_LINE_END, type CharSet } from './char-set.ts'

export type Pattern =
  | { readonly kind: 'set'; readonly set: CharSet }
  | { readonly kind: 'assert'; readonly what: Assertion }
  | { readonly kind: 'sequence'; readonly items: readonly Pattern[] }
  | { readonly kind: 'either'; readonly items: readonly Pattern[] }
  | { readonly kind: 'repeat'; readonly item: Pattern; readonly min: number; readonly max: number }

export type Assertion = 'start' | 'end' | 'word-boundary' | 'no-word-boundary'

/** Each repetition is written out when the pattern is compiled. */
export const REPEAT_MAX = 1000
export const PATTERN_CHARACTERS_MAX = 1000

export function parsePattern(text: string, dotAll: boolean): Parsed<Pattern> {
  if (text.length > PATTERN_CHARACTERS_MAX) return unparsed(`is longer than ${PATTERN_CHARACTERS_MAX} characters`)
  const reader = new PatternReader(text, dotAll)
  try {
    return parsed(reader.readWhole())
  } catch (error) {
    if (error instanceof PatternProblem) return unparsed(error.message)
    throw error
  }
}

class PatternProblem extends Error {}

const QUANTIFIER = /\{(\d{1,6})(,(\d{0,6}))?\}/y
const CONTROL: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', f: '\f', v: '\v', 0: '\0' }

class PatternReader {
  readonly #text: string
  readonly #dotAll: boolean
  #at = 0

  constructor(text: string, dotAll: boolean) {
    this.#text = text
    this.#dotAll = dotAll
  }

  readWhole(): Pattern {
    const whole = this.#either()
    if (this.#at < this.#text.length) throw new PatternProblem('has a ) without a (')
    return whole
  }

  #either(): Pattern {
    const items = [this.#sequence()]
    while (this.#take('|')) items.push(this.#sequence())
    return items.length === 1 ? items[0] : { kind: 'either', items }
  }

  #sequence(): Pattern {
    const items: Pattern[] = []
    while (this.#at < this.#text.length && !'|)'.includes(this.#text[this.#at])) items.push(this.#repeated())
    return items.length === 1 ? items[0] : { kind: 'sequence', items }
  }

  #repeated(): Pattern {
    const item = this.#atom()
    const times = this.#quantifier()
    if (times === undefined) return item
    if (item.kind === 'assert') throw new PatternProblem('repeats something that has no length')
    if (times.max !== Infinity && times.max < times.min) throw new PatternProblem('has a {m,n} whose n is below its m')
    if (times.min > REPEAT_MAX || (times.max !== Infinity && times.max > REPEAT_MAX)) {
      throw new PatternProblem(`repeats more than ${REPEAT_MAX} times`)
    }
    // Lazy or greedy makes no difference to whether there is a match.
    this.#take('?')
    if (this.#quantifier() !== undefined) throw new PatternProblem('repeats a repetition; put it in (?:…)')
    return { kind: 'repeat', item, ...times }
  }

  #quantifier(): { min: number; max: number } | undefined {
    if (this.#take('*')) return { min: 0, max: Infinity }
    if (this.#take('+')) return { min: 1, max: Infinity }
    if (this.#take('?')) return { min: 0, max: 1 }
    QUANTIFIER.lastIndex = this.#at
    const match = QUANTIFIER.exec(this.#text)
    if (match === null) return undefined
    this.#at += match[0].length
    const min = Number(match[1])
    if (match[2] === undefined) return { min, max: min }
    return { min, max: match[3] === '' ? Infinity : Number(match[3]) }
  }

  #atom(): Pattern {
    const character = this.#next()
    switch (character) {
      case '(':
        return this.#group()
      case '[':
        return { kind: 'set', set: this.#charClass() }
      case '.':
        return { kind: 'set', set: this.#dotAll ? { ranges: [], negated: true } : NOT_LINE_END }
      case '^':
        return { kind: 'assert', what: 'start' }
      case '$':
        return { kind: 'assert', what: 'end' }
      case '\\':
        return this.#escape()
      case '*':
      case '+':
      case '?':
        throw new PatternProblem(`has a ${character} with nothing before it to repeat`)
      default:
        return { kind: 'set', set: single(character) }
    }
  }

  #group(): Pattern {
    if (this.#take('?')) {
      const rest = this.#text.slice(this.#at)
      const name = /^<[A-Za-z_$][\w$]*>/.exec(rest)?.[0]
      if (name !== undefined) this.#at += name.length
      else if (/^<?[=!]/.test(rest))
        throw new PatternProblem('looks ahead or behind, which cannot be matched in one pass')
      else if (!this.#take(':')) throw new PatternProblem('has a kind of group that is not supported; write (?:…)')
    }
    const inner = this.#either()
    if (!this.#take(')')) throw new PatternProblem('has a ( without a )')
    return inner
  }

  #escape(): Pattern {
    if (this.#take('b')) return { kind: 'assert', what: 'word-boundary' }
    if (this.#take('B')) return { kind: 'assert', what: 'no-word-boundary' }
    return { kind: 'set', set: this.#escapedSet() }
  }

  /** After a backslash. */
  #escapedSet(): CharSet {
    if (this.#at >= this.#text.length) throw new PatternProblem('ends in a backslash')
    const character = this.#next()
    if (isSetEscape(character)) return escapedSet(character)
    if (/[1-9k]/.test(character)) {
      throw new PatternProblem('refers back to a group, which cannot be matched in one pass')
    }
    if (CONTROL[character] !== undefined) return single(CONTROL[character])
    if (character === 'x' || character === 'u') return this.#codePoint()
    if (/[A-Za-z]/.test(character)) throw new PatternProblem(`has \\${character}, which is not supported`)
    return single(character)
  }

  #codePoint(): CharSet {
    const hex = /^(?:x([0-9a-f]{2})|u([0-9a-f]{4})|u\{([0-9a-f]{1,6})\})/i.exec(this.#text.slice(this.#at - 1))
    const code = Number.parseInt(hex?.[1] ?? hex?.[2] ?? hex?.[3] ?? '', 16)
    if (hex === null || code > 0x10ffff) throw new PatternProblem('has a \\x or \\u without its hexadecimal digits')
    this.#at += hex[0].length - 1
    return { ranges: [code, code], negated: false }
  }

  /** After `[`. */
  #charClass(): CharSet {
    const negated = this.#take('^')
    const ranges: number[] = []
    while (!this.#take(']')) {
      const low = this.#classMember()
      const isRange =
        this.#text[this.#at] === '-' && this.#text[this.#at + 1] !== ']' && this.#at + 1 < this.#text.length
      if (!isRange) {
        ranges.push(...positive(low))
        continue
      }
      this.#at++
      const high = this.#classMember()
      const [from, to] = [onlyCode(low), onlyCode(high)]
      if (from === undefined || to === undefined) throw new PatternProblem('has a range in [ ] whose end is a set')
      if (from > to) throw new PatternProblem('has a range in [ ] that ends before it begins')
      ranges.push(from, to)
    }
    return { ranges, negated }
  }

  #classMember(): CharSet {
    if (this.#at >= this.#text.length) throw new PatternProblem('has a [ without a ]')
    const character = this.#next()
    if (character !== '\\') return single(character)
    return this.#take('b') ? single('\b') : this.#escapedSet()
  }

  #next(): string {
    const character = String.fromCodePoint(this.#text.codePointAt(this.#at)!)
    this.#at += character.length
    return character
  }

  #take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false
    this.#at++
    return true
  }
}

function single(character: string): CharSet {
  const code = character.codePointAt(0)!
  return { ranges: [code, code], negated: false }
}

function onlyCode({ ranges, negated }: CharSet): number | undefined {
  return !negated && ranges.length === 2 && ranges[0] === ranges[1] ? ranges[0] : undefined
}

/** The ranges of a set, those between them when it is a negated one. */
function positive({ ranges, negated }: CharSet): readonly number[] {
  if (!negated) return ranges
  const gaps: number[] = []
  let from = 0
  for (let i = 0; i < ranges.length; i += 2) {
    if (ranges[i] > from) gaps.push(from, ranges[i] - 1)
    from = ranges[i + 1] + 1
  }
  return [...gaps, from, 0x10ffff]
}

/**
 * A regular expression that is matched in one pass over the text (Thompson's construction, as in RE2): time is at most
 * the length of the text times the size of the pattern, whatever both say. JavaScript's own engine can need 2^n steps.
 */
import { parsed, unparsed } from '../parsed.ts'
import type { Parsed } from '../parsed.ts'
import { type CharSet, isWord, setHas, setHasAnyCase } from './char-set.ts'
import { type Assertion, parsePattern, type Pattern } from './pattern.ts'

/** Each may be visited once for each character of the text. */
export const STEPS_MAX = 250

type Step =
  | { readonly kind: 'set'; readonly set: CharSet }
  | { readonly kind: 'assert'; readonly what: Assertion }
  | { readonly kind: 'either'; readonly targets: number[] }
  | { readonly kind: 'match' }

export class LinearRegex {
  readonly source: string
  readonly flags: string
  readonly #steps: readonly Step[]
  readonly #has: (set: CharSet, code: number) => boolean
  readonly #multiline: boolean
  /** Steps that `#follow` has yet to look at; as many as there are ways on. */
  readonly #open: Uint16Array

  private constructor(source: string, flags: string, steps: readonly Step[]) {
    this.source = source
    this.flags = flags
    this.#steps = steps
    this.#has = flags.includes('i') ? setHasAnyCase : setHas
    this.#multiline = flags.includes('m')
    const ways = steps.map((step) => (step.kind === 'either' ? step.targets.length : 1))
    this.#open = new Uint16Array(ways.reduce((sum, count) => sum + count, 1))
  }

  /** Flags: any of `i`, `m`, `s`. */
  static parse(source: string, flags = ''): Parsed<LinearRegex> {
    const stranger = /[^ims]/.exec(flags)
    if (stranger !== null) return unparsed(`has the flag ${stranger[0]}; expected any of i, m and s`)
    const pattern = parsePattern(source, flags.includes('s'))
    if (!pattern.ok) return pattern
    const steps = compile(pattern.value)
    if (steps === undefined) return unparsed(`is too large; written out it may have ${STEPS_MAX} steps`)
    return parsed(new LinearRegex(source, flags, steps))
  }

  /** Is there a match anywhere in the text? */
  test(text: string): boolean {
    let now = new StepSet(this.#steps.length)
    let next = new StepSet(this.#steps.length)
    let before = NONE
    for (let at = 0; ;) {
      const code = at < text.length ? text.codePointAt(at)! : NONE
      // A match may begin at every character.
      if (this.#follow(0, now, before, code)) return true
      if (code === NONE) return false
      at += code > 0xffff ? 2 : 1
      const after = at < text.length ? text.codePointAt(at)! : NONE
      next.clear()
      for (let i = 0; i < now.count; i++) {
        const index = now.list[i]
        const step = this.#steps[index]
        const goesOn = step.kind === 'set' && this.#has(step.set, code)
        if (goesOn && this.#follow(index + 1, next, code, after)) return true
      }
      ;[now, next] = [next, now]
      before = code
    }
  }

  /** Adds what can be reached from a step without a character; true when that is a match. */
  #follow(from: number, into: StepSet, before: number, after: number): boolean {
    const open = this.#open
    let count = 0
    open[count++] = from
    while (count > 0) {
      const index = open[--count]
      if (!into.add(index)) continue
      const step = this.#steps[index]
      if (step.kind === 'set') continue
      if (step.kind === 'match') return true
      if (step.kind === 'either') for (const target of step.targets) open[count++] = target
      else if (this.#holds(step.what, before, after)) open[count++] = index + 1
    }
    return false
  }

  #holds(what: Assertion, before: number, after: number): boolean {
    switch (what) {
      case 'start':
        return before === NONE || (this.#multiline && isLineEnd(before))
      case 'end':
        return after === NONE || (this.#multiline && isLineEnd(after))
      default:
        return (isWord(before) !== isWord(after)) === (what === 'word-boundary')
    }
  }
}

/** Before the first character and after the last. */
const NONE = -1

function isLineEnd(code: number): boolean {
  return code === 0x0a || code === 0x0d || code === 0x2028 || code === 0x2029
}

/** Steps, each once, in the order they came. */
class StepSet {
  readonly list: Uint16Array
  readonly #has: Uint8Array
  count = 0

  constructor(steps: number) {
    this.list = new Uint16Array(steps)
    this.#has = new Uint8Array(steps)
  }

  add(index: number): boolean {
    if (this.#has[index] === 1) return false
    this.#has[index] = 1
    this.list[this.count++] = index
    return true
  }

  clear(): void {
    this.#has.fill(0)
    this.count = 0
  }
}

/** Undefined when it gets too large. */
function compile(pattern: Pattern): Step[] | undefined {
  const writer = new StepWriter()
  if (!writer.write(pattern) || writer.steps.length >= STEPS_MAX) return undefined
  writer.steps.push({ kind: 'match' })
  return writer.steps
}

/** Writes a tree as steps, each of which goes on to the next unless it says otherwise. */
class StepWriter {
  readonly steps: Step[] = []
  /** Repeating nothing adds no step, so rounds are counted too. */
  #roundsLeft = STEPS_MAX * 4

  /** False when it gets too large. */
  write(part: Pattern): boolean {
    if (this.#roundsLeft-- <= 0 || this.steps.length >= STEPS_MAX) return false
    switch (part.kind) {
      case 'sequence':
        return part.items.every((item) => this.write(item))
      case 'either':
        return this.#writeEither(part.items)
      case 'repeat':
        return this.#writeRepeat(part)
      default:
        this.steps.push(part)
        return true
    }
  }

  #writeEither(items: readonly Pattern[]): boolean {
    const starts = this.#fork()
    const ends: number[][] = []
    for (const item of items) {
      starts.push(this.steps.length)
      if (!this.write(item)) return false
      ends.push(this.#fork())
    }
    for (const end of ends) end.push(this.steps.length)
    return true
  }

  #writeRepeat({ item, min, max }: Pattern & { kind: 'repeat' }): boolean {
    for (let i = 0; i < min; i++) if (!this.write(item)) return false
    return max === Infinity ? this.#writeLoop(item) : this.#writeOptional(item, max - min)
  }

  #writeLoop(item: Pattern): boolean {
    const top = this.steps.length
    const enter = this.#fork(top + 1)
    if (!this.write(item)) return false
    this.#fork(top)
    enter.push(this.steps.length)
    return true
  }

  #writeOptional(item: Pattern, times: number): boolean {
    const skips: number[][] = []
    for (let i = 0; i < times; i++) {
      skips.push(this.#fork(this.steps.length + 1))
      if (!this.write(item)) return false
    }
    for (const skip of skips) skip.push(this.steps.length)
    return true
  }

  /** A step with these ways on, and those that are added to the answer later. */
  #fork(...targets: number[]): number[] {
    this.steps.push({ kind: 'either', targets })
    return targets
  }
}

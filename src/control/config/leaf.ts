/**
 * The single values of the schema. Each reads text, since the text is what its user wrote: `007`, `1e3` and `yes`
 * are no numbers or booleans before a key says that it takes one.
 */
import { z } from 'zod'
import { DURATION_MS_MAX, formatDuration, parseDuration } from '../../lib/duration.ts'
import { didYouMean } from '../../lib/did-you-mean.ts'
import { listWords } from '../../lib/list-words.ts'
import { formatSize, parseSize } from '../../lib/size.ts'
import { read, unread } from './reading.ts'
import type { Reading } from './reading.ts'

/** What an editor is told about a value: JSON Schema keywords. */
export interface LeafMeta {
  readonly type?: string | readonly string[]
  readonly pattern?: string
  readonly description: string
  readonly [keyword: string]: unknown
}

type Leaf<Value> = z.ZodPipe<z.ZodAny, z.ZodTransform<Awaited<Value>>>

/** A value read from text by `readText`. */
export function leaf<Value>(readText: (text: string) => Reading<Value>, meta: LeafMeta): Leaf<Value> {
  const schema = z.any().transform((input: unknown, context): Value => {
    const reading = readInput(input, readText)
    if (reading.ok) return reading.value
    context.issues.push({ code: 'custom', input, message: reading.problem, params: { code: reading.code } })
    return z.NEVER
  })
  return schema.meta({ ...meta })
}

function readInput<Value>(input: unknown, readText: (text: string) => Reading<Value>): Reading<Value> {
  if (input === undefined) return unread('E_CONFIG_MISSING', 'is missing')
  if (input === null) return unread('E_CONFIG_MISSING', 'has no value')
  if (Array.isArray(input)) return unread('E_CONFIG_TYPE', 'is a list; expected a single value')
  // The defaults of the schema, and one day JSON, have real numbers and booleans.
  if (typeof input === 'number' || typeof input === 'boolean') return readText(String(input))
  if (typeof input !== 'string') return unread('E_CONFIG_TYPE', 'is a mapping; expected a single value')
  return readText(input)
}

export interface DurationBounds {
  /** Taken beside durations and read as 0. */
  readonly off?: boolean
  /** May it be 0s? */
  readonly zero?: boolean
  readonly minMs?: number
  readonly maxMs?: number
  readonly wholeSeconds?: boolean
}

/** Milliseconds. */
export function duration(bounds: DurationBounds, description: string): Leaf<number> {
  const pattern = `^[0-9]+(ms|s|m|h|d)$${bounds.off === true ? '|^off$' : ''}`
  return leaf((text) => readDuration(text, bounds), { type: 'string', pattern, description })
}

function readDuration(text: string, bounds: DurationBounds): Reading<number> {
  if (bounds.off === true && text === 'off') return read(0)
  const parsed = parseDuration(text)
  const orOff = bounds.off === true ? ', or off' : ''
  if (!parsed.ok) return unread('E_CONFIG_DURATION', parsed.problem + orOff)
  const ms = parsed.value
  const { minMs = 1, maxMs = DURATION_MS_MAX } = bounds
  if (ms === 0 && bounds.zero === true) return read(0)
  if (ms === 0) return unread('E_CONFIG_DURATION', `is zero; expected at least ${formatDuration(minMs)}${orOff}`)
  if (ms < minMs) return unread('E_CONFIG_DURATION', `is too short; expected at least ${formatDuration(minMs)}${orOff}`)
  if (ms > maxMs) return unread('E_CONFIG_DURATION', `is too long; expected at most ${formatDuration(maxMs)}${orOff}`)
  if (bounds.wholeSeconds === true && ms % 1000 !== 0) {
    const [below, above] = [Math.floor(ms / 1000), Math.ceil(ms / 1000)].map((seconds) => `${seconds}s`)
    return unread('E_CONFIG_DURATION', `is not whole seconds, in which this is counted; write ${below} or ${above}`)
  }
  return read(ms)
}

/** What a rule of `protect` may be. */
export const RULES = ['off', 'watch', 'on'] as const

/** A whole number from `5%`. */
export function percent(min: number, max: number, description: string): Leaf<number> {
  return leaf(
    (text) => {
      const value = /^\d{1,3}%$/.test(text) ? Number.parseInt(text, 10) : Number.NaN
      if (value >= min && value <= max) return read(value)
      return unread('E_CONFIG_VALUE', `is not a share; expected ${min}% to ${max}%`)
    },
    { type: 'string', pattern: `^[0-9]{1,${String(max).length}}%$`, description },
  )
}

/** Bytes; `auto` is undefined and leaves the kernel's default. */
export function sizeOrAuto(minBytes: number, maxBytes: number, description: string): Leaf<number | undefined> {
  const expected = `${formatSize(minBytes)} to ${formatSize(maxBytes)}, or auto`
  return leaf<number | undefined>(
    (text) => {
      if (text === 'auto') return read(undefined)
      const parsed = parseSize(text)
      if (!parsed.ok) return unread('E_CONFIG_SIZE', parsed.problem)
      const inRange = parsed.value >= minBytes && parsed.value <= maxBytes
      return inRange ? read(parsed.value) : unread('E_CONFIG_SIZE', `is out of range; expected ${expected}`)
    },
    {
      type: ['string', 'integer'],
      pattern: '^[0-9]+(B|KiB|MiB|GiB)?$|^auto$',
      minimum: minBytes,
      maximum: maxBytes,
      description,
    },
  )
}

/** Bytes. */
export function size(minBytes: number, maxBytes: number, description: string): Leaf<number> {
  return leaf(
    (text) => {
      const parsed = parseSize(text)
      if (!parsed.ok) return unread('E_CONFIG_SIZE', parsed.problem)
      if (parsed.value >= minBytes && parsed.value <= maxBytes) return read(parsed.value)
      return unread('E_CONFIG_SIZE', `is out of range; expected ${formatSize(minBytes)} to ${formatSize(maxBytes)}`)
    },
    {
      type: ['string', 'integer'],
      pattern: '^[0-9]+(B|KiB|MiB|GiB)?$',
      minimum: minBytes,
      maximum: maxBytes,
      description,
    },
  )
}

export function count(min: number, max: number, description: string): Leaf<number> {
  return leaf((text) => readCount(text, min, max, ''), { type: 'integer', minimum: min, maximum: max, description })
}

/** A count, or one word that stands for none or for one found out. */
export function countOr<const Word extends string>(
  word: Word,
  min: number,
  max: number,
  description: string,
): Leaf<number | Word> {
  return leaf<number | Word>((text) => (text === word ? read(word) : readCount(text, min, max, `, or ${word}`)), {
    type: ['string', 'integer'],
    pattern: `^[0-9]+$|^${word}$`,
    minimum: min,
    maximum: max,
    description,
  })
}

function readCount(text: string, min: number, max: number, orWord: string): Reading<number> {
  const count = /^\d{1,12}$/.test(text) ? Number(text) : Number.NaN
  if (count >= min && count <= max) return read(count)
  return unread('E_CONFIG_VALUE', `is not a whole number from ${min} to ${max}${orWord}`)
}

export function boolean(description: string): Leaf<boolean> {
  return leaf(
    (text) =>
      text === 'true' || text === 'false' ? read(text === 'true') : unread('E_CONFIG_VALUE', 'is not true or false'),
    { type: 'boolean', description },
  )
}

/** One of a closed set of words; `later` names those that a later version takes. */
export function choice<const Word extends string>(
  words: readonly Word[],
  description: string,
  later: readonly string[] = [],
): Leaf<Word> {
  return leaf<Word>(
    (text) => {
      const found = words.find((word) => word === text)
      if (found !== undefined) return read(found)
      const expected = `expected ${listWords(words)}`
      if (later.includes(text))
        return unread('E_CONFIG_NOT_IN_THIS_VERSION', `is not part of this version; ${expected}`)
      const near = didYouMean(text, words)
      return unread(
        'E_CONFIG_VALUE',
        near === undefined ? `is unknown; ${expected}` : `is unknown, did you mean ${near}? ${expected}`,
      )
    },
    { enum: words, description },
  )
}

/** A name that can stand in a metric label, a log line and a URL as it is. */
export function name(description: string): Leaf<string> {
  return leaf(
    (text) => {
      if (/^[A-Za-z0-9._-]{1,63}$/.test(text)) return read(text)
      if (text.length > 63) return unread('E_CONFIG_NAME', 'is longer than 63 characters')
      return unread('E_CONFIG_NAME', 'is not a name; expected letters, digits, dots, _ and -')
    },
    { type: 'string', pattern: '^[A-Za-z0-9._-]{1,63}$', description },
  )
}

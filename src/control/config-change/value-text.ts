/** Values as YAML: on lines of their own, or in one line between brackets; as JSON where the file is JSON. */
import { Scalar } from 'yaml'
import type { EditValue } from './config-edit.ts'

export interface Style {
  /** Everything in quotes, as in a file that is JSON. */
  readonly isJson: boolean
  readonly newline: string
}

/** Text that means itself wherever it stands, between brackets too. */
const PLAIN = /^[A-Za-z0-9./][\w./%-]*(:[\w./%-]+)*$/
/** To YAML these are no text; a list item `-` would be. */
const NULL = /^(null|Null|NULL|~)$/

type Quotes = Scalar['type'] | undefined

/** `like` is how the value was written before. */
export function scalarText(value: string | number | boolean, { isJson }: Style, like?: Quotes): string {
  if (typeof value !== 'string') return String(value)
  if (isJson || like === Scalar.QUOTE_DOUBLE) return JSON.stringify(value)
  if (like === Scalar.QUOTE_SINGLE && !/\p{Cc}/u.test(value)) return `'${value.replaceAll("'", "''")}'`
  return PLAIN.test(value) && !NULL.test(value) ? value : JSON.stringify(value)
}

export function keyText(key: string, style: Style): string {
  return scalarText(key, style)
}

/** In one line. */
export function flowText(value: EditValue, style: Style): string {
  if (isList(value)) return `[${value.map((item) => flowText(item, style)).join(', ')}]`
  if (typeof value !== 'object') return scalarText(value, style)
  const pairs = Object.entries(value).map(([key, inner]) => flowPair(key, inner, style))
  if (pairs.length === 0) return '{}'
  return style.isJson ? `{${pairs.join(', ')}}` : `{ ${pairs.join(', ')} }`
}

export function flowPair(key: string, value: EditValue, style: Style): string {
  return `${keyText(key, style)}: ${flowText(value, style)}`
}

/** On lines of its own; the first one stands at `column` already. */
export function blockText(value: EditValue, column: number, style: Style): string {
  const between = style.newline + ' '.repeat(column)
  if (isList(value)) {
    if (value.length === 0) return '[]'
    return value.map((item) => `- ${blockText(item, column + 2, style)}`).join(between)
  }
  if (typeof value !== 'object') return scalarText(value, style)
  const pairs = Object.entries(value).map(([key, inner]) => blockPair(key, inner, column, style))
  return pairs.length === 0 ? '{}' : pairs.join(between)
}

export function blockPair(key: string, value: EditValue, column: number, style: Style): string {
  return `${keyText(key, style)}:${behindColon(value, column, style)}`
}

/** What follows the colon of a key at `column`. */
export function behindColon(value: EditValue, column: number, style: Style): string {
  if (!hasLines(value)) return ` ${blockText(value, column, style)}`
  return style.newline + ' '.repeat(column + 2) + blockText(value, column + 2, style)
}

export function hasLines(value: EditValue): value is readonly EditValue[] | { readonly [key: string]: EditValue } {
  return typeof value === 'object' && Object.keys(value).length > 0
}

function isList(value: EditValue): value is readonly EditValue[] {
  return Array.isArray(value)
}

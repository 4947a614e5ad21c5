/** What may be written where the caret stands, by the JSON Schema of the file. Block style; between brackets nothing is offered. */

/** The part of JSON Schema that the configuration uses. */
export interface Schema {
  readonly type?: string | readonly string[]
  readonly description?: string
  readonly default?: string | number | boolean | object
  readonly enum?: readonly string[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
}

export interface Option {
  readonly label: string
  /** Takes the place of the word at the caret. */
  readonly insert: string
  readonly description: string
}

export interface Completion {
  /** Where the word at the caret begins. */
  readonly from: number
  readonly options: readonly Option[]
}

/** A step into the items of a list. */
const ITEM = Symbol('item')
type Path = readonly (string | typeof ITEM)[]

/** Indentation, dashes, what is behind them. */
const LINE = /^( *)((?:- +|-$)*)(.*)$/
const KEY = /^("?)([\w-]+)\1 *:(?: +|$)(.*)$/
const WORD = /[\w.*/:-]*$/

interface Line {
  readonly dashColumns: readonly number[]
  /** Where the key, or the text, begins. */
  readonly column: number
  readonly key: string | undefined
  /** Behind the key, or all of it. */
  readonly value: string
}

export function completionAt(text: string, caret: number, schema: Schema): Completion {
  const lineStart = text.lastIndexOf('\n', caret - 1) + 1
  const before = text.slice(lineStart, caret)
  const word = WORD.exec(before)?.[0] ?? ''
  const from = caret - word.length
  const none = { from, options: [] }
  if (/(^|\s)#/.test(before) || /[[\]{},]/.test(before)) return none
  const line = readLine(before)
  const above = text.slice(0, lineStart).split('\n').slice(0, -1)
  const owner = pathAbove(above, line)
  if (line.key !== undefined) {
    return { from, options: matching(wordsOf(schemaAt(schema, [...owner, line.key])), word) }
  }
  const place = schemaAt(schema, owner)
  const taken = keysBeside(above, text.slice(caret).split('\n').slice(1), line)
  const keys = keysOf(place).filter(({ label }) => !taken.has(label))
  return { from, options: matching([...keys, ...(line.dashColumns.length > 0 ? wordsOf(place) : [])], word) }
}

/** What the key on the line of the caret means. */
export function meaningAt(
  text: string,
  caret: number,
  schema: Schema,
): { path: string; description: string } | undefined {
  const lineStart = text.lastIndexOf('\n', caret - 1) + 1
  const lineEnd = text.indexOf('\n', caret)
  const line = readLine(text.slice(lineStart, lineEnd === -1 ? undefined : lineEnd))
  if (line.key === undefined) return undefined
  const path = [...pathAbove(text.slice(0, lineStart).split('\n').slice(0, -1), line), line.key]
  const found = schemaAt(schema, path)
  if (found === undefined) return undefined
  return { path: path.filter((step) => step !== ITEM).join('.'), description: describe(found) }
}

function readLine(text: string): Line {
  const [, indent, dashes, rest] = LINE.exec(text.replace(/\r$/, '')) ?? ['', '', '', '']
  const dashColumns = [...dashes.matchAll(/-/g)].map(({ index }) => indent.length + index)
  const [, , key, value] = KEY.exec(rest) ?? []
  return { dashColumns, column: indent.length + dashes.length, key, value: value ?? rest }
}

/** Upwards: each key that stands further left than what is inside it. */
function pathAbove(above: readonly string[], line: Line): Path {
  const path: (string | typeof ITEM)[] = []
  let limit = line.column
  const enterItems = ({ dashColumns }: Line): void => {
    for (const column of dashColumns.toReversed()) {
      path.unshift(ITEM)
      // The key of a list may stand right above its dashes.
      limit = column + 1
    }
  }
  enterItems(line)
  for (const text of above.toReversed()) {
    if (/^\s*(#|$)/.test(text)) continue
    const upper = readLine(text)
    if (upper.key !== undefined && upper.column < limit) {
      path.unshift(upper.key)
      limit = upper.column
      enterItems(upper)
    } else if (upper.dashColumns.length > 0 && upper.column === limit) {
      enterItems(upper)
    }
    if (limit === 0) break
  }
  return path
}

/** Keys of the same mapping, which can't stand there twice. */
function keysBeside(above: readonly string[], below: readonly string[], { column, dashColumns }: Line): Set<string> {
  const keys = new Set<string>()
  const take = (lines: readonly string[], isAbove: boolean): void => {
    for (const text of lines) {
      if (/^\s*(#|$)/.test(text)) continue
      const line = readLine(text)
      if (line.column < column || (!isAbove && line.dashColumns.length > 0 && line.column === column)) return
      if (line.column !== column) continue
      if (line.key !== undefined) keys.add(line.key)
      if (line.dashColumns.length > 0) return
    }
  }
  if (dashColumns.length === 0) take(above.toReversed(), true)
  take(below, false)
  return keys
}

function schemaAt(schema: Schema, path: Path): Schema | undefined {
  let found: Schema | undefined = schema
  for (const step of path) {
    const forms: readonly Schema[] = formsOf(found)
    found =
      step === ITEM
        ? forms.find(({ items }) => items !== undefined)?.items
        : forms.map(({ properties }) => properties?.[step]).find((one) => one !== undefined)
    if (found === undefined) return undefined
  }
  return found
}

function formsOf(schema: Schema | undefined): readonly Schema[] {
  if (schema === undefined) return []
  return [schema, ...(schema.anyOf ?? []).flatMap(formsOf)]
}

function keysOf(schema: Schema | undefined): Option[] {
  return formsOf(schema).flatMap(({ properties = {} }) =>
    Object.entries(properties).map(([key, value]) => {
      const isNested = formsOf(value).some(({ properties: inner, items }) => inner !== undefined || items !== undefined)
      return { label: key, insert: isNested ? `${key}:` : `${key}: `, description: describe(value) }
    }),
  )
}

function wordsOf(schema: Schema | undefined): Option[] {
  const forms = formsOf(schema)
  const words = forms.flatMap((form) => [
    ...(form.enum ?? []),
    ...(form.type === 'boolean' ? ['true', 'false'] : []),
    ...wordsOfPattern(form),
    ...(form.default === undefined || typeof form.default === 'object' ? [] : [String(form.default)]),
  ])
  const usual = usualOf(forms)
  return [...new Set(words)].map((word) => ({
    label: word,
    insert: word,
    description: usual === word ? 'the default' : '',
  }))
}

/** `^[0-9]+$|^auto$` names a word. */
function wordsOfPattern({ pattern }: Schema & { readonly pattern?: string }): string[] {
  return [...(pattern ?? '').matchAll(/\^([a-z][a-z-]*)\$/g)].map(([, word]) => word)
}

function describe(schema: Schema): string {
  const forms = formsOf(schema)
  const said = forms.find(({ description }) => description !== undefined)?.description ?? ''
  const usual = usualOf(forms)
  return usual === undefined ? said : `${said} Default: ${usual}.`
}

/** What holds without the key; undefined where that is no single value. */
function usualOf(forms: readonly Schema[]): string | undefined {
  const usual = forms.find((form) => form.default !== undefined)?.default
  return usual === undefined || typeof usual === 'object' ? undefined : String(usual)
}

/** Those that begin with the word come first, then those that have it anywhere. */
function matching(options: readonly Option[], word: string): Option[] {
  const low = word.toLowerCase()
  const having = options.filter(({ label }) => label.toLowerCase().includes(low) && label !== word)
  return having.toSorted((a, b) => rank(a, low) - rank(b, low))
}

function rank({ label }: Option, word: string): number {
  return label.toLowerCase().startsWith(word) ? 0 : 1
}

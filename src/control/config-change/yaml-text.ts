/** A YAML text with its nodes, and where they begin and end in it: what an edit splices by. */
import { isAlias, isMap, isScalar, isSeq, parseDocument, Scalar } from 'yaml'
import type { Document, Node, Pair, YAMLMap, YAMLSeq } from 'yaml'
import { CannotEdit } from './config-edit.ts'
import type { Style } from './value-text.ts'

export type YamlNode = Node & { readonly range?: readonly [number, number, number] | null }
export type YamlPair = Pair<YamlNode, YamlNode | null>
export type YamlMap = YAMLMap<YamlNode, YamlNode | null>
export type YamlList = YAMLSeq<YamlNode>

/** A piece of the text that becomes another one. */
export interface Splice {
  readonly from: number
  readonly to: number
  readonly text: string
}

export class YamlText {
  readonly text: string
  readonly style: Style
  readonly root: YamlNode

  /** Throws CannotEdit for text that is no YAML. */
  constructor(text: string) {
    const document: Document.Parsed = parseDocument(text, {
      keepSourceTokens: true,
      uniqueKeys: false,
      prettyErrors: false,
    })
    const { contents, errors } = document
    if (errors.length > 0 || contents === null) {
      throw new CannotEdit('The file is not valid as it stands; put it right as text first.')
    }
    this.text = text
    this.root = contents
    this.style = { isJson: isJson(contents), newline: text.includes('\r\n') ? '\r\n' : '\n' }
  }

  /** Splices must not overlap. */
  with(splices: readonly Splice[]): string {
    let text = this.text
    for (const { from, to, text: piece } of splices.toSorted((a, b) => b.from - a.from)) {
      text = text.slice(0, from) + piece + text.slice(to)
    }
    return text
  }

  lineStart(offset: number): number {
    return this.text.lastIndexOf('\n', offset - 1) + 1
  }

  /** Where the line's own text is over, before its line break. */
  lineEnd(offset: number): number {
    const at = this.text.indexOf('\n', offset)
    if (at === -1) return this.text.length
    return at > offset && this.text[at - 1] === '\r' ? at - 1 : at
  }

  /** Where the next line begins; the end of the text where there is none. */
  nextLine(offset: number): number {
    const at = this.text.indexOf('\n', offset)
    return at === -1 ? this.text.length : at + 1
  }

  /** The end of the line, and of comment lines below it that are indented deeper than `column`: they belong to it. */
  endWithComments(offset: number, column: number): number {
    let end = this.lineEnd(offset)
    for (;;) {
      const next = this.nextLine(end)
      const indent = /^( *)#/.exec(this.text.slice(next, this.lineEnd(next)))?.[1]
      if (next === end || indent === undefined || indent.length <= column) return end
      end = this.lineEnd(next)
    }
  }

  column(offset: number): number {
    return offset - this.lineStart(offset)
  }

  isFirstOnLine(offset: number): boolean {
    return /^ *$/.test(this.text.slice(this.lineStart(offset), offset))
  }

  between(from: number, to: number): string {
    return this.text.slice(from, to)
  }

  /** Where the last character of a value is over: comments and line breaks behind it are not its own. */
  end(node: YamlNode): number {
    if (isMap(node) && node.flow !== true) return this.endOfPair((node as YamlMap).items.at(-1)!)
    if (isSeq(node) && node.flow !== true) return this.end((node as YamlList).items.at(-1)!)
    const [, end] = rangeOf(node)
    return isBlockScalar(node) ? this.#withoutLastBreak(end) : end
  }

  endOfPair(pair: YamlPair): number {
    const { key, value } = pair
    return Math.max(this.end(key), colonEnd(pair) ?? 0, value === null || isEmpty(value) ? 0 : this.end(value))
  }

  #withoutLastBreak(end: number): number {
    if (this.text[end - 1] !== '\n') return end
    return this.text[end - 2] === '\r' ? end - 2 : end - 1
  }
}

export function rangeOf(node: YamlNode): readonly [number, number, number] {
  if (node.range == null) throw new CannotEdit('A value has no place in the file.')
  return node.range
}

export function startOf(node: YamlNode): number {
  return rangeOf(node)[0]
}

/** The first, as the reader of the configuration takes it. */
export function findPair(map: YamlMap, key: string): YamlPair | undefined {
  return map.items.find((pair) => isScalar(pair.key) && (pair.key.source ?? String(pair.key.value)) === key)
}

/** Nothing is written there. */
export function isEmpty(node: YamlNode | null): boolean {
  if (node === null) return true
  return isScalar(node) && node.value === null && (node.source ?? '') === ''
}

export function isBlockScalar(node: YamlNode): boolean {
  return isScalar(node) && (node.type === Scalar.BLOCK_LITERAL || node.type === Scalar.BLOCK_FOLDED)
}

export function isPlainPlace(node: YamlNode): boolean {
  return isAlias(node) || (isScalar(node) && !isBlockScalar(node))
}

/** Behind the colon of a key; undefined where there is none. */
export function colonEnd(pair: YamlPair): number | undefined {
  const { sep = [] } = (pair.srcToken ?? {}) as { sep?: readonly { type: string; offset: number }[] }
  const colon = sep.find(({ type }) => type === 'map-value-ind')
  return colon === undefined ? undefined : colon.offset + 1
}

/** Where the `-` of an item stands. */
export function dashOf(list: YamlList, at: number): number {
  const { items } = list.srcToken as { items: readonly { start: readonly { type: string; offset: number }[] }[] }
  const dash = items[at]?.start.find(({ type }) => type === 'seq-item-ind')
  if (dash === undefined) throw new CannotEdit('An item of the list has no place in the file.')
  return dash.offset
}

/** Programs may read and write it as JSON: it stays that. */
function isJson(root: YamlNode): boolean {
  if (!isMap(root) || root.flow !== true) return false
  const key = (root as YamlMap).items[0]?.key
  return isScalar(key) && key.type === Scalar.QUOTE_DOUBLE
}

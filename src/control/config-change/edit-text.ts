/**
 * Makes a structured change in the text of the file: only the changed place is another one then, byte for byte; comments,
 * order, quotes and blank lines stay. What comes out is read again, and refused unless exactly the wanted values differ.
 */
import { isDeepStrictEqual } from 'node:util'
import { isMap, isScalar, isSeq } from 'yaml'
import type { ConfigNode, ConfigPath } from '../config/config-tree.ts'
import { parseYaml } from '../config/parse-yaml.ts'
import {
  CannotEdit,
  type ConfigEdit,
  type EditValue,
  editPlain,
  mayBeShort,
  type Plain,
  SHORT_FORM_KEY,
} from './config-edit.ts'
import { insertIntoBlockList, orderBlockList, removeFromBlockList, removeFromBlockMap } from './block-edits.ts'
import { insertIntoFlow, orderFlowList, removeFromFlow } from './flow-edits.ts'
import { behindColon, blockPair, blockText, flowPair, flowText, hasLines, scalarText } from './value-text.ts'
import {
  colonEnd,
  findPair,
  isEmpty,
  isPlainPlace,
  rangeOf,
  type Splice,
  startOf,
  type YamlList,
  type YamlMap,
  type YamlNode,
  type YamlPair,
  YamlText,
} from './yaml-text.ts'

/** The file is parsed for each edit: about 2 s for so many, in the thread that everything else waits for. */
const PARSED_CHARACTERS_MAX = 4 * 2 ** 20

/** The text after all edits, one after the other. Throws CannotEdit. */
export function editText(text: string, edits: readonly ConfigEdit[]): string {
  if (edits.length * text.length > PARSED_CHARACTERS_MAX) {
    throw new CannotEdit('So many changes of so large a file are made as text, or in several requests.')
  }
  let [changed, wanted] = [text, plainValues(text)]
  for (const edit of edits) {
    wanted = editPlain(wanted, edit)
    const yaml = new YamlText(changed)
    changed = yaml.with(new Edit(yaml).splices(edit))
  }
  if (isDeepStrictEqual(tryPlainValues(changed), wanted)) return changed
  throw new CannotEdit(
    'The change cannot be made here without changing something else (an alias, perhaps); make it in the text.',
  )
}

/** Values as they are written: `${NAME}` is not replaced. Throws CannotEdit. */
export function plainValues(text: string): Plain {
  const plain = tryPlainValues(text)
  if (plain === undefined) throw new CannotEdit('The file is not valid as it stands; put it right as text first.')
  return plain
}

function tryPlainValues(text: string): Plain | undefined {
  const parsed = parseYaml(text, '', {})
  return parsed.kind === 'tree' ? asWritten(parsed.source.root) : undefined
}

function asWritten(node: ConfigNode): Plain {
  if (node.kind === 'scalar') return node.template ?? node.text ?? null
  if (node.kind === 'list') return node.items.map(asWritten)
  return Object.fromEntries([...node.entries].map(([key, { value }]) => [key, asWritten(value)]))
}

/** Where a walk along a path has ended. */
type Place =
  | { readonly kind: 'found'; readonly node: YamlNode }
  /** A key, or a key of a key, that is not there yet. */
  | { readonly kind: 'no-key'; readonly map: YamlMap; readonly rest: ConfigPath }
  /** A key with nothing behind it. */
  | { readonly kind: 'empty'; readonly pair: YamlPair; readonly rest: ConfigPath }
  /** Text that stands for a mapping. */
  | { readonly kind: 'short'; readonly node: YamlNode; readonly rest: ConfigPath }

class Edit {
  readonly #yaml: YamlText
  /** Between brackets. */
  #isInFlow = false

  constructor(yaml: YamlText) {
    this.#yaml = yaml
  }

  splices(edit: ConfigEdit): readonly Splice[] {
    switch (edit.kind) {
      case 'set':
        return this.#set(edit.path, edit.value)
      case 'remove':
        return this.#remove(edit.path)
      case 'insert':
        return this.#insert(edit.path, edit.at, edit.value)
      default:
        return this.#order(this.#listAt(edit.path), edit.order)
    }
  }

  #walk(path: ConfigPath): Place {
    let node = this.#yaml.root
    for (const [i, step] of path.entries()) {
      const rest = path.slice(i + 1)
      if (isMap(node)) {
        this.#isInFlow ||= node.flow === true
        const pair = findPair(node as YamlMap, String(step))
        if (pair === undefined) return { kind: 'no-key', map: node as YamlMap, rest: path.slice(i) }
        if (isEmpty(pair.value)) return { kind: 'empty', pair, rest }
        node = pair.value!
      } else if (isSeq(node) && typeof step === 'number') {
        this.#isInFlow ||= node.flow === true
        const item = (node as YamlList).items[step]
        if (item === undefined) throw nothingThere(path)
        node = item
      } else if (isScalar(node) && mayBeShort(path.slice(0, i))) {
        return { kind: 'short', node, rest: path.slice(i) }
      } else {
        throw nothingThere(path)
      }
    }
    return { kind: 'found', node }
  }

  #set(path: ConfigPath, value: EditValue): Splice[] {
    const place = this.#walk(path)
    if (place.kind === 'found') return [this.#replace(place.node, value)]
    if (place.kind === 'empty') return [this.#fill(place.pair, nested(place.rest, value))]
    const [key, ...rest] = place.rest
    const inner = nested(rest, value)
    return place.kind === 'short'
      ? this.#lengthen(place.node, String(key), inner)
      : this.#addKey(place.map, String(key), inner)
  }

  #replace(node: YamlNode, value: EditValue): Splice {
    const { style } = this.#yaml
    const from = startOf(node)
    const to = this.#yaml.end(node)
    if (typeof value !== 'object' && isPlainPlace(node)) {
      const like = isScalar(node) ? node.type : undefined
      return { from, to: rangeOf(node)[1], text: scalarText(value, style, like) }
    }
    const isBlock = (isMap(node) || isSeq(node)) && node.flow !== true
    const isInLines = isBlock && !this.#isInFlow && hasLines(value)
    return { from, to, text: isInLines ? blockText(value, this.#yaml.column(from), style) : flowText(value, style) }
  }

  #fill(pair: YamlPair, value: EditValue): Splice {
    const at = colonEnd(pair)
    if (at === undefined) throw new CannotEdit('A key without a colon cannot be given a value here.')
    const { style } = this.#yaml
    if (this.#isInFlow || !hasLines(value)) return added(at, ` ${flowText(value, style)}`)
    // Behind a comment on that line.
    return added(this.#yaml.lineEnd(at), behindColon(value, this.#yaml.column(startOf(pair.key)), style))
  }

  #addKey(map: YamlMap, key: string, value: EditValue): Splice[] {
    const yaml = this.#yaml
    if (map.flow === true) return insertIntoFlow(yaml, map, map.items.length, flowPair(key, value, yaml.style))
    const column = yaml.column(startOf(map.items[0].key))
    const at = yaml.endWithComments(yaml.end(map), column)
    return [added(at, yaml.style.newline + ' '.repeat(column) + blockPair(key, value, column, yaml.style))]
  }

  /** `- 192.0.2.1:80 # here` becomes `- address: 192.0.2.1:80 # here` and a line for the key. */
  #lengthen(node: YamlNode, key: string, value: EditValue): Splice[] {
    const yaml = this.#yaml
    const { style } = yaml
    const [from, to] = rangeOf(node)
    if (this.#isInFlow) {
      const [open, close] = style.isJson ? ['{', '}'] : ['{ ', ' }']
      return [
        added(from, `${open}${scalarText(SHORT_FORM_KEY, style)}: `),
        added(to, `, ${flowPair(key, value, style)}${close}`),
      ]
    }
    const column = yaml.column(from)
    const line = style.newline + ' '.repeat(column) + blockPair(key, value, column, style)
    return [added(from, `${SHORT_FORM_KEY}: `), added(yaml.lineEnd(to), line)]
  }

  #remove(path: ConfigPath): Splice[] {
    const place = this.#walk(path.slice(0, -1))
    const last = path.at(-1)
    if (place.kind !== 'found') throw nothingThere(path)
    const { node } = place
    if (isSeq(node) && typeof last === 'number' && last < node.items.length) {
      const list = node as YamlList
      return [node.flow === true ? removeFromFlow(this.#yaml, list, last) : removeFromBlockList(this.#yaml, list, last)]
    }
    if (!isMap(node)) throw nothingThere(path)
    const map = node as YamlMap
    const at = map.items.findIndex((pair) => pair === findPair(map, String(last)))
    if (at === -1) throw nothingThere(path)
    return [node.flow === true ? removeFromFlow(this.#yaml, map, at) : removeFromBlockMap(this.#yaml, map, at)]
  }

  #insert(path: ConfigPath, at: number | undefined, value: EditValue): readonly Splice[] {
    const place = this.#walk(path)
    if (place.kind !== 'found') return new Edit(this.#yaml).splices({ kind: 'set', path, value: [value] })
    if (!isSeq(place.node)) throw nothingThere(path)
    const list = place.node as YamlList
    const where = Math.min(at ?? list.items.length, list.items.length)
    return list.flow === true || this.#isInFlow
      ? insertIntoFlow(this.#yaml, list, where, flowText(value, this.#yaml.style))
      : [insertIntoBlockList(this.#yaml, list, where, value)]
  }

  #listAt(path: ConfigPath): YamlList {
    const place = this.#walk(path)
    if (place.kind !== 'found' || !isSeq(place.node)) throw nothingThere(path)
    return place.node as YamlList
  }

  #order(list: YamlList, order: readonly number[]): Splice[] {
    return list.flow === true ? orderFlowList(this.#yaml, list, order) : orderBlockList(this.#yaml, list, order)
  }
}

function added(at: number, text: string): Splice {
  return { from: at, to: at, text }
}

/** The value inside mappings for the keys that are not there yet. */
function nested(keys: ConfigPath, value: EditValue): EditValue {
  return keys.reduceRight<EditValue>((inner, key) => ({ [String(key)]: inner }), value)
}

function nothingThere(path: ConfigPath): CannotEdit {
  return new CannotEdit(
    `The file has nothing at ${path.join('.')} that could be changed; an alias stands there, perhaps.`,
  )
}

/**
 * The file as a tree of plain values that remember where they stand, so that every later complaint has a line
 * and a column. Aliases and merge keys are already resolved in it.
 */
import type { ConfigPlace } from './config.ts'
import type { ConfigProblem, ConfigProblemCode } from './problem.ts'
import { showValue } from './problem.ts'

export type ConfigPath = readonly (string | number)[]

interface NodeBase {
  /** Offset of the value in the text. */
  readonly offset: number
  /** Nodes in this subtree, with everything that aliases repeat. */
  readonly size: number
}

export interface ScalarNode extends NodeBase {
  readonly kind: 'scalar'
  /** The text as written, without quotes; undefined for a value left empty. What it means is for its key to say. */
  readonly text: string | undefined
  /** False for quoted and block text, where `null` is a word. */
  readonly plain: boolean
  /** The text before `${NAME}` was replaced, where that happened. */
  readonly template?: string
  /** A problem with this value is already reported. */
  readonly broken?: boolean
}

export interface ListNode extends NodeBase {
  readonly kind: 'list'
  readonly items: readonly ConfigNode[]
  /** Where each item stood before others were taken out; absent when none was. */
  readonly positions?: readonly number[]
}

export interface MapNode extends NodeBase {
  readonly kind: 'map'
  readonly entries: ReadonlyMap<string, MapEntry>
}

export interface MapEntry {
  readonly keyOffset: number
  readonly value: ConfigNode
}

export type ConfigNode = ScalarNode | ListNode | MapNode

/** Turns an offset into a line and a column, both from 1. */
export type LineOf = (offset: number) => { readonly line: number; readonly col: number }

/** The plain value for the schema; text stays text. */
export function plainValue(node: ConfigNode): unknown {
  if (node.kind === 'scalar') return node.text ?? null
  if (node.kind === 'list') return node.items.map(plainValue)
  return Object.fromEntries([...node.entries].map(([key, entry]) => [key, plainValue(entry.value)]))
}

export interface Found {
  readonly node: ConfigNode
  /** As far as the path could be followed; a missing key at the end is still named. */
  readonly key: string
  readonly missing: boolean
}

/** Follows a path as far as the tree goes: `upstreams[0].address` ends at the text where the short form is used. */
export function findNode(root: ConfigNode, path: ConfigPath): Found {
  let node = root
  const followed: (string | number)[] = []
  for (const step of path) {
    const child = childOf(node, step)
    if (child === undefined && node.kind === 'map') return { node, key: formatPath([...followed, step]), missing: true }
    if (child === undefined) break
    followed.push(node.kind === 'list' ? (node.positions?.[Number(step)] ?? step) : step)
    node = child
  }
  return { node, key: formatPath(followed), missing: false }
}

export function childOf(node: ConfigNode, step: string | number): ConfigNode | undefined {
  if (node.kind === 'list') return typeof step === 'number' ? node.items[step] : undefined
  return node.kind === 'map' ? node.entries.get(String(step))?.value : undefined
}

/** `services[0].listen[1]` */
export function formatPath(path: ConfigPath): string {
  return path
    .map((step, i) => {
      if (typeof step === 'number') return `[${step}]`
      const shown = /^[\w$<-]{1,40}$/.test(step) ? step : showValue(step)
      return i === 0 ? shown : `.${shown}`
    })
    .join('')
}

/** A tree with the file it came from: where things stand, and problems at those places. */
export class ConfigSource {
  readonly file: string
  readonly root: ConfigNode
  readonly #lineOf: LineOf

  constructor(file: string, root: ConfigNode, lineOf: LineOf) {
    this.file = file
    this.root = root
    this.#lineOf = lineOf
  }

  place(path: ConfigPath): ConfigPlace {
    const found = findNode(this.root, path)
    return this.#placeAt(found.node.offset, found.key)
  }

  placeOfKey(path: ConfigPath, key: string): ConfigPlace {
    const found = findNode(this.root, [...path, key])
    const { node } = findNode(this.root, path)
    const offset = node.kind === 'map' ? node.entries.get(key)?.keyOffset : undefined
    return this.#placeAt(offset ?? node.offset, found.key)
  }

  /** A problem with the value at the path, showing it. */
  problem(code: ConfigProblemCode, path: ConfigPath, message: string): ConfigProblem {
    const { node, missing } = findNode(this.root, path)
    return { code, ...this.place(path), value: missing ? undefined : showNode(node), message }
  }

  #placeAt(offset: number, key: string): ConfigPlace {
    const { line, col } = this.#lineOf(offset)
    return { file: this.file, line, column: col, key }
  }

  /** The same file with another tree, after parts were taken out. */
  withRoot(root: ConfigNode): ConfigSource {
    return new ConfigSource(this.file, root, this.#lineOf)
  }
}

/** Text is shown with the template it came from, so that it is clear whose value it is. */
function showNode(node: ConfigNode): string | undefined {
  if (node.kind !== 'scalar' || node.text === undefined) return undefined
  const shown = showValue(node.text)
  return node.template === undefined ? shown : `${shown} (from ${showValue(node.template).slice(1, -1)})`
}

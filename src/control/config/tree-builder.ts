/** Builds the ConfigNode tree from YAML nodes: replaces `${NAME}`, follows aliases and merge keys, finds duplicate keys. */
import { isAlias, isMap, isScalar, isSeq, Scalar } from 'yaml'
import type { Alias, Node, Pair, YAMLMap, YAMLSeq } from 'yaml'
import type { ConfigNode, ConfigPath, MapEntry, MapNode, ScalarNode } from './config-tree.ts'
import { formatPath } from './config-tree.ts'
import { substituteEnv } from './environment.ts'
import type { ConfigProblem, ConfigProblemCode } from './problem.ts'
import { showValue } from './problem.ts'

/** Values that aliases may blow a file up to. The file itself has its own limit, in bytes. */
export const EXPANDED_VALUES_MAX = 100_000

const DUPLICATE = 'stands twice in this mapping; keep one'
const NOT_A_MERGE = 'must be an alias of a mapping, such as `<<: *first`'

type MakeProblem = (
  code: ConfigProblemCode,
  offset: number,
  key: string,
  value: string | undefined,
  message: string,
) => ConfigProblem

/** One use for one document. */
export class TreeBuilder {
  readonly problems: ConfigProblem[] = []
  readonly #env: NodeJS.ProcessEnv
  readonly #makeProblem: MakeProblem
  /** The latest node with each anchor; `open` while its own inside is being built. */
  readonly #anchors = new Map<string, ConfigNode | 'open'>()
  #expandedValues = 0

  constructor(env: NodeJS.ProcessEnv, makeProblem: MakeProblem) {
    this.#env = env
    this.#makeProblem = makeProblem
  }

  build(node: Node | null, path: ConfigPath = []): ConfigNode {
    if (node === null) return { kind: 'scalar', offset: 0, size: 1, text: undefined, plain: true }
    if (isAlias(node)) return this.#buildAlias(node, path)
    const anchor = (node as Scalar).anchor
    if (anchor !== undefined) this.#anchors.set(anchor, 'open')
    const built = this.#buildOwn(node, path)
    if (anchor !== undefined) this.#anchors.set(anchor, built)
    return built
  }

  #buildOwn(node: Node, path: ConfigPath): ConfigNode {
    if (isMap(node)) return this.#buildMap(node, path)
    if (isSeq(node)) return this.#buildList(node, path)
    return this.#buildScalar(node as Scalar, path)
  }

  /** What an alias stands for is shared, not copied: a chain of doublings costs one node each, and is counted all the same. */
  #buildAlias(alias: Alias, path: ConfigPath): ConfigNode {
    const offset = offsetOf(alias)
    const target = this.#anchors.get(alias.source)
    const refuse = (message: string): ScalarNode =>
      this.#broken('E_CONFIG_ALIAS', offset, path, `*${alias.source}`, message)
    if (target === undefined) return refuse(unknownAlias(alias.source))
    if (target === 'open') return refuse('stands inside what it refers to')
    const isFirstTooMuch = this.#expandedValues <= EXPANDED_VALUES_MAX
    this.#expandedValues += target.size
    if (this.#expandedValues <= EXPANDED_VALUES_MAX) return target
    if (isFirstTooMuch) return refuse(`repeats too much: aliases may expand to ${EXPANDED_VALUES_MAX} values in all`)
    return reported(offset)
  }

  #buildList(list: YAMLSeq, path: ConfigPath): ConfigNode {
    const items = list.items.map((item, i) => this.build(item as Node | null, [...path, i]))
    return { kind: 'list', offset: offsetOf(list), size: sizeOf(items), items }
  }

  #buildMap(map: YAMLMap, path: ConfigPath): ConfigNode {
    const entries = new Map<string, MapEntry>()
    const merged: MapNode[] = []
    for (const pair of map.items as Pair<Node, Node | null>[]) {
      if (!isScalar(pair.key)) return this.#strangeKey(map, pair, path)
      this.#addPair(pair, pair.key, path, entries, merged)
    }
    // A key of the mapping itself wins over a merged one, and an earlier merge over a later one.
    for (const source of merged) {
      for (const [key, entry] of source.entries) if (!entries.has(key)) entries.set(key, entry)
    }
    const size = sizeOf([...entries.values()].map((entry) => entry.value))
    return { kind: 'map', offset: offsetOf(map), size, entries }
  }

  /** `[ [::]:443 ]` is a mapping with a list as its key to YAML. */
  #strangeKey(map: YAMLMap, pair: Pair<Node, Node | null>, path: ConfigPath): ConfigNode {
    const [is, hint] = isSeq(pair.key)
      ? ['list', '; write addresses with brackets in quotes, such as "[::]:443"']
      : ['mapping', '']
    const offset = offsetOf(map)
    this.#report('E_CONFIG_SYNTAX', offset, path, undefined, `has a ${is} where a key must be a word${hint}`)
    return reported(offset)
  }

  #addPair(
    pair: Pair<Node, Node | null>,
    keyNode: Scalar,
    path: ConfigPath,
    entries: Map<string, MapEntry>,
    merged: MapNode[],
  ): void {
    const keyOffset = offsetOf(keyNode)
    const key = keyNode.source ?? String(keyNode.value)
    if (key === '<<' && keyNode.type === Scalar.PLAIN) {
      this.#addMerge(pair.value, keyOffset, path, merged)
      return
    }
    const value = this.#emptyAtKey(pair, keyOffset) ?? this.build(pair.value, [...path, key])
    if (!entries.has(key)) entries.set(key, { keyOffset, value })
    else this.#report('E_CONFIG_DUPLICATE_KEY', keyOffset, [...path, key], undefined, DUPLICATE)
  }

  /** `key:` with nothing behind it: the value's place is the key's. */
  #emptyAtKey(pair: Pair<Node, Node | null>, keyOffset: number): ScalarNode | undefined {
    const { value } = pair
    const empty =
      value === null ||
      (isScalar(value) && value.value === null && (value.source ?? '') === '' && value.anchor === undefined)
    return empty ? { kind: 'scalar', offset: keyOffset, size: 1, text: undefined, plain: true } : undefined
  }

  #addMerge(value: Node | null, keyOffset: number, path: ConfigPath, merged: MapNode[]): void {
    const built = this.build(value, [...path, '<<'])
    const sources = built.kind === 'list' ? built.items : [built]
    for (const source of sources) {
      if (source.kind === 'map') merged.push(source)
      else if (source.kind !== 'scalar' || source.broken !== true) {
        this.#report('E_CONFIG_TYPE', keyOffset, [...path, '<<'], undefined, NOT_A_MERGE)
      }
    }
  }

  #buildScalar(scalar: Scalar, path: ConfigPath): ConfigNode {
    const plain = scalar.type === undefined || scalar.type === Scalar.PLAIN
    const offset = offsetOf(scalar)
    if (plain && scalar.value === null) return { kind: 'scalar', offset, size: 1, text: undefined, plain }
    const text = scalar.source ?? String(scalar.value)
    const substituted = substituteEnv(text, this.#env)
    if (substituted.kind === 'failed') return this.#broken('E_CONFIG_ENV', offset, path, text, substituted.problem)
    if (substituted.kind === 'same') return { kind: 'scalar', offset, size: 1, text, plain }
    return { kind: 'scalar', offset, size: 1, text: substituted.text, plain, template: text }
  }

  #broken(code: ConfigProblemCode, offset: number, path: ConfigPath, text: string, message: string): ScalarNode {
    this.#report(code, offset, path, showValue(text), message)
    return { kind: 'scalar', offset, size: 1, text, plain: true, broken: true }
  }

  #report(code: ConfigProblemCode, offset: number, path: ConfigPath, value: string | undefined, message: string): void {
    this.problems.push(this.#makeProblem(code, offset, formatPath(path), value, message))
  }
}

/** A value whose problem is already reported. */
function reported(offset: number): ScalarNode {
  return { kind: 'scalar', offset, size: 1, text: '', plain: true, broken: true }
}

function offsetOf(node: Node | null): number {
  return node?.range?.[0] ?? 0
}

function sizeOf(nodes: readonly ConfigNode[]): number {
  return nodes.reduce((size, node) => size + node.size, 1)
}

/** `listen: *:443` is an alias to YAML. */
function unknownAlias(name: string): string {
  if (/^:\d+$/.test(name)) return `is an alias to YAML; write "*${name}" in quotes`
  return `refers to the anchor &${name}, which no earlier value has; text that begins with * needs quotes`
}

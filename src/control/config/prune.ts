/**
 * Takes parts that are already reported out of the tree, so that the checks that compare values with each other
 * still see all the rest: one run shows every mistake, not only the first kind.
 */
import type { ConfigNode, ConfigPath, ListNode, MapNode } from './config-tree.ts'

/**
 * The tree without the values at the paths; undefined when nothing is left. A path to a key that is missing takes
 * the mapping that misses it, and a path into a single value takes that value.
 */
export function prune(node: ConfigNode, paths: readonly ConfigPath[], at: ConfigPath = []): ConfigNode | undefined {
  if (paths.length === 0) return node
  if (node.kind === 'scalar' || paths.some((path) => path.length === 0)) return undefined
  const pathsByStep = Map.groupBy(paths, ([step]) => String(step))
  const innerOf = (step: string): ConfigPath[] => (pathsByStep.get(step) ?? []).map((path) => path.slice(1))
  return node.kind === 'list' ? pruneList(node, innerOf, at) : pruneMap(node, [...pathsByStep.keys()], innerOf, at)
}

function pruneList(list: ListNode, innerOf: (step: string) => readonly ConfigPath[], at: ConfigPath): ListNode {
  const kept = list.items.flatMap((item, i) => {
    const position = list.positions?.[i] ?? i
    const pruned = prune(item, innerOf(String(i)), [...at, position])
    return pruned === undefined ? [] : { pruned, position }
  })
  return { ...list, items: kept.map(({ pruned }) => pruned), positions: kept.map(({ position }) => position) }
}

function pruneMap(
  map: MapNode,
  steps: readonly string[],
  innerOf: (step: string) => readonly ConfigPath[],
  at: ConfigPath,
): MapNode | undefined {
  const entries = new Map(map.entries)
  for (const key of steps) {
    const entry = entries.get(key)
    const pruned = entry === undefined ? undefined : prune(entry.value, innerOf(key), [...at, key])
    const value = pruned ?? standInFor(key, map, at)
    if (value !== undefined) entries.set(key, { keyOffset: entry?.keyOffset ?? map.offset, value })
    else if (entry === undefined) return undefined
    else entries.delete(key)
  }
  return { ...map, entries }
}

/**
 * What stands in for a required part of a service that was taken out, so that the service itself stays to be compared
 * with the others. Each fits the schema and collides with nothing: port 0 never overlaps, `.invalid` never resolves.
 */
const STAND_INS = new Map<string, (offset: number, position: string) => ConfigNode>([
  ['name', (offset, position) => scalar(offset, `unnamed-${position}`)],
  ['mode', (offset) => scalar(offset, 'raw')],
  ['listen', (offset) => list(offset, scalar(offset, '0.0.0.0:0'))],
  ['upstreams', (offset) => list(offset, scalar(offset, 'stand-in.invalid:1'))],
])

function standInFor(key: string, service: MapNode, at: ConfigPath): ConfigNode | undefined {
  const isService = at.length === 2 && at[0] === 'services'
  return isService ? STAND_INS.get(key)?.(service.offset, String(at[1])) : undefined
}

function scalar(offset: number, text: string): ConfigNode {
  return { kind: 'scalar', offset, size: 1, text, plain: true }
}

function list(offset: number, item: ConfigNode): ConfigNode {
  return { kind: 'list', offset, size: 2, items: [item] }
}

/** Every path in the tree whose value is already reported. */
export function brokenPaths(node: ConfigNode, path: ConfigPath = []): ConfigPath[] {
  if (node.kind === 'scalar') return node.broken === true ? [path] : []
  if (node.kind === 'list') return node.items.flatMap((item, i) => brokenPaths(item, [...path, i]))
  return [...node.entries].flatMap(([key, entry]) => brokenPaths(entry.value, [...path, key]))
}

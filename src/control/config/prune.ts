/**
 * Takes a part that is already reported out of the tree, so that the checks that compare values with each other
 * still see all the rest: one run shows every mistake, not only the first kind.
 */
import { childOf } from './config-tree.ts'
import type { ConfigNode, ConfigPath } from './config-tree.ts'

/** The tree without the value at the path; undefined when nothing is left. A path past the tree removes its nearest parent. */
export function prune(node: ConfigNode, path: ConfigPath): ConfigNode | undefined {
  const [step, ...rest] = path
  if (step === undefined) return undefined
  const child = childOf(node, step)
  if (child === undefined) return undefined
  const pruned = prune(child, rest)
  if (node.kind === 'list') {
    const items = node.items.flatMap((item, i) => (i === step ? (pruned ?? []) : item))
    return { ...node, items }
  }
  if (node.kind !== 'map') return undefined
  const entries = new Map(node.entries)
  if (pruned === undefined) entries.delete(String(step))
  else entries.set(String(step), { ...entries.get(String(step))!, value: pruned })
  return { ...node, entries }
}

/** Every path in the tree whose value is already reported. */
export function brokenPaths(node: ConfigNode, path: ConfigPath = []): ConfigPath[] {
  if (node.kind === 'scalar') return node.broken === true ? [path] : []
  if (node.kind === 'list') return node.items.flatMap((item, i) => brokenPaths(item, [...path, i]))
  return [...node.entries].flatMap(([key, entry]) => brokenPaths(entry.value, [...path, key]))
}

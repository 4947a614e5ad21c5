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
    if (pruned !== undefined) return { ...node, items: node.items.with(Number(step), pruned) }
    const positions = node.positions ?? node.items.map((_, i) => i)
    return { ...node, items: node.items.toSpliced(Number(step), 1), positions: positions.toSpliced(Number(step), 1) }
  }
  if (node.kind !== 'map') return undefined
  const entries = new Map(node.entries)
  if (pruned === undefined) entries.delete(String(step))
  else entries.set(String(step), { ...entries.get(String(step))!, value: pruned })
  return { ...node, entries }
}

/**
 * What stands in for a required part of a service that was taken out, so that the service itself stays to be compared
 * with the others. Each fits the schema and collides with nothing: port 0 never overlaps, `.invalid` never resolves.
 */
const STAND_INS = new Map<string, (offset: number, count: number) => ConfigNode>([
  ['name', (offset, count) => scalar(offset, `unnamed-${count}`)],
  ['mode', (offset) => scalar(offset, 'raw')],
  ['listen', (offset) => list(offset, scalar(offset, '0.0.0.0:0'))],
  ['upstreams', (offset) => list(offset, scalar(offset, 'stand-in.invalid:1'))],
])

function scalar(offset: number, text: string): ConfigNode {
  return { kind: 'scalar', offset, size: 1, text, plain: true }
}

function list(offset: number, item: ConfigNode): ConfigNode {
  return { kind: 'list', offset, size: 2, items: [item] }
}

/** `prune`, but a required part of a service is replaced. `count` makes names that differ. */
export function pruneOrReplace(root: ConfigNode, path: ConfigPath, count: number): ConfigNode | undefined {
  const [top, index, key] = path
  const standIn = path.length === 3 && top === 'services' ? STAND_INS.get(String(key)) : undefined
  const services = childOf(root, 'services')
  const service = services === undefined || index === undefined ? undefined : childOf(services, index)
  if (root.kind !== 'map' || services?.kind !== 'list' || service?.kind !== 'map' || standIn === undefined) {
    return prune(root, path)
  }
  const value = standIn(service.offset, count)
  const whole = { ...service, entries: new Map(service.entries).set(String(key), { keyOffset: service.offset, value }) }
  const items = services.items.with(Number(index), whole)
  const entry = root.entries.get('services')!
  return { ...root, entries: new Map(root.entries).set('services', { ...entry, value: { ...services, items } }) }
}

/** Every path in the tree whose value is already reported. */
export function brokenPaths(node: ConfigNode, path: ConfigPath = []): ConfigPath[] {
  if (node.kind === 'scalar') return node.broken === true ? [path] : []
  if (node.kind === 'list') return node.items.flatMap((item, i) => brokenPaths(item, [...path, i]))
  return [...node.entries].flatMap(([key, entry]) => brokenPaths(entry.value, [...path, key]))
}

/** One structured change of a configuration, and what it makes of the values: edit-text.ts is held to that. */
import type { ConfigPath } from '../config/config-tree.ts'

/** What a value may be; text, numbers and booleans are the same to the reader of the configuration. */
export type EditValue = string | number | boolean | readonly EditValue[] | { readonly [key: string]: EditValue }

export type ConfigEdit =
  /** Mappings on the way that are not there are made. */
  | { readonly kind: 'set'; readonly path: ConfigPath; readonly value: EditValue }
  | { readonly kind: 'remove'; readonly path: ConfigPath }
  /** Into the list at the path, before the item that is `at` now; at its end without it. */
  | { readonly kind: 'insert'; readonly path: ConfigPath; readonly at?: number | undefined; readonly value: EditValue }
  /** `order[0]` is the item that comes first, by where it stands now. */
  | { readonly kind: 'order'; readonly path: ConfigPath; readonly order: readonly number[] }

/** The change can't be made so that nothing else changes; the message is a sentence. */
export class CannotEdit extends Error {
  override readonly name = 'CannotEdit'
}

/** The values of a file: text and null for what is left empty. */
export type Plain = string | null | readonly Plain[] | { readonly [key: string]: Plain }

/** The short form of an upstream is the value of this key. */
export const SHORT_FORM_KEY = 'address'

/** True where a plain text stands for a mapping: an upstream. */
export function mayBeShort(path: ConfigPath): boolean {
  return path.length === 4 && path[0] === 'services' && path[2] === 'upstreams'
}

/** The values after the edit. Throws CannotEdit for a path that leads nowhere. */
export function editPlain(root: Plain, edit: ConfigEdit): Plain {
  const { path } = edit
  switch (edit.kind) {
    case 'set':
      return changeAt(root, path, [], () => plainOf(edit.value))
    case 'remove':
      return changeAt(root, path.slice(0, -1), [], (owner) => without(owner, path))
    case 'insert':
      return changeAt(root, path, [], (list) => inserted(list, edit.at, plainOf(edit.value)))
    default:
      return changeAt(root, path, [], (list) => ordered(list, path, edit.order))
  }
}

export function plainOf(value: EditValue): Plain {
  if (Array.isArray(value)) return value.map(plainOf)
  if (typeof value !== 'object') return String(value)
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plainOf(inner)]))
}

function changeAt(
  node: Plain | undefined,
  rest: ConfigPath,
  done: ConfigPath,
  change: (node: Plain | undefined) => Plain,
): Plain {
  if (rest.length === 0) return change(node)
  const [step, ...further] = rest
  const inside = [...done, step]
  if (typeof step === 'number') {
    if (!Array.isArray(node) || !(step in node)) throw nothingAt(inside)
    return node.with(step, changeAt(node[step] as Plain, further, inside, change)) as Plain
  }
  const owner = mappingAt(node, done)
  return { ...owner, [step]: changeAt(owner[step], further, inside, change) }
}

function mappingAt(node: Plain | undefined, path: ConfigPath): { readonly [key: string]: Plain } {
  if (node === undefined || node === null) return {}
  if (typeof node === 'string' && mayBeShort(path)) return { [SHORT_FORM_KEY]: node }
  if (typeof node === 'string' || Array.isArray(node)) throw nothingAt(path)
  return node as { readonly [key: string]: Plain }
}

function without(owner: Plain | undefined, path: ConfigPath): Plain {
  const last = path.at(-1)
  if (Array.isArray(owner) && typeof last === 'number' && last in owner) return owner.toSpliced(last, 1) as Plain
  if (typeof last !== 'string' || owner === null || typeof owner !== 'object' || !Object.hasOwn(owner, last)) {
    throw nothingAt(path)
  }
  return Object.fromEntries(Object.entries(owner).filter(([key]) => key !== last))
}

function inserted(list: Plain | undefined, at: number | undefined, value: Plain): Plain {
  if (list === undefined || list === null) return [value]
  if (!Array.isArray(list)) throw new CannotEdit('There is no list at this place.')
  return list.toSpliced(Math.min(at ?? list.length, list.length), 0, value) as Plain
}

function ordered(list: Plain | undefined, path: ConfigPath, order: readonly number[]): Plain {
  if (!Array.isArray(list)) throw nothingAt(path)
  const isWhole = order.length === list.length && order.toSorted((a, b) => a - b).every((at, i) => at === i)
  if (!isWhole) throw new CannotEdit('The new order must name each item once.')
  return order.map((at) => list[at] as Plain)
}

function nothingAt(path: ConfigPath): CannotEdit {
  return new CannotEdit(`The file has nothing at ${path.join('.')} that could be changed.`)
}

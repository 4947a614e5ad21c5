/** Changes of the upstreams of a service, by their names, as edits of the file. */
import { type ConfigNode, childOf, plainValue } from '../config/config-tree.ts'
import { parseYaml } from '../config/parse-yaml.ts'
import { CannotEdit, type ConfigEdit, type EditValue, SHORT_FORM_KEY } from './config-edit.ts'

export interface NewUpstream {
  readonly address: string
  readonly name?: string | undefined
  readonly weight?: number | undefined
  readonly backup?: boolean | undefined
  /** 0 is off. */
  readonly maxConnections?: number | undefined
}

export interface UpstreamPatch extends Omit<NewUpstream, 'address' | 'name'> {
  /** Where it stands then, from 0. */
  readonly position?: number | undefined
}

/** The file has no service, or no upstream, of that name; the message is a sentence. */
export class NoSuchName extends Error {
  override readonly name = 'NoSuchName'
}

export function addUpstream(
  text: string,
  env: NodeJS.ProcessEnv,
  service: string,
  upstream: NewUpstream,
  at?: number,
): ConfigEdit[] {
  const { path } = findUpstreams(text, env, service)
  const { address, ...more } = upstream
  const values = entriesOf(more)
  const value: EditValue = values.length === 0 ? address : { [SHORT_FORM_KEY]: address, ...Object.fromEntries(values) }
  return [{ kind: 'insert', path, at, value }]
}

export function removeUpstream(text: string, env: NodeJS.ProcessEnv, service: string, upstream: string): ConfigEdit[] {
  const found = findUpstreams(text, env, service)
  return [{ kind: 'remove', path: [...found.path, indexOf(found.names, service, upstream)] }]
}

/** The order comes last: it moves what the others count by. */
export function patchUpstream(
  text: string,
  env: NodeJS.ProcessEnv,
  service: string,
  upstream: string,
  { position, ...values }: UpstreamPatch,
): ConfigEdit[] {
  const { path, names } = findUpstreams(text, env, service)
  const at = indexOf(names, service, upstream)
  const edits = entriesOf(values).map(([key, value]): ConfigEdit => ({ kind: 'set', path: [...path, at, key], value }))
  if (position === undefined || position === at) return edits
  const order = names.map((_, i) => i).filter((i) => i !== at)
  order.splice(position, 0, at)
  return [...edits, { kind: 'order', path, order }]
}

function entriesOf({ name, weight, backup, maxConnections }: Omit<NewUpstream, 'address'>): [string, EditValue][] {
  const limit = maxConnections === 0 ? 'off' : maxConnections
  return Object.entries({ name, weight, backup, maxConnections: limit }).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, value]],
  )
}

/** Names as the daemon has them: `${NAME}` replaced, and the address where there is no name. */
function findUpstreams(text: string, env: NodeJS.ProcessEnv, service: string) {
  const parsed = parseYaml(text, '', env)
  if (parsed.kind === 'failed') {
    throw new CannotEdit('The file is not valid as it stands; put it right as text first.')
  }
  const services = itemsOf(childOf(parsed.source.root, 'services'))
  const at = services.findIndex((node) => textAt(node, 'name') === service)
  if (at === -1) throw new NoSuchName(`The file has no service ${JSON.stringify(service)}.`)
  const upstreams = itemsOf(childOf(services[at], 'upstreams'))
  const names = upstreams.map((node) => textAt(node, 'name') ?? textAt(node, SHORT_FORM_KEY) ?? plainValue(node))
  return { path: ['services', at, 'upstreams'], names: names.map(String) }
}

function indexOf(names: readonly string[], service: string, name: string): number {
  const at = names.indexOf(name)
  if (at !== -1) return at
  throw new NoSuchName(`Service ${service} has no upstream ${JSON.stringify(name)} in the file: ${names.join(', ')}.`)
}

function itemsOf(node: ConfigNode | undefined): readonly ConfigNode[] {
  return node?.kind === 'list' ? node.items : []
}

function textAt(node: ConfigNode, key: string): string | undefined {
  const inner = childOf(node, key)
  return inner?.kind === 'scalar' ? inner.text : undefined
}

/** What changes from one configuration to another, as data; difference-text.ts says it to people. */
import { formatSocketAddress } from '../../lib/ip.ts'
import type { Config, ListenConfig, ServiceConfig, UpstreamConfig } from '../config/config.ts'
import { textsOf, type TextByKey } from './config-texts.ts'

/** Values as written; `undefined` where the key had or has none. */
export interface ChangedKey {
  readonly key: string
  readonly before: string | undefined
  readonly after: string | undefined
}

export interface ConfigDifference {
  /** Outside of services: `log.level`. */
  readonly settings: readonly ChangedKey[]
  readonly servicesAdded: readonly string[]
  readonly servicesRemoved: readonly string[]
  readonly servicesChanged: readonly ServiceDifference[]
  /** Listeners that stay open and belong to another service then. */
  readonly listenersMoved: readonly { readonly address: string; readonly from: string; readonly to: string }[]
}

export interface ServiceDifference {
  readonly name: string
  readonly listenersAdded: readonly string[]
  readonly listenersRemoved: readonly string[]
  readonly upstreamsAdded: readonly string[]
  readonly upstreamsRemoved: readonly string[]
  readonly upstreamsChanged: readonly { readonly name: string; readonly keys: readonly ChangedKey[] }[]
  readonly keys: readonly ChangedKey[]
}

export function configDifference(before: Config, after: Config): ConfigDifference {
  const oldByName = new Map(before.services.map((service) => [service.name, service]))
  const newByName = new Map(after.services.map((service) => [service.name, service]))
  const listenersMoved = movedListeners(before, after)
  const moved = new Set(listenersMoved.map(({ address }) => address))
  return {
    settings: changedKeys(textsOf(before, ['services']), textsOf(after, ['services'])),
    servicesAdded: [...newByName.keys()].filter((name) => !oldByName.has(name)),
    servicesRemoved: [...oldByName.keys()].filter((name) => !newByName.has(name)),
    servicesChanged: after.services.flatMap((service) => {
      const old = oldByName.get(service.name)
      const difference = old === undefined ? undefined : serviceDifference(old, service, moved)
      return difference === undefined ? [] : [difference]
    }),
    listenersMoved,
  }
}

/** Undefined when nothing changes. */
function serviceDifference(
  before: ServiceConfig,
  after: ServiceConfig,
  moved: ReadonlySet<string>,
): ServiceDifference | undefined {
  const unmoved = (texts: string[]): string[] => texts.filter((text) => !moved.has(text))
  const compared = ['name', 'listen', 'upstreams']
  const oldListeners = listenTexts(before.listen)
  const newListeners = listenTexts(after.listen)
  const oldNames = before.upstreams.map(({ name }) => name)
  const newNames = after.upstreams.map(({ name }) => name)
  const difference: ServiceDifference = {
    name: after.name,
    listenersAdded: unmoved(without(newListeners, oldListeners)),
    listenersRemoved: unmoved(without(oldListeners, newListeners)),
    upstreamsAdded: without(newNames, oldNames),
    upstreamsRemoved: without(oldNames, newNames),
    upstreamsChanged: changedUpstreams(before.upstreams, after.upstreams),
    keys: [...changedKeys(textsOf(before, compared), textsOf(after, compared)), ...changedOrder(oldNames, newNames)],
  }
  const { name: _, ...lists } = difference
  return Object.values(lists).some((list) => list.length > 0) ? difference : undefined
}

function changedUpstreams(
  before: readonly UpstreamConfig[],
  after: readonly UpstreamConfig[],
): ServiceDifference['upstreamsChanged'] {
  return after.flatMap((upstream) => {
    const old = before.find(({ name }) => name === upstream.name)
    // The address as written says the same as these.
    const compared = ['name', 'host', 'port', 'hostIsIp']
    const keys = old === undefined ? [] : changedKeys(textsOf(old, compared), textsOf(upstream, compared))
    const named = keys.map(({ key, before, after }) => ({ key: key === 'text' ? 'address' : key, before, after }))
    return named.length === 0 ? [] : [{ name: upstream.name, keys: named }]
  })
}

/** The order of upstreams is a setting of its own: `ordered` goes by it. */
function changedOrder(before: readonly string[], after: readonly string[]): ChangedKey[] {
  const stayedBefore = before.filter((name) => after.includes(name))
  const stayedAfter = after.filter((name) => before.includes(name))
  if (stayedBefore.join('\n') === stayedAfter.join('\n')) return []
  return [{ key: 'order of upstreams', before: stayedBefore.join(', '), after: stayedAfter.join(', ') }]
}

function changedKeys(before: TextByKey, after: TextByKey): ChangedKey[] {
  const keys = new Set([...before.keys(), ...after.keys()])
  return [...keys]
    .filter((key) => before.get(key) !== after.get(key))
    .map((key) => ({ key, before: before.get(key), after: after.get(key) }))
}

/** Two listeners of a service may both ask for any free port: each is then one of its own. */
function listenTexts(listen: readonly ListenConfig[]): string[] {
  return listen.map(listenText)
}

function listenText({ address, dualStack }: ListenConfig): string {
  return dualStack ? `*:${address.port}` : formatSocketAddress(address)
}

function movedListeners(before: Config, after: Config): ConfigDifference['listenersMoved'] {
  const ownerByAddress = new Map(
    before.services.flatMap(({ name, listen }) => listen.map((one) => [listenText(one), name] as const)),
  )
  return after.services.flatMap(({ name, listen }) =>
    listen.flatMap((one) => {
      const address = listenText(one)
      const from = ownerByAddress.get(address)
      return one.address.port === 0 || from === undefined || from === name ? [] : [{ address, from, to: name }]
    }),
  )
}

/** What is in `items` more often than in `others`. */
function without(items: readonly string[], others: readonly string[]): string[] {
  const left = [...others]
  return items.filter((item) => {
    const at = left.indexOf(item)
    if (at !== -1) left.splice(at, 1)
    return at === -1
  })
}

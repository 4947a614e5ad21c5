/** A difference for people: `+` comes, `-` goes, `~` changes. */
import type { ChangedKey, ConfigDifference, ServiceDifference } from './config-difference.ts'

const NOTHING = 'Nothing changes.'
const NO_VALUE = '(nothing)'

export function differenceText(difference: ConfigDifference): string {
  const lines = [
    ...difference.settings.map((change) => `~ ${keyText(change)}`),
    ...difference.servicesRemoved.map((name) => `- service ${name}`),
    ...difference.servicesAdded.map((name) => `+ service ${name}`),
    ...difference.listenersMoved.map(({ address, from, to }) => `~ listener ${address}: service ${from} → ${to}`),
    ...difference.servicesChanged.flatMap(serviceLines),
  ]
  return lines.length === 0 ? NOTHING : lines.join('\n')
}

function serviceLines(service: ServiceDifference): string[] {
  return [
    `~ service ${service.name}`,
    ...service.listenersRemoved.map((address) => `    - listener ${address}`),
    ...service.listenersAdded.map((address) => `    + listener ${address}`),
    ...service.upstreamsRemoved.map((name) => `    - upstream ${name}`),
    ...service.upstreamsAdded.map((name) => `    + upstream ${name}`),
    ...service.upstreamsChanged.flatMap(({ name, keys }) =>
      keys.map((change) => `    ~ upstream ${name}: ${keyText(change)}`),
    ),
    ...service.keys.map((change) => `    ~ ${keyText(change)}`),
  ]
}

function keyText({ key, before = NO_VALUE, after = NO_VALUE }: ChangedKey): string {
  return `${key}: ${before} → ${after}`
}

/** In one line, for the log. */
export function differenceInShort(difference: ConfigDifference): string {
  const { settings, servicesAdded, servicesRemoved, servicesChanged, listenersMoved } = difference
  const parts = [
    counted(servicesAdded, 'service', 'added'),
    counted(servicesRemoved, 'service', 'removed'),
    counted(servicesChanged, 'service', 'changed'),
    counted(listenersMoved, 'listener', 'moved'),
    counted(settings, 'setting', 'changed'),
  ].filter((part) => part !== undefined)
  return parts.length === 0 ? 'nothing changed' : parts.join(', ')
}

function counted(list: readonly unknown[], word: string, did: string): string | undefined {
  if (list.length === 0) return undefined
  return `${list.length} ${word}${list.length === 1 ? '' : 's'} ${did}`
}

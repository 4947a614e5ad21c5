/** What `notify` of the configuration comes to: who is told, and of what. */
import type { ConfigPlace } from '../config/config.ts'

/** What a threshold can be about: means over a minute. `bytes` are a second, as `clients` are. */
export const MEASURES = {
  incoming: { unit: 'bytes', field: 'bytesToUpstream', meaning: 'bytes a second from clients' },
  outgoing: { unit: 'bytes', field: 'bytesToClient', meaning: 'bytes a second to clients' },
  passed: { unit: 'clients', field: 'connectionsNew', meaning: 'clients a second that are let in' },
  refused: { unit: 'clients', field: 'refused', meaning: 'clients a second that are refused' },
  bans: { unit: 'bans', field: 'bansActive', meaning: 'bans that hold' },
} as const
export type Measure = keyof typeof MEASURES

/** What is so, or is not: no number decides it (but the level of an overload). */
export const EVENTS = {
  attack: 'a service is under attack',
  upstream: 'an upstream is down',
  'all-upstreams-down': 'no upstream of a service is left',
  overload: 'the node is near its limits',
  store: 'the store can not be read or written',
  certificate: 'a certificate ends soon',
  'exposure-open': 'an upstream answers strangers',
  'vantage-silent': 'a vantage reports no more',
} as const
export type NotifyEvent = keyof typeof EVENTS

const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const

/** `52.4 MiB a second from clients`, `1,200 clients a second that are refused` */
export function measureText(measure: Measure, value: number): string {
  const { unit, meaning } = MEASURES[measure]
  if (unit !== 'bytes') return `${Math.round(value).toLocaleString('en')} ${meaning}`
  const step = Math.max(0, Math.min(BYTE_UNITS.length - 1, Math.floor(Math.log2(value) / 10)))
  const number = (value / 1024 ** step).toLocaleString('en', { maximumFractionDigits: step === 0 ? 0 : 1 })
  return `${number} ${BYTE_UNITS[step]} ${meaning.replace('bytes ', '')}`
}

export const RULE_WORDS = [...Object.keys(EVENTS), ...Object.keys(MEASURES)] as readonly (NotifyEvent | Measure)[]
export type RuleWord = NotifyEvent | Measure

export function isMeasure(when: RuleWord): when is Measure {
  return Object.hasOwn(MEASURES, when)
}

const ABOUT_SERVICES: ReadonlySet<RuleWord> = new Set<RuleWord>([
  'attack',
  'upstream',
  'all-upstreams-down',
  'exposure-open',
  'vantage-silent',
])

/** Those that are about one service each. */
export function isAboutServices(when: RuleWord): boolean {
  return ABOUT_SERVICES.has(when)
}

export interface NotifyRule {
  readonly name: string
  readonly when: RuleWord
  /** Of a measure its threshold; of an overload the level that is not told yet. */
  readonly above: number
  /** Of a measure: of the node, or of each service. */
  readonly per: 'node' | 'service'
  /** Undefined: all. */
  readonly services: readonly string[] | undefined
  /** Undefined: all. */
  readonly channels: readonly string[] | undefined
  /** The same is not told of again before. */
  readonly gapMs: number
  /** Of a certificate: so long before its end. */
  readonly beforeMs: number
}

interface ChannelBase {
  readonly name: string
  readonly at: ConfigPlace
}

/** PEM of the authorities to trust instead of the public ones. */
interface Trusting {
  readonly caFile: string | undefined
  readonly ca: string | undefined
}

export interface WebhookConfig extends ChannelBase, Trusting {
  readonly type: 'webhook'
  readonly url: string
  /** Undefined: not signed. */
  readonly secret: string | undefined
}

export interface SlackConfig extends ChannelBase, Trusting {
  readonly type: 'slack'
  readonly url: string
}

export interface EmailConfig extends ChannelBase, Trusting {
  readonly type: 'email'
  readonly host: string
  readonly port: number
  readonly security: 'starttls' | 'tls' | 'off'
  readonly user: string | undefined
  readonly password: string | undefined
  readonly from: string
  readonly to: readonly string[]
}

export type ChannelConfig = WebhookConfig | SlackConfig | EmailConfig

export interface NotifyConfig {
  readonly webhooks: readonly WebhookConfig[]
  readonly slack: readonly SlackConfig[]
  readonly emails: readonly EmailConfig[]
  readonly rules: readonly NotifyRule[]
}

export function channelsOf({ webhooks, slack, emails }: NotifyConfig): readonly ChannelConfig[] {
  return [...webhooks, ...slack, ...emails]
}

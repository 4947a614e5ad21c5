/**
 * Our table in nft's language. Only packets for the services' own addresses and ports ever reach a verdict here, and
 * `accept` ends our chain only: what other tables decide is untouched.
 *
 *   prerouting (raw: before connection tracking and routing)
 *     lo ─▶ accept          not for a listener ─▶ accept
 *     for a listener ─▶ source4 / source6: allowed? banned? denied? too many SYNs?
 *   tracked (after connection tracking, only where asked for): invalid? handshake by synproxy?
 */
import { formatNetwork, type Network } from '../../lib/ip.ts'
import type { Listener } from '../../traffic/tables.ts'
import type { FirewallConfig } from './firewall-config.ts'
import type { SetChange } from './set-mirror.ts'

/** Why a packet was dropped; each is a named counter of the table. */
export const FIREWALL_RULES = {
  ban: 'The source is banned.',
  deny: 'The source is on the deny list.',
  'syn-rate': 'The source opens connections faster than protect.firewall.synRate.',
  invalid: 'The packet belongs to no connection that connection tracking knows (protect.firewall.dropInvalid).',
} as const
export type FirewallRule = keyof typeof FIREWALL_RULES
export const FIREWALL_RULE_NAMES = Object.keys(FIREWALL_RULES) as FirewallRule[]

/** Names of counters have no `-`. */
export function counterName(rule: FirewallRule): string {
  return rule.replace('-', '_')
}

export interface SetSpec {
  readonly name: string
  readonly family: 4 | 6
  readonly isTimed: boolean
  readonly isInterval: boolean
}

/** In the order in which they are filled: nobody is banned before everybody allowed is in. */
export const SOURCE_SETS = (['allowed', 'banned', 'banned_prefixes', 'denied'] as const).flatMap((kind) =>
  ([4, 6] as const).map((family) => ({
    name: `${kind}${family}`,
    kind,
    family,
    isTimed: kind.startsWith('banned'),
    // Single addresses are looked up by hash: the fastest for packets, and adding one costs the same at any size.
    isInterval: kind !== 'banned',
  })),
)

/** A source is an IPv4 address, or an IPv6 /64, as everywhere in admission. */
export const SINGLE_SOURCE_BITS = { 4: 32, 6: 64 } as const

/** What the two ends of a synproxied handshake must agree on. */
export interface Handshake {
  readonly windowScale: number
}

export interface RulesetPlan {
  readonly config: FirewallConfig
  /** With the ports that they got. */
  readonly listeners: readonly Listener[]
  /** Undefined: no synproxy. */
  readonly handshake: Handshake | undefined
  readonly pid: number
}

const DAEMON_CHAIN = /^daemon_(\d+)$/

/** Who keeps the table: a chain without rules bears the number of its process. */
export function pidOfChain(name: string): number | undefined {
  const pid = DAEMON_CHAIN.exec(name)?.[1]
  return pid === undefined ? undefined : Number(pid)
}

const FAMILIES = {
  4: { protocol: 'ip', type: 'ipv4_addr', source: 'ip saddr', nfproto: 'ipv4', mss: 1460 },
  6: { protocol: 'ip6', type: 'ipv6_addr', source: 'ip6 saddr', nfproto: 'ipv6', mss: 1440 },
} as const
const SYN = 'tcp flags & (fin | syn | rst | ack) == syn'
/** Forwarded packets for the same port of other machines are none of ours; asked last, of what would be dropped. */
const FOR_US = 'fib daddr type local'

/** The whole table without its sources, in place of what is there. */
export function tableScript(plan: RulesetPlan): string {
  const { config, pid } = plan
  const parts = [
    ...([4, 6] as const).flatMap((family) => setLines(family, plan)),
    ...FIREWALL_RULE_NAMES.map((rule) => `counter ${counterName(rule)} { }`),
    `chain daemon_${pid} { }`,
    ...([4, 6] as const).map((family) => block(`chain source${family}`, sourceRules(family, plan))),
    block('chain prerouting', [
      'type filter hook prerouting priority raw; policy accept;',
      ...loopbackRule(config),
      ...forListeners((family) => `goto source${family}`),
    ]),
    ...trackedChain(plan),
    ...handshakeChain(plan),
  ]
  // `add` first: `delete` of what is not there would fail the whole script.
  return `add table inet ${config.table}\ndelete table inet ${config.table}\n${block(`table inet ${config.table}`, parts)}\n`
}

function block(head: string, lines: readonly string[]): string {
  return `${head} {\n${lines.map((line) => line.replaceAll(/^/gm, '  ')).join('\n')}\n}`
}

function setLines(family: 4 | 6, { config, listeners }: RulesetPlan): string[] {
  const { type } = FAMILIES[family]
  const { addresses, ports } = listenerElements(family, listeners)
  // The kernel counts what has expired until it has swept it away.
  const size = `size ${2 * config.entriesMax};`
  return [
    `set listeners${family} { type ${type} . inet_service; ${elementsText(addresses)}}`,
    `set ports${family} { type inet_service; ${elementsText(ports)}}`,
    ...SOURCE_SETS.filter((set) => set.family === family).map(({ name, isTimed, isInterval }) => {
      const flags = [...(isInterval ? ['interval'] : []), ...(isTimed ? ['timeout'] : [])].join(',')
      return `set ${name} { type ${type}; flags ${flags}; ${isInterval ? '' : size} }`
    }),
    `set syn${family} { type ${type}; flags dynamic,timeout; timeout 10s; ${size} }`,
  ]
}

function elementsText(elements: readonly string[]): string {
  return elements.length === 0 ? '' : `elements = { ${elements.join(', ')} } `
}

function listenerElements(family: 4 | 6, listeners: readonly Listener[]): { addresses: string[]; ports: string[] } {
  const addresses = new Set<string>()
  const ports = new Set<string>()
  for (const { address, dualStack } of listeners) {
    if (dualStack) ports.add(String(address.port))
    else if (address.family !== family) continue
    else if (address.address === '0.0.0.0' || address.address === '::') ports.add(String(address.port))
    else addresses.add(`${address.address} . ${address.port}`)
  }
  return { addresses: [...addresses], ports: [...ports] }
}

function loopbackRule({ loopback }: FirewallConfig): string[] {
  return loopback ? [] : ['iifname "lo" accept']
}

/** `verdict` for packets to a listener, whether it has one address or all of them. */
function forListeners(verdict: (family: 4 | 6) => string): string[] {
  return ([4, 6] as const).flatMap((family) => {
    const { protocol, nfproto } = FAMILIES[family]
    return [
      `${protocol} daddr . tcp dport @listeners${family} ${verdict(family)}`,
      `meta nfproto ${nfproto} tcp dport @ports${family} ${verdict(family)}`,
    ]
  })
}

function sourceRules(family: 4 | 6, { config, handshake }: RulesetPlan): string[] {
  const { source } = FAMILIES[family]
  const single = singleSource(family)
  const drop = (rule: FirewallRule): string => `${FOR_US} counter name ${counterName(rule)} drop`
  const perSecond = config.synsPerSecond
  return [
    `${source} @allowed${family} accept`,
    `${single} @banned${family} ${drop('ban')}`,
    `${source} @banned_prefixes${family} ${drop('ban')}`,
    `${source} @denied${family} ${drop('deny')}`,
    // Where the set is full the rule does not match: a flood of forged sources shuts nobody out.
    ...(perSecond === 0
      ? []
      : [
          `${SYN} ${FOR_US} update @syn${family} { ${single} limit rate over ${perSecond}/second burst ${perSecond} packets } counter name ${counterName('syn-rate')} drop`,
        ]),
    ...(handshake === undefined ? [] : [`${SYN} ${FOR_US} notrack`]),
  ]
}

function singleSource(family: 4 | 6): string {
  return family === 4 ? 'ip saddr' : 'ip6 saddr & ffff:ffff:ffff:ffff::'
}

/** The one place that asks connection tracking, which switches it on for the whole network namespace. */
function trackedChain({ config }: RulesetPlan): string[] {
  if (!config.dropInvalid) return []
  const drop = `${FOR_US} counter name ${counterName('invalid')} drop`
  return [
    block('chain judge_tracked', [
      ...([4, 6] as const).map((family) => `${FAMILIES[family].source} @allowed${family} accept`),
      `ct state invalid ${drop}`,
    ]),
    block('chain tracked', [
      'type filter hook prerouting priority mangle; policy accept;',
      ...loopbackRule(config),
      ...forListeners(() => 'goto judge_tracked'),
    ]),
  ]
}

function handshakeChain({ config, handshake }: RulesetPlan): string[] {
  if (handshake === undefined) return []
  const judge = ([4, 6] as const).map((family) =>
    block(`chain judge_handshake${family}`, [
      `${FAMILIES[family].source} @allowed${family} accept`,
      `ct state invalid,untracked synproxy mss ${FAMILIES[family].mss} wscale ${handshake.windowScale} timestamp sack-perm`,
      `ct state invalid counter name ${counterName('invalid')} drop`,
    ]),
  )
  return [
    ...judge,
    block('chain handshake', [
      'type filter hook input priority filter; policy accept;',
      ...loopbackRule(config),
      ...forListeners((family) => `goto judge_handshake${family}`),
    ]),
  ]
}

/** Elements in one command; nft takes any number, one line of some 30 KB is still read fast. */
const ELEMENTS_PER_COMMAND = 1_000
/** More than a year is as good as for ever, and fits where nft counts. */
const TIMEOUT_S_MAX = 366 * 86_400

/**
 * Changes of one set. A timed element may expire at any moment, and deleting what is not there fails the whole script:
 * so it is added first, which does nothing where it is, and then deleted.
 */
export function changeScript(table: string, set: string, changes: readonly SetChange[], nowMs: number): string {
  const withEnd = ({ text, untilMs }: SetChange): string => {
    if (untilMs === Infinity) return text
    const seconds = Math.min(TIMEOUT_S_MAX, Math.max(1, Math.ceil((untilMs - nowMs) / 1000)))
    return `${text} timeout ${seconds}s`
  }
  const isTimed = changes.some(({ untilMs }) => untilMs !== Infinity)
  const going = changes.filter(({ kind }) => kind !== 'add')
  const coming = changes.filter(({ kind }) => kind !== 'remove')
  const command = (verb: string, chosen: readonly SetChange[], text: (change: SetChange) => string): string => {
    let lines = ''
    for (let i = 0; i < chosen.length; i += ELEMENTS_PER_COMMAND) {
      const elements = chosen.slice(i, i + ELEMENTS_PER_COMMAND).map(text)
      lines += `${verb} element inet ${table} ${set} { ${elements.join(', ')} }\n`
    }
    return lines
  }
  return (
    (isTimed ? command('add', going, withEnd) : '') +
    command('delete', going, ({ text }) => text) +
    command('add', coming, withEnd)
  )
}

/** How an element of a set is written. */
export function elementText(network: Network): string {
  const text = formatNetwork(network)
  return network.prefixLength === network.bytes.length * 8 ? text.slice(0, text.indexOf('/')) : text
}

/** A table of its own: dropped there is dropped, whatever any other table accepts. */
import type { FirewallPlan, PortRange, Sources } from './plan.ts'
import { hereDocument, portTexts } from './script-frame.ts'

export const NFTABLES_NOTES = [
  'It only closes: a firewall that is there already has to let the same addresses in, too.',
  'Ports are as seen from outside, so that what Docker publishes is covered.',
] as const

export function nftablesPart(plan: FirewallPlan): string {
  return String.raw`
TABLE=tidegate_upstream

need_programs() { command -v nft >/dev/null || fail "There is no nft here: install the package nftables."; }

# One transaction: all of it or nothing. $1: trial or confirmed.
rules() {
${hereDocument(opening(plan), '  ')}
  # Streams that are older than the kernel's list of connections are not on it yet. Until the rules are confirmed
  # they may get themselves listed; from then on only who is listed or allowed gets through.
  if [ "$1" = trial ]; then say '    tcp flags & (fin | syn | rst | ack) != syn accept'; fi
${hereDocument(verdicts(plan), '  ')}
}

put_rules() { rules "$1" | nft -f -; }
check_rules() { rules confirmed | nft -c -f -; }
show_rules() { rules confirmed; }
dump_rules() { nft -s list table inet $TABLE 2>/dev/null; }
remove_rules() { if nft list table inet $TABLE >/dev/null 2>&1; then nft delete table inet $TABLE; fi; }
`
}

function opening(plan: FirewallPlan): string {
  const { ports, adminPorts, allowed, admins } = plan
  const sets = [...setTexts('allowed', allowed), ...(adminPorts.length === 0 ? [] : setTexts('admins', admins))]
  return `table inet tidegate_upstream
delete table inet tidegate_upstream
table inet tidegate_upstream {
${sets.join('\n')}
  chain arriving {
    # After connections are looked up (-200), before addresses are rewritten (-100) and anything is filtered (0).
    type filter hook prerouting priority -150; policy accept;
    meta l4proto != tcp accept
    tcp dport != ${portSet([...ports, ...adminPorts])} accept
    iifname "lo" accept
    # What this machine only passes on is not ours to judge.
    fib daddr type != local accept
    ct state established,related accept`
}

function verdicts({ ports, adminPorts, allowed, admins }: FirewallPlan): string {
  const rule = (ranges: readonly PortRange[], name: string, sources: Sources): string[] => [
    ...(sources.ipv4.length === 0 ? [] : [`    tcp dport ${portSet(ranges)} ip saddr @${name}4 accept`]),
    ...(sources.ipv6.length === 0 ? [] : [`    tcp dport ${portSet(ranges)} ip6 saddr @${name}6 accept`]),
  ]
  return [
    ...rule(ports, 'allowed', allowed),
    ...(adminPorts.length === 0 ? [] : rule(adminPorts, 'admins', admins)),
    '    counter drop',
    '  }',
    '}',
  ].join('\n')
}

function portSet(ranges: readonly PortRange[]): string {
  return `{ ${portTexts(ranges, '-').join(', ')} }`
}

function setTexts(name: string, { ipv4, ipv6 }: Sources): string[] {
  const text = (family: 4 | 6, networks: readonly string[]): string => `  set ${name}${family} {
    type ipv${family}_addr
    flags interval
    elements = {
${networks.map((network) => `      ${network},`).join('\n')}
    }
  }`
  return [...(ipv4.length === 0 ? [] : [text(4, ipv4)]), ...(ipv6.length === 0 ? [] : [text(6, ipv6)])]
}

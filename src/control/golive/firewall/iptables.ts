/**
 * Chains of our own, called first thing in mangle PREROUTING: before the filter table, so that no ACCEPT there comes
 * first, wherever it stands. With ipset the networks are in sets, and a packet meets three rules however many they are.
 */
import type { FirewallPlan, PortRange, Sources } from './plan.ts'
import { hereDocument, multiports } from './script-frame.ts'

export const IPTABLES_NOTES = [
  'It only closes: a firewall that is there already has to let the same addresses in, too.',
  'Ports are as seen from outside, so that what Docker publishes is covered.',
] as const

/** Chain names have 28 characters at most, names of sets 31. */
const CHAIN = 'TIDEGATE_UPSTREAM'

type Match = (name: SourceName, family: 4 | 6, plan: FirewallPlan) => string[]
type SourceName = 'allowed' | 'admins'

export function iptablesPart(plan: FirewallPlan): string {
  const each: Match = (name, family, { [name]: sources }) => networksOf(sources, family).map((text) => `-s ${text}`)
  return `${chains(plan, each)}
put_sets() { :; }
show_sets() { :; }
dump_sets() { :; }
remove_sets() { :; }
need_sets() { :; }
`
}

export function ipsetPart(plan: FirewallPlan): string {
  const one: Match = (name, family) => [`-m set --match-set tidegate_${name}${family} src`]
  return `${chains(plan, one)}
need_sets() { command -v ipset >/dev/null || fail "There is no ipset here: install the package ipset."; }

# New sets are filled beside those in use, and change places with them.
show_sets() {
${hereDocument(setLines(plan), '  ')}
}
put_sets() { show_sets | ipset -exist restore; }
dump_sets() { for set in ${SETS.join(' ')}; do ipset save $set 2>/dev/null | sort; done; }
remove_sets() {
  for set in ${SETS.join(' ')}; do
    if ipset -n list $set >/dev/null 2>&1; then ipset destroy $set; fi
  done
}
`
}

const SETS = ['tidegate_allowed4', 'tidegate_allowed6', 'tidegate_admins4', 'tidegate_admins6']

function setLines(plan: FirewallPlan): string {
  const lines = (name: SourceName, family: 4 | 6): string[] => {
    const set = `tidegate_${name}${family}`
    const type = `hash:net family ${family === 4 ? 'inet' : 'inet6'}`
    return [
      `create ${set} ${type}`,
      `create ${set}_new ${type}`,
      `flush ${set}_new`,
      ...networksOf(plan[name], family).map((network) => `add ${set}_new ${network}`),
      `swap ${set} ${set}_new`,
      `destroy ${set}_new`,
    ]
  }
  const names: readonly SourceName[] = ['allowed', 'admins']
  return names.flatMap((name) => lines(name, 4).concat(lines(name, 6))).join('\n')
}

function networksOf({ ipv4, ipv6 }: Sources, family: 4 | 6): readonly string[] {
  return family === 4 ? ipv4 : ipv6
}

function chains(plan: FirewallPlan, match: Match): string {
  return String.raw`
CHAIN=${CHAIN}

need_programs() {
  need_sets
  command -v iptables-restore >/dev/null || fail "There is no iptables here: install the package iptables."
  if has_ipv6; then
    command -v ip6tables-restore >/dev/null || fail "This machine has IPv6, but no ip6tables: its ports would stay open."
  fi
}

# $1: 4 or 6. $2: trial or confirmed.
rules() {
  say "*mangle"
  say ":$CHAIN - [0:0]"
  say ":TIDEGATE_SERVICE - [0:0]"
  say ":TIDEGATE_ADMIN - [0:0]"
${hereDocument(OPENING, '  ')}
  # Streams that are older than the kernel's list of connections are not on it yet. Until the rules are confirmed
  # they may get themselves listed; from then on only who is listed or allowed gets through.
  if [ "$2" = trial ]; then say "-A $CHAIN -p tcp ! --syn -j RETURN"; fi
${hereDocument(portLines(plan), '  ')}
  if [ "$1" = 4 ]; then
${hereDocument(verdicts(plan, match, 4), '    ')}
  else
${hereDocument(verdicts(plan, match, 6), '    ')}
  fi
  # Whoever got in front of our call meanwhile comes after it again.
  if has_call "$1"; then say "-D PREROUTING -p tcp -j $CHAIN"; fi
  say "-I PREROUTING 1 -p tcp -j $CHAIN"
  say "COMMIT"
}

${DOING.trim()}
`
}

const OPENING = `
-A ${CHAIN} -i lo -j RETURN
-A ${CHAIN} -m addrtype ! --dst-type LOCAL -j RETURN
-A ${CHAIN} -m conntrack --ctstate ESTABLISHED,RELATED -j RETURN
`.trim()

function portLines({ ports, adminPorts }: FirewallPlan): string {
  const lines = (ranges: readonly PortRange[], chain: string): string[] =>
    multiports(ranges).map((text) => `-A ${CHAIN} -p tcp -m multiport --dports ${text} -j ${chain}`)
  return [...lines(ports, 'TIDEGATE_SERVICE'), ...lines(adminPorts, 'TIDEGATE_ADMIN')].join('\n')
}

function verdicts(plan: FirewallPlan, match: Match, family: 4 | 6): string {
  const lines = (chain: string, name: SourceName): string[] => [
    ...match(name, family, plan).map((text) => `-A ${chain} ${text} -j RETURN`),
    `-A ${chain} -j DROP`,
  ]
  return [...lines('TIDEGATE_SERVICE', 'allowed'), ...lines('TIDEGATE_ADMIN', 'admins')].join('\n')
}

const DOING = String.raw`
tool() { if [ "$1" = 4 ]; then say iptables; else say ip6tables; fi; }
families() { if has_ipv6; then say "4 6"; else say 4; fi; }
# -w: another program that changes rules at this moment is waited for.
has_call() { "$(tool "$1")" -w 5 -t mangle -C PREROUTING -p tcp -j $CHAIN 2>/dev/null; }

# For each IP version one transaction: all of it or nothing. --noflush: only what is named changes.
# The text is made first: the program that reads it may hold the lock that has_call waits for.
put_rules() {
  put_sets || return 1
  for family in $(families); do
    text=$(rules "$family" "$1")
    say "$text" | "$(tool "$family")-restore" -w 5 --noflush || return 1
  done
}

check_rules() {
  for family in $(families); do
    # A set that is not there yet can't be named, so that the sets are left out.
    text=$(rules "$family" confirmed | grep -v -e '--match-set')
    say "$text" | "$(tool "$family")-restore" -w 5 --noflush --test || return 1
  done
}

show_rules() {
  show_sets
  for family in 4 6; do say "# IPv$family"; rules "$family" confirmed; done
}

dump_rules() {
  for family in $(families); do
    say "IPv$family, first of mangle PREROUTING:"
    "$(tool "$family")" -w 5 -t mangle -S PREROUTING 1
    for chain in $CHAIN TIDEGATE_SERVICE TIDEGATE_ADMIN; do "$(tool "$family")" -w 5 -t mangle -S "$chain" 2>/dev/null; done
  done
  dump_sets
}

remove_rules() {
  for family in $(families); do
    tool=$(tool "$family")
    while has_call "$family"; do "$tool" -w 5 -t mangle -D PREROUTING -p tcp -j $CHAIN || return 1; done
    # First emptied, all of them: a chain that is called can't be removed.
    for verb in -F -X; do
      for chain in $CHAIN TIDEGATE_SERVICE TIDEGATE_ADMIN; do "$tool" -w 5 -t mangle $verb "$chain" 2>/dev/null; done
    done
  done
  remove_sets
}
`

/** Rules in front of all others of ufw, which keeps loopback and established connections by itself. */
import type { FirewallPlan, PortRange, Sources } from './plan.ts'
import { hereDocument, multiports } from './script-frame.ts'

export const UFW_NOTES = [
  'ufw has no transactions: while this runs, new connections may have to knock twice.',
  'Docker goes round ufw: for ports that Docker publishes take another format, such as nftables.',
] as const

export function ufwPart(plan: FirewallPlan): string {
  return String.raw`
MARK=tidegate-upstream

need_programs() {
  command -v ufw >/dev/null || fail "There is no ufw here."
  ufw --version | grep -q -E '^ufw (0\.(3[6-9]|[4-9][0-9])|[1-9])' || fail "ufw 0.36 or newer is needed."
}

# The IP version, then the rule. Each is put in front of all before it, so that the refusals come last.
list() {
${hereDocument(ruleLines(plan), '  ')}
}

rules() {
  if grep -q -i '^IPV6=no' /etc/default/ufw; then list | grep -v '^6 '; else list; fi | cut -c 3-
}

is_active() {
  ufw status | grep -q '^Status: active' && return
  say "ufw is not active: enable it first, or take another format." >&2
  return 1
}

# Whatever of ours is there goes away first, so that all of it comes before everything else again.
# The words of a rule are words for ufw.
# shellcheck disable=SC2086
put_rules() {
  is_active || return 1
  shift
  { rules; for script in "$@"; do sh "$script" rules; done; } | delete_rules
  rules | while read -r rule; do ufw prepend $rule comment $MARK >/dev/null </dev/null || exit 1; done
}

# shellcheck disable=SC2086
delete_rules() {
  ufw show added | grep -q -F "$MARK" || return 0
  sort -u | while read -r rule; do ufw --force delete $rule >/dev/null 2>&1 </dev/null; done
}

remove_rules() { rules | delete_rules; }

show_rules() { rules | while read -r rule; do say "ufw prepend $rule comment $MARK"; done; }

# shellcheck disable=SC2086
check_rules() {
  is_active || return 1
  rules | while read -r rule; do ufw --dry-run prepend $rule comment $MARK >/dev/null </dev/null || exit 1; done
}

# All up to the last of ours: nothing may stand before them.
dump_rules() {
  ufw status | head -n 1
  ufw show added | awk -v mark="$MARK" '{ line[NR] = $0 } index($0, mark) { last = NR }
    END { for (i = 2; i <= last; i++) print line[i] }'
}
`
}

function ruleLines({ ports, adminPorts, allowed, admins }: FirewallPlan): string {
  const denials = (ranges: readonly PortRange[]): string[] =>
    multiports(ranges).map((text) => `* deny proto tcp from any to any port ${text}`)
  const permits = (ranges: readonly PortRange[], { ipv4, ipv6 }: Sources): string[] =>
    multiports(ranges).flatMap((text) => {
      const permit = (family: 4 | 6) => (network: string) =>
        `${family} allow proto tcp from ${network} to any port ${text}`
      return ipv4.map(permit(4)).concat(ipv6.map(permit(6)))
    })
  return [...denials(adminPorts), ...denials(ports), ...permits(adminPorts, admins), ...permits(ports, allowed)].join(
    '\n',
  )
}

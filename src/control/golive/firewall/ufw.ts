/** Rules in front of all others of ufw, which keeps loopback and established connections by itself. */
import type { FirewallPlan, Sources } from './plan.ts'
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

/**
 * ufw keeps one rule for one match: `deny 443` in place of somebody's `allow 443`, which would then be gone when ours
 * is removed. So ours name what nobody names, the halves of all destinations.
 */
const HALVES = { 4: ['0.0.0.0/1', '128.0.0.0/1'], 6: ['::/1', '8000::/1'] } as const

function ruleLines({ ports, adminPorts, allowed, admins }: FirewallPlan): string {
  const lines = (verb: 'allow' | 'deny', family: 4 | 6, source: string, text: string): string[] =>
    HALVES[family].map((half) => `${family} ${verb} proto tcp from ${source} to ${half} port ${text}`)
  const denials = (text: string): string[] => lines('deny', 4, 'any', text).concat(lines('deny', 6, 'any', text))
  const permits = (text: string, { ipv4, ipv6 }: Sources): string[] =>
    ipv4
      .flatMap((network) => lines('allow', 4, network, text))
      .concat(ipv6.flatMap((network) => lines('allow', 6, network, text)))
  const [service, admin]: readonly (readonly string[])[] = [multiports(ports), multiports(adminPorts)]
  return [
    ...[...admin, ...service].flatMap(denials),
    ...admin.flatMap((text) => permits(text, admins)),
    ...service.flatMap((text) => permits(text, allowed)),
  ].join('\n')
}

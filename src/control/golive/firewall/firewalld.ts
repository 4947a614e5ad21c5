/** A policy for all zones, decided before any of them; firewalld keeps loopback and established connections by itself. */
import type { FirewallPlan, PortRange, Sources } from './plan.ts'
import { hereDocument, portTexts } from './script-frame.ts'

export const FIREWALLD_NOTES = [
  'The first apply reloads firewalld: rules that somebody added without --permanent are lost.',
  'Docker goes round firewalld: for ports that Docker publishes take another format, such as nftables.',
] as const

export function firewalldPart(plan: FirewallPlan): string {
  return String.raw`
POLICY=tidegate-upstream

need_programs() {
  command -v firewall-cmd >/dev/null || fail "There is no firewall-cmd here."
  firewall-cmd -q --state || fail "firewalld does not run: start it first, or take another format."
  firewall-cmd -q --get-policies 2>/dev/null || fail "firewalld 0.9 or newer is needed: take another format."
}

rules() {
${hereDocument(ruleLines(plan), '  ')}
}

has_policy() { firewall-cmd "$@" --get-policies | tr ' ' '\n' | grep -q -x "$POLICY"; }

# A policy can only be made for good. Without rules it does nothing.
put_policy() {
  if ! has_policy --permanent; then
    firewall-cmd -q --permanent --new-policy="$POLICY" || return 1
    firewall-cmd -q --permanent --policy="$POLICY" --add-ingress-zone=ANY || return 1
    firewall-cmd -q --permanent --policy="$POLICY" --add-egress-zone=HOST || return 1
    firewall-cmd -q --permanent --policy="$POLICY" --set-priority=-1000 || return 1
  fi
  if ! has_policy; then firewall-cmd -q --reload; fi
}

# $1: nothing for what holds now, --permanent for what holds after a restart. New rules first, then old ones away.
# shellcheck disable=SC2086
replace_in() {
  rules | while read -r rule; do
    firewall-cmd $1 --policy="$POLICY" --query-rich-rule="$rule" >/dev/null </dev/null ||
      firewall-cmd -q $1 --policy="$POLICY" --add-rich-rule="$rule" </dev/null || exit 1
  done || return 1
  firewall-cmd $1 --policy="$POLICY" --list-rich-rules | while read -r rule; do
    rules | grep -q -x -F -e "$rule" ||
      firewall-cmd -q $1 --policy="$POLICY" --remove-rich-rule="$rule" </dev/null || exit 1
  done
}

# What is in trial does not outlive a restart.
put_rules() {
  put_policy || return 1
  replace_in "" || return 1
  if [ "$1" = confirmed ]; then replace_in --permanent; fi
}

remove_rules() {
  if has_policy --permanent; then firewall-cmd -q --permanent --delete-policy="$POLICY"; fi
  if has_policy; then firewall-cmd -q --reload; fi
}

show_rules() { rules | while read -r rule; do say "firewall-cmd --policy=$POLICY --add-rich-rule='$rule'"; done; }
check_rules() { firewall-cmd -q --state; }
dump_rules() { firewall-cmd --policy="$POLICY" --list-all 2>/dev/null; }
`
}

/** In the words and the order in which firewalld lists them. */
function ruleLines({ ports, adminPorts, allowed, admins }: FirewallPlan): string {
  const lines = (ranges: readonly PortRange[], sources: Sources): string[] =>
    portTexts(ranges, '-').flatMap((port) => {
      const permit = (family: 4 | 6) => (network: string) =>
        `rule priority="-10" family="ipv${family}" source address="${network}" port port="${port}" protocol="tcp" accept`
      const denial = `rule priority="10" port port="${port}" protocol="tcp" drop`
      return sources.ipv4.map(permit(4)).concat(sources.ipv6.map(permit(6)), denial)
    })
  return [...lines(ports, allowed), ...lines(adminPorts, admins)].join('\n')
}

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
  firewall-cmd --state >/dev/null 2>&1 || fail "firewalld does not run: start it first, or take another format."
  firewall-cmd --get-policies >/dev/null 2>&1 || fail "firewalld 0.9 or newer is needed: take another format."
}

rules() {
${hereDocument(ruleLines(plan), '  ')}
}

${DOING.trim()}
`
}

/** In the words in which firewalld lists them. */
function ruleLines({ ports, adminPorts, allowed, admins }: FirewallPlan): string {
  const permits = (ranges: readonly PortRange[], { ipv4, ipv6 }: Sources): string[] =>
    portTexts(ranges, '-').flatMap((port) => {
      const permit = (family: 4 | 6) => (network: string) =>
        `rule priority="-10" family="ipv${family}" source address="${network}" port port="${port}" protocol="tcp" accept`
      return ipv4.map(permit(4)).concat(ipv6.map(permit(6)))
    })
  const refusals = portTexts([...ports, ...adminPorts], '-').map(
    (port) => `rule priority="10" port port="${port}" protocol="tcp" drop`,
  )
  return [...permits(ports, allowed), ...permits(adminPorts, admins), ...refusals].join('\n')
}

const DOING = String.raw`
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

# $1: --permanent for what holds after a restart, or nothing. New rules first, permits before refusals, then old ones away.
# $where is one word or none.
# shellcheck disable=SC2086
replace_in() {
  where=$1
  set --
  while read -r rule; do set -- "$@" "--add-rich-rule=$rule"; done <<END
$(rules)
END
  firewall-cmd -q $where --policy="$POLICY" "$@" || return 1
  set --
  while read -r rule; do
    if ! rules | grep -q -x -F -e "$rule"; then set -- "$@" "--remove-rich-rule=$rule"; fi
  done <<END
$(firewall-cmd $where --policy="$POLICY" --list-rich-rules | grep .)
END
  if [ $# -gt 0 ] && [ "$1" != --remove-rich-rule= ]; then firewall-cmd -q $where --policy="$POLICY" "$@"; fi
}

# What is in trial does not outlive a restart.
put_rules() {
  put_policy || return 1
  replace_in "" || return 1
  if [ "$1" = confirmed ]; then replace_in --permanent; fi
}

remove_rules() {
  firewall-cmd --state >/dev/null 2>&1 || return 1
  if has_policy --permanent; then firewall-cmd -q --permanent --delete-policy="$POLICY"; fi
  if has_policy; then firewall-cmd -q --reload; fi
}

show_rules() { rules | while read -r rule; do say "firewall-cmd --policy=$POLICY --add-rich-rule='$rule'"; done; }
check_rules() { firewall-cmd --state >/dev/null 2>&1; }
dump_rules() { firewall-cmd --policy="$POLICY" --list-all 2>/dev/null | sort; }
`

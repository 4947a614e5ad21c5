/**
 * The part of a script that is the same for every firewall on Linux: trial, confirmation, rollback, removal.
 * A format adds the shell functions named in FormatPart; all that comes from people is in there as canonical text.
 */
import type { FirewallPlan, PortRange, Sources } from './plan.ts'

/**
 * Shell text that defines:
 * `need_programs` ends with a sentence where something is missing ·
 * `put_rules STATE OLD…` sets the rules (`trial` or `confirmed`) in place of those that the scripts OLD have set ·
 * `remove_rules` · `show_rules` prints them · `check_rules` has them parsed without setting them ·
 * `dump_rules` prints what holds in the kernel, without counters.
 */
export type FormatPart = (plan: FirewallPlan) => string

export interface FrameOptions {
  readonly part: FormatPart
  /** The firewall keeps its rules over a restart of the machine by itself. */
  readonly keepsRules: boolean
  /** Lines for the reader, each a sentence. */
  readonly notes: readonly string[]
}

export function shellScript(plan: FirewallPlan, { part, keepsRules, notes }: FrameOptions): string {
  return `${head(plan, notes)}
set -u
umask 077
LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin
export LC_ALL PATH

FORMAT=${plan.format}
ROLLBACK_AFTER_S=${plan.rollbackAfterS}
KEEPS_RULES=${keepsRules ? 'yes' : 'no'}
# What is kept between two runs: the script in trial, and the one that was confirmed.
STATE=\${TIDEGATE_FIREWALL_STATE:-/var/lib/tidegate-firewall}
UNITS=\${TIDEGATE_FIREWALL_UNITS:-/etc/systemd/system}
UNIT=tidegate-firewall.service

say() { printf '%s\\n' "$*"; }
fail() { printf '%s\\n' "$*" >&2; exit 1; }
has_ipv6() { [ -e /proc/net/if_inet6 ]; }

# ---- The rules -----------------------------------------------------------------------------------------------------

${part(plan).trim()}

${FRAME.trim()}
`
}

function head(plan: FirewallPlan, notes: readonly string[]): string {
  const lines = [
    `Firewall for the machine of an upstream behind Tidegate, by way of ${plan.format}. Run it there, as root.`,
    '',
    ...whoGets(plan).map((line) => `  ${line}`),
    '',
    '  sh FILE dry-run      shows the rules and has them checked; changes nothing',
    `  sh FILE apply        sets them, and takes them back after ${plan.rollbackAfterS} s …`,
    '  sh FILE confirm      … unless this is said before: then they stay, over a restart of the machine too',
    '  sh FILE rollback     back at once to what was confirmed last, or to no rules of ours',
    '  sh FILE status       what holds; exit code 0 where all of it is in place',
    '  sh FILE uninstall    takes away all that this script has ever made',
    '',
    'Apply, then log in a second time and look at the service, then confirm. Apply twice is apply once.',
    ...notes,
  ]
  return ['#!/bin/sh', ...lines.map((line) => `# ${line}`.trimEnd())].join('\n')
}

/** Who gets to what, as lines of a comment. */
export function whoGets({ ports, adminPorts, allowed, admins }: FirewallPlan): string[] {
  const rows = (ranges: readonly PortRange[], sources: Sources): string[] => [
    `TCP ${portTexts(ranges, '-').join(', ')}: only from`,
    ...[...sources.ipv4, ...sources.ipv6].map((network) => `  ${network}`),
  ]
  return [...rows(ports, allowed), ...(adminPorts.length === 0 ? [] : rows(adminPorts, admins))]
}

/** `443`, or `8000-8010` with the given dash. */
export function portTexts(ranges: readonly PortRange[], dash: '-' | ':'): string[] {
  return ranges.map(({ first, last }) => (first === last ? String(first) : `${first}${dash}${last}`))
}

/** Texts for the multiport match, which takes 15 ports; a range counts as two. */
export function multiports(ranges: readonly PortRange[]): string[] {
  const texts: string[][] = []
  let room = 0
  for (const range of ranges) {
    const weight = range.first === range.last ? 1 : 2
    if (weight > room) {
      texts.push([])
      room = 15
    }
    room -= weight
    texts.at(-1)!.push(...portTexts([range], ':'))
  }
  return texts.map((part) => part.join(','))
}

/** A here-document that the shell takes letter by letter. */
export function hereDocument(text: string, indent = ''): string {
  return `${indent}cat <<'END'\n${text.trimEnd()}\nEND`
}

const FRAME = String.raw`
# ---- Trial, confirmation, rollback ---------------------------------------------------------------------------------

need_root() { [ "$(id -u)" = 0 ] || fail "Only root changes the firewall: run this with sudo."; }

# One run at a time; the rollback that waits is one of them.
enter_state() {
  mkdir -p "$STATE" || fail "Cannot make $STATE."
  exec 9>"$STATE/lock" || fail "Cannot write to $STATE."
  if command -v flock >/dev/null; then flock 9; fi
}

# The script whose rules hold: the one in trial, else the confirmed one.
script_in_force() {
  for script in "$STATE/trial.sh" "$STATE/confirmed.sh"; do
    if [ -f "$script" ]; then say "$script"; return; fi
  done
}

# Our rules in the place of those that the scripts $2… have set. $1: trial or confirmed.
take_over() {
  put_rules "$@" || return 1
  shift
  for script in "$@"; do
    if [ "$(sh "$script" format)" != "$FORMAT" ]; then sh "$script" remove; fi
  done
  dump_rules >"$STATE/rules"
}

apply() {
  need_root
  [ -f "$0" ] && [ -r "$0" ] || fail "Save this script to a file, and run that: the rollback needs it."
  need_programs
  enter_state
  before=$(script_in_force)
  if [ -n "$before" ]; then
    cp "$before" "$STATE/before.sh"
    before=$STATE/before.sh
  fi
  cat "$0" >"$STATE/new.sh" && mv "$STATE/new.sh" "$STATE/trial.sh" || fail "Cannot write to $STATE."
  token=$(date +%s).$$
  note_trial
  # Before anything changes: whatever happens to us or to the login we came by, this goes on.
  set -- nohup
  if command -v setsid >/dev/null; then set -- nohup setsid; fi
  "$@" sh "$STATE/trial.sh" take-back "$token" </dev/null >/dev/null 2>&1 9>&- &
  if [ -n "$before" ]; then set -- "$before"; else set --; fi
  if ! take_over trial "$@"; then
    roll_back || fail "The rules could not be set, nor taken back at once; it will be tried again."
    fail "The rules could not be set; what held before holds again."
  fi
  rm -f "$STATE/before.sh"
  # The time begins now: slow tools have used some of it.
  note_trial
  put_unit
  say "The rules hold for $ROLLBACK_AFTER_S s. Log in once more from elsewhere and try the service; if all is well:"
  say "  sh $0 confirm"
}

# Which trial it is, and until when it may be confirmed; never half written.
note_trial() {
  say "$token $(($(date +%s) + ROLLBACK_AFTER_S))" >"$STATE/new" && mv "$STATE/new" "$STATE/trial"
}

is_trial() { [ -f "$STATE/trial" ] && read -r token until <"$STATE/trial" && [ "$token" = "$1" ]; }

# Started by apply: rolls back when its time is over, unless it was confirmed, taken back or applied anew meanwhile.
# Where the firewall can't be asked then, it is asked again, for ten minutes.
take_back() {
  while is_trial "$1"; do
    late=$(($(date +%s) - until))
    if [ "$late" -ge 0 ]; then
      enter_state
      if ! is_trial "$1" || roll_back || [ "$late" -gt 600 ]; then exit 0; fi
      exec 9>&-
    fi
    sleep 1
  done
}

# To the confirmed rules, or to none. before.sh is there only where apply stopped half way.
roll_back() {
  set --
  for script in "$STATE/trial.sh" "$STATE/before.sh"; do
    if [ -f "$script" ]; then set -- "$@" "$script"; fi
  done
  if [ -f "$STATE/confirmed.sh" ]; then
    sh "$STATE/confirmed.sh" take-over "$@" || return 1
  else
    for script in "$@"; do sh "$script" remove || return 1; done
    rm -f "$STATE/rules"
    remove_unit
  fi
  rm -f "$STATE/trial" "$STATE/trial.sh" "$STATE/before.sh"
}

confirm() {
  need_root
  enter_state
  if [ ! -f "$STATE/trial" ]; then
    cmp -s "$0" "$STATE/confirmed.sh" || fail "Nothing is in trial: apply first. Was it rolled back meanwhile?"
    say "It was confirmed before."
    return
  fi
  cmp -s "$0" "$STATE/trial.sh" || fail "Another script than this one is in trial: apply this one first."
  take_over confirmed "$STATE/trial.sh" || fail "The rules could not be set; the rollback is still to come."
  mv "$STATE/trial.sh" "$STATE/confirmed.sh"
  rm -f "$STATE/trial"
  if [ "$KEEPS_RULES" = no ] && [ ! -f "$UNITS/$UNIT" ]; then
    say "There is no systemd here. For the rules to be there after a restart, have this run at boot:"
    say "  /bin/sh $STATE/boot.sh boot"
  fi
  say "Confirmed. sh $0 uninstall takes it all away."
}

# At boot, before the network is up: a trial ended with the machine; what was confirmed holds again.
boot() {
  need_root
  enter_state
  if [ -f "$STATE/trial.sh" ]; then roll_back
  elif [ -f "$STATE/confirmed.sh" ]; then sh "$STATE/confirmed.sh" restore
  fi
}

# Runs boot, also after whatever else loads rules has done so again.
put_unit() {
  cat "$0" >"$STATE/boot.sh"
  if [ ! -d /run/systemd/system ] && [ ! -d "$UNITS" ]; then return; fi
  mkdir -p "$UNITS/multi-user.target.wants"
  cat >"$UNITS/$UNIT" <<END
[Unit]
Description=Firewall of an upstream behind Tidegate
DefaultDependencies=no
RequiresMountsFor=$STATE
After=local-fs.target nftables.service netfilter-persistent.service iptables.service ufw.service firewalld.service
PartOf=nftables.service netfilter-persistent.service iptables.service
ReloadPropagatedFrom=nftables.service
Before=network-pre.target shutdown.target
Wants=network-pre.target
Conflicts=shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh $STATE/boot.sh boot
ExecReload=/bin/sh $STATE/boot.sh boot

[Install]
WantedBy=multi-user.target
END
  chmod 644 "$UNITS/$UNIT"
  ln -sf "../$UNIT" "$UNITS/multi-user.target.wants/$UNIT"
  if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
}

remove_unit() {
  rm -f "$STATE/boot.sh"
  if [ ! -f "$UNITS/$UNIT" ]; then return; fi
  rm -f "$UNITS/$UNIT" "$UNITS/multi-user.target.wants/$UNIT"
  if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
}

uninstall() {
  need_root
  need_programs
  enter_state
  for script in "$STATE/trial.sh" "$STATE/before.sh" "$STATE/confirmed.sh"; do
    if [ -f "$script" ]; then sh "$script" remove; fi
  done
  remove_rules
  remove_unit
  for file in trial trial.sh before.sh new new.sh confirmed.sh rules lock; do rm -f "$STATE/$file"; done
  rmdir "$STATE"
  say "Nothing of ours is left."
}

status() {
  need_root
  need_programs
  if [ -f "$STATE/trial" ]; then
    read -r _ until <"$STATE/trial"
    say "In trial, for another $((until - $(date +%s))) s."
  elif [ -f "$STATE/confirmed.sh" ]; then say "Confirmed."
  else say "Not applied."; exit 1; fi
  script=$(script_in_force)
  cmp -s "$0" "$script" || say "The rules are those of $script, which is not this script."
  if ! sh "$script" dump | cmp -s - "$STATE/rules"; then
    say "But the rules are not in place as they were set: apply again."
    sh "$script" dump
    exit 1
  fi
  sh "$script" dump
}

dry_run() {
  show_rules
  if [ "$(id -u)" != 0 ]; then say "# Not checked: only root can have them checked."; return; fi
  need_programs
  check_rules || fail "The rules above would be refused."
  say "# Checked; nothing was changed."
}

# Everything above is read before anything runs.
main() {
  [ $# -gt 0 ] || set -- help
  case "$1" in
    apply | confirm | uninstall | status) "$1" ;;
    dry-run | --dry-run) dry_run ;;
    rollback)
      need_root
      enter_state
      [ -f "$STATE/trial" ] || fail "Nothing is in trial. To take confirmed rules away: sh $0 uninstall"
      roll_back || fail "The rules could not be taken back."
      say "Taken back."
      ;;
    # Said by other copies of this script and by the service manager.
    format) say "$FORMAT" ;;
    rules) if [ "$FORMAT" = ufw ]; then rules; fi ;;
    dump) dump_rules ;;
    remove) remove_rules ;;
    boot) boot ;;
    restore) if [ "$KEEPS_RULES" = no ]; then take_over confirmed; fi ;;
    take-over) shift; take_over confirmed "$@" ;;
    take-back) take_back "$2" ;;
    *) fail "Usage: sh $0 dry-run | apply | confirm | rollback | status | uninstall" ;;
  esac
}

main "$@"
exit
`

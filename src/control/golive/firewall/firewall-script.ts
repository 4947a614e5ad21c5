/** A script for the machine of an upstream: only our nodes, trusted networks and admins get to its ports. */
import { FIREWALLD_NOTES, firewalldPart } from './firewalld.ts'
import { ipsetPart, IPTABLES_NOTES, iptablesPart } from './iptables.ts'
import { NFTABLES_NOTES, nftablesPart } from './nftables.ts'
import type { FirewallFormat, FirewallPlan } from './plan.ts'
import { type FrameOptions, shellScript } from './script-frame.ts'
import { UFW_NOTES, ufwPart } from './ufw.ts'
import { windowsScript } from './windows.ts'

/** Windows has a script of its own. */
const SHELL: Record<Exclude<FirewallFormat, 'windows'>, FrameOptions> = {
  nftables: { part: nftablesPart, keepsRules: false, notes: NFTABLES_NOTES },
  iptables: { part: iptablesPart, keepsRules: false, notes: IPTABLES_NOTES },
  ipset: { part: ipsetPart, keepsRules: false, notes: IPTABLES_NOTES },
  ufw: { part: ufwPart, keepsRules: true, notes: UFW_NOTES },
  firewalld: { part: firewalldPart, keepsRules: true, notes: FIREWALLD_NOTES },
}

export function firewallScript(plan: FirewallPlan): string {
  return plan.format === 'windows'
    ? windowsScript(plan).replaceAll('\n', '\r\n')
    : shellScript(plan, SHELL[plan.format])
}

/** What to call the file. */
export function firewallFileName(format: FirewallFormat): string {
  return format === 'windows' ? 'tidegate-firewall.ps1' : 'tidegate-firewall.sh'
}

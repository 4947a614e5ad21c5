/** The door of the room: what a service needs before clients are sent to it. The command line knows this file only. */
export { checklist } from './checklist/checklist.ts'
export {
  CHECKLIST_IDS,
  type ChecklistId,
  type ChecklistItem,
  type ChecklistService,
  type ChecklistState,
  type CutOver,
  EXPOSURE_AGE_MAX_MS,
  type GoliveFacts,
  worstState,
} from './checklist/item.ts'
export type { DnsLeak } from './dns/dns-leaks.ts'
export { DnsProbeError } from './dns/dns-words.ts'
export { type DnsProbe, type DnsSight, type PointsTo, probeDns, type ProbeDnsOptions } from './dns/probe-dns.ts'
export {
  EXPOSURE_PORTS_DEFAULT,
  ExposureError,
  type ExposureOptions,
  lookAtHost,
  worstVerdict,
} from './exposure/look-at-host.ts'
export { type ExposedPort, ExposureReport, type ExposureVerdict } from './exposure/report.ts'
export { FIREWALL_FORMATS, FirewallError, type FirewallFormat, ROLLBACK_AFTER_S_DEFAULT } from './firewall/plan.ts'
export { type FirewallAnswer, firewallFor, type FirewallRequest } from './firewall-for.ts'
export { gatherFacts, type GatherOptions } from './gather-facts.ts'
export { isPrivate, machineAddresses, nodeAddresses } from './own-addresses.ts'
export type { ProbeAttempt, ProbeHeader, ProbeSight, ProbeWords } from './probe/attempt.ts'
export type { Takes, UpstreamVerdict } from './probe/judge-upstream.ts'
export {
  ProbeTargetError,
  probeUpstream,
  type ProbeUpstreamOptions,
  type UpstreamProbe,
} from './probe/probe-upstream.ts'
export { serviceAddresses } from './service-addresses.ts'

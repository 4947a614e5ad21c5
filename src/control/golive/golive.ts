/** The door of the room: what a service needs before clients are sent to it. The command line knows this file only. */
export { FIREWALL_FORMATS, FirewallError, ROLLBACK_AFTER_S_DEFAULT } from './firewall/plan.ts'
export { type FirewallAnswer, firewallFor, type FirewallRequest } from './firewall-for.ts'
export type { ProbeAttempt, ProbeHeader, ProbeSight, ProbeWords } from './probe/attempt.ts'
export type { Takes, UpstreamVerdict } from './probe/judge-upstream.ts'
export {
  ProbeTargetError,
  probeUpstream,
  type ProbeUpstreamOptions,
  type UpstreamProbe,
} from './probe/probe-upstream.ts'

/** From what is asked and what is configured to a script for the upstream's machine. */
import type { Config, ServiceConfig } from '../config/config.ts'
import { firewallFileName, firewallScript } from './firewall/firewall-script.ts'
import { FirewallError, type FirewallPlan, makeFirewallPlan } from './firewall/plan.ts'
import { isLoopbackText, isPrivate, nodeAddresses } from './own-addresses.ts'

export interface FirewallRequest {
  readonly format: string
  /** Where ports and nodes come from that are not given. */
  readonly config?: Config | undefined
  /** One service of the configuration; all of them when absent. */
  readonly service?: string | undefined
  readonly ports?: readonly string[] | undefined
  readonly nodes?: readonly string[] | undefined
  readonly trusted?: readonly string[] | undefined
  readonly admins?: readonly string[] | undefined
  readonly adminPorts?: readonly string[] | undefined
  /** Seconds. */
  readonly rollbackAfterS?: number | undefined
}

export interface FirewallAnswer {
  readonly plan: FirewallPlan
  readonly script: string
  readonly fileName: string
  /** What a person should know before running it. */
  readonly warnings: readonly string[]
}

/** Throws FirewallError, with every problem there is. */
export function firewallFor(request: FirewallRequest): FirewallAnswer {
  const services = servicesOf(request)
  const ports = given(request.ports) ?? upstreamPorts(services)
  const nodes = given(request.nodes) ?? nodeAddresses(services)
  const plan = makeFirewallPlan({
    format: request.format,
    ports,
    nodes,
    trusted: request.trusted ?? [],
    admins: request.admins ?? [],
    ...(given(request.adminPorts) === undefined ? {} : { adminPorts: request.adminPorts! }),
    ...(request.rollbackAfterS === undefined ? {} : { rollbackAfterS: request.rollbackAfterS }),
  })
  return {
    plan,
    script: firewallScript(plan),
    fileName: firewallFileName(plan.format),
    warnings: warningsFor(plan, request, nodes),
  }
}

function servicesOf({ config, service }: FirewallRequest): readonly ServiceConfig[] {
  if (config === undefined) return []
  if (service === undefined) return config.services
  const found = config.services.filter(({ name }) => name === service)
  if (found.length > 0) return found
  const names = config.services.map(({ name }) => name).join(', ')
  throw new FirewallError([`There is no service ${JSON.stringify(service.slice(0, 80))}; there is ${names}.`])
}

/** Of upstreams on other machines: what listens on loopback needs no firewall. */
function upstreamPorts(services: readonly ServiceConfig[]): string[] {
  const upstreams = services.flatMap(({ upstreams }) => upstreams)
  return [...new Set(upstreams.filter(({ host }) => !isLoopbackText(host)).map(({ port }) => String(port)))]
}

function given(texts: readonly string[] | undefined): readonly string[] | undefined {
  return texts === undefined || texts.length === 0 ? undefined : texts
}

function warningsFor(plan: FirewallPlan, request: FirewallRequest, nodes: readonly string[]): string[] {
  const warnings: string[] = []
  if (given(request.nodes) === undefined) {
    const seen = nodes.every((address) => isPrivate(address))
      ? 'All of them are private: if the upstream is reached through NAT it sees another address, which --node has to name.'
      : 'If the upstream sees another one, or there are more nodes, name all of them with --node.'
    warnings.push(`The nodes are the addresses of this machine: ${nodes.join(', ')}. ${seen}`)
  }
  if (plan.adminPorts.length === 0 && (request.admins ?? []).length === 0)
    warnings.push('No admin is named: SSH and RDP stay as open as they are. --admin NETWORK closes them to all others.')
  if (plan.allowed.ipv6.length === 0)
    warnings.push('No IPv6 address is among those let in: over IPv6 the ports are closed to everybody.')
  return warnings
}

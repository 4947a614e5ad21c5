/** Findings about what this user may do. */
import { formatSocketAddress } from '../../lib/ip.ts'
import type { Facts } from './facts.ts'
import { fail, ok } from './finding.ts'
import type { Finding } from './finding.ts'
import type { Plan } from './plan.ts'

const GIVE_PORT_RIGHT =
  'AmbientCapabilities=CAP_NET_BIND_SERVICE in a systemd unit, or sysctl -w net.ipv4.ip_unprivileged_port_start=0, or listen on a higher port.'

export function lowPortsFinding({ rights, settings }: Facts, { services }: Plan): Finding | undefined {
  const first = settings.unprivilegedPortStart
  if (rights === undefined) return undefined
  if (rights.has('netBindService')) return ok('low-ports', 'This user may listen on every port.')
  const low = services.flatMap(({ listen }) => listen).find(({ address }) => address.port !== 0 && address.port < first)
  if (low !== undefined) {
    return fail(
      'low-ports',
      `This user may not listen on ${formatSocketAddress(low.address)}: ports below ${first} need a right.`,
      GIVE_PORT_RIGHT,
    )
  }
  return ok('low-ports', `This user may listen on ports from ${first} up.`, `For lower ones: ${GIVE_PORT_RIGHT}`)
}

export function firewallRightsFinding({ rights }: Facts): Finding | undefined {
  if (rights === undefined) return undefined
  if (rights.has('netAdmin'))
    return ok('firewall-rights', 'This user may change the firewall and network settings (CAP_NET_ADMIN).')
  return ok(
    'firewall-rights',
    'This user may not change the firewall or network settings; nothing configured needs it.',
  )
}

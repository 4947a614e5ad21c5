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

const GIVE_FIREWALL_RIGHT =
  'For the kernel to drop what is banned: CAP_NET_ADMIN, by AmbientCapabilities= and CapabilityBoundingSet= in a systemd unit, or --cap-add=NET_ADMIN in a container.'

export function firewallRightsFinding({ rights }: Facts, { firewall }: Plan): Finding | undefined {
  if (rights === undefined) return undefined
  if (firewall?.mode === 'off') return ok('firewall-rights', 'The kernel is not asked to drop what is banned.')
  if (rights.has('netAdmin'))
    return ok('firewall-rights', 'This user may let the kernel drop what is banned or denied (CAP_NET_ADMIN).')
  return ok(
    'firewall-rights',
    'This user may not change the firewall: what is banned or denied is refused in user space only.',
    GIVE_FIREWALL_RIGHT,
  )
}

/** Where it is of use only. */
export function firewallProgramFinding({ rights, nftVersion }: Facts, { firewall }: Plan): Finding | undefined {
  if (rights?.has('netAdmin') !== true || firewall?.mode === 'off') return undefined
  if (nftVersion !== undefined) return ok('firewall-program', `nft works: ${nftVersion.trim()}.`)
  return ok(
    'firewall-program',
    'There is no nft on the PATH: what is banned or denied is refused in user space only.',
    'Install the package nftables.',
  )
}

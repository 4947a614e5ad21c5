/** Is an upstream's address one that attackers do not know, nor find next to one that they know? */
import { networkContains, parseIp } from '../../../lib/ip.ts'
import { neighbourhood } from '../dns/dns-leaks.ts'
import { isPrivate } from '../own-addresses.ts'
import type { ChecklistService, GoliveFacts, Verdict } from './item.ts'

export function lookAtAddresses({ upstreams }: ChecklistService, facts: GoliveFacts): Verdict {
  const named = facts.dns?.namedUpstreams ?? []
  if (named.length > 0) {
    return {
      state: 'fail',
      saw: `Public DNS knows ${named.join(', ')}, by which the configuration names upstreams.`,
      next: 'Take the name out of public DNS, and give the address, or a name that only your own DNS knows.',
    }
  }
  const current = upstreams.flatMap(({ name }) => facts.probeByUpstream.get(name)?.address ?? [])
  const configured = upstreams.filter(({ hostIsIp }) => hostIsIp).map(({ host }) => host)
  const open = [...new Set([...current, ...configured])].filter((address) => !isPrivate(address))
  if (open.length === 0 && upstreams.every(({ hostIsIp, name }) => hostIsIp || facts.probeByUpstream.has(name)))
    return { state: 'ok', saw: 'All upstreams have private addresses, which the internet cannot reach.' }
  // Where DNS still leads somebody else may have looked before.
  const shown = (facts.dns?.strangers ?? []).filter((address) => !facts.addresses.includes(address))
  const old = [...(facts.oldAddresses ?? []), ...shown]
  const same = open.filter((address) => old.includes(address))
  if (same.length > 0) {
    return {
      state: 'fail',
      saw: `${same.join(', ')} was known before: archives of DNS keep it, and attackers read them.`,
      next: 'Get an address that was never used for this service, best from another network, make it the upstream, and stop serving on the old one.',
    }
  }
  const near = open.filter((address) => [...old, ...facts.addresses].some((other) => isNear(address, other)))
  if (near.length > 0) {
    return {
      state: 'warn',
      saw: `${near.join(', ')} is in the network of an address that is known: it can be searched for.`,
      next: 'Better an address from another network; the firewall has to drop strangers in any case.',
    }
  }
  if (facts.oldAddresses === undefined) {
    return {
      state: 'unknown',
      saw: 'Nobody said which addresses were used before.',
      next: 'Name the old addresses (--old), or none for a new service.',
    }
  }
  return { state: 'ok', saw: 'No upstream has an address, or a neighbour, that was known before.' }
}

function isNear(address: string, other: string): boolean {
  const bytes = parseIp(address)
  const around = parseIp(other)
  if (bytes === undefined || around === undefined || bytes.length !== around.length) return false
  return networkContains(neighbourhood(other), bytes, 0)
}

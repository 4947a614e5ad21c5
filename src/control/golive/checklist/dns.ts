/** Does the domain lead to the service and nowhere else, and does no record show an upstream? */
import type { DnsProbe } from '../dns/probe-dns.ts'
import type { ChecklistService, GoliveFacts, Verdict } from './item.ts'

export function lookAtDns({ name }: ChecklistService, { dns, addresses }: GoliveFacts): Verdict {
  const expected = addresses.join(' and ')
  if (addresses.length === 0) {
    return {
      state: 'unknown',
      saw: `No public address of ${name} is known: it listens on private ones.`,
      next: "Name the service's public address (--address).",
    }
  }
  if (dns === undefined) {
    return { state: 'unknown', saw: 'No domain was looked up.', next: 'Name the domain (--domain).' }
  }
  const { domain } = dns
  if (dns.pointsTo === 'unknown')
    return {
      state: 'unknown',
      saw: `No name server told of ${domain}: ${problemsOf(dns)}.`,
      next: 'Try again, or ask another: --server.',
    }
  if (dns.pointsTo === 'nowhere')
    return { state: 'fail', saw: `${domain} has no address.`, next: `Set its A and AAAA records to ${expected}.` }
  const ttl = dns.ttlS === undefined ? '' : ` A change takes up to ${seconds(dns.ttlS)} (TTL).`
  if (dns.pointsTo === 'service') return { state: 'ok', saw: `${domain} leads to ${name} and nowhere else.${ttl}` }
  if (dns.isRunningOut) {
    return {
      state: 'warn',
      saw: `The records are changed; a resolver still gives ${dns.strangers.join(', ')}, for ${seconds(dns.oldGoneInS ?? 0)} at most.`,
      next: 'Wait until then before the old address stops serving.',
    }
  }
  const shown = dns.upstreamsShown.length === 0 ? '' : ' It is an upstream: clients and attackers go round the service.'
  return {
    state: 'fail',
    saw: `${domain} leads to ${dns.strangers.join(', ')}, which is not ${name}.${shown}${ttl}`,
    next: `Set its A and AAAA records to ${expected}, and nothing else.`,
  }
}

function problemsOf(dns: DnsProbe): string {
  return [...new Set(dns.sights.flatMap(({ problem }) => (problem === undefined ? [] : [problem])))].join(', ')
}

export function lookAtLeaks(_: ChecklistService, { dns }: GoliveFacts): Verdict {
  if (dns === undefined)
    return { state: 'unknown', saw: 'No domain was looked up.', next: 'Name the domain (--domain).' }
  const own = dns.leaks.filter(({ closeness }) => closeness === 'address')
  if (own.length > 0) {
    const found = own.map(({ name, type, upstream }) => `${type} of ${name} shows ${upstream}.`).join(' ')
    return {
      state: 'fail',
      saw: found,
      next: 'Move what these records are for to another machine, or lead them through a service; then change the address of the upstream.',
    }
  }
  if (dns.leaks.length > 0) {
    const near = dns.leaks.map(({ name, type, found, upstream }) => `${type} of ${name}: ${found}, near ${upstream}.`)
    return {
      state: 'warn',
      saw: `Records show the network of an upstream, which can be searched. ${near.join(' ')}`,
      next: 'Better an address from another network; the firewall has to drop strangers in any case.',
    }
  }
  if (dns.problems.length > 0) {
    return {
      state: 'unknown',
      saw: `Nothing was found, but not all could be asked: ${dns.problems.slice(0, 3).join('; ')}.`,
      next: 'Try again, or ask another name server: --server.',
    }
  }
  return { state: 'ok', saw: `${dns.looked.length} names, MX, SPF and TXT were looked at; none shows an upstream.` }
}

/** `90 s`, `15 min`, `2 h`. */
function seconds(count: number): string {
  if (count < 120) return `${count} s`
  return count < 7200 ? `${Math.round(count / 60)} min` : `${Math.round(count / 3600)} h`
}

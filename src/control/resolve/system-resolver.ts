/** The resolver of this machine, behind the interface that tests replace. */
import { Resolver as DnsResolver, lookup } from 'node:dns/promises'
import { readFile } from 'node:fs/promises'
import type { Resolver } from './host-lookup.ts'
import { addressesInHosts } from './hosts-file.ts'

/** As long as a client may wait for a connect: waiting longer at the start only hides a broken name server. */
const QUERY_TIMEOUT_MS = 2_000
const QUERY_TRIES = 2

/** `servers` are name servers as `IP:PORT`; without them those of this machine are asked. */
export function systemResolver(servers?: readonly string[]): Resolver {
  const pendingByName = new Map<string, Promise<readonly string[]>>()
  return {
    hostsFile: async (hostname) => addressesInHosts(await readFile('/etc/hosts', 'utf8'), hostname),
    resolve4: (hostname) => openDns(servers).resolve4(hostname, { ttl: true }),
    resolve6: (hostname) => openDns(servers).resolve6(hostname, { ttl: true }),
    // getaddrinfo blocks one of four threads, without a time limit: never two for one name.
    lookup: (hostname) => {
      const pending = pendingByName.get(hostname) ?? lookUpAll(hostname).finally(() => pendingByName.delete(hostname))
      pendingByName.set(hostname, pending)
      return pending
    },
  }
}

/** A new one for each query: it reads resolv.conf when it is made, and never again. */
function openDns(servers: readonly string[] | undefined): DnsResolver {
  const dns = new DnsResolver({ timeout: QUERY_TIMEOUT_MS, tries: QUERY_TRIES })
  if (servers !== undefined) dns.setServers(servers)
  return dns
}

async function lookUpAll(hostname: string): Promise<readonly string[]> {
  const found = await lookup(hostname, { all: true, order: 'ipv4first' })
  return found.map(({ address }) => address)
}

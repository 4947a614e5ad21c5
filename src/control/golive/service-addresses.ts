/** Where clients reach a service, as the internet sees it. */
import { isIPv4 } from 'node:net'
import type { ServiceConfig } from '../config/config.ts'
import { isPrivate, machineAddresses } from './own-addresses.ts'

/**
 * What its listeners are open on; for a wildcard, this machine's addresses. Private ones are left out: behind NAT
 * nothing here knows the address outside, and it has to be given.
 */
export function serviceAddresses(
  { listen }: Pick<ServiceConfig, 'listen'>,
  ofMachine: readonly string[] = machineAddresses(),
): string[] {
  const all = listen.flatMap(({ address, dualStack }) => {
    if (address.address === '0.0.0.0') return ofMachine.filter((own) => isIPv4(own))
    if (address.address !== '::') return [address.address]
    return ofMachine.filter((own) => dualStack || !isIPv4(own))
  })
  return [...new Set(all)].filter((address) => !isPrivate(address))
}

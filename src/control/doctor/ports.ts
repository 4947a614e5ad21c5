/** Findings about the way out: local ports for connections to upstreams. */
import type { Facts } from './facts.ts'
import { count, ok, warn } from './finding.ts'
import type { Finding } from './finding.ts'
import type { Plan } from './plan.ts'

/** TCP_TIMEWAIT_LEN [net/tcp.h]: so long the side that closes first keeps its port. */
const TIME_WAIT_S = 60
/** Linux's default gives 28,232. */
const PORTS_WANTED = 20_000
/** connect() slows down as the range fills, long before it is full. */
const USED_WARN_SHARE = 0.7

const MORE_PORTS = [
  'give the service several sourceAddresses, or the upstream more ports or addresses',
  'sysctl -w net.ipv4.ip_local_port_range="1024 65535", with your listening ports in net.ipv4.ip_local_reserved_ports',
  'sysctl -w net.ipv4.tcp_tw_reuse=1, which uses a port in TIME_WAIT again after a second',
]

export function localPortsFinding({ settings }: Facts): Finding | undefined {
  const ports = portCount(settings)
  if (ports === undefined || settings.portRange === undefined) return undefined
  const rate =
    settings.timeWaitReuse === 1
      ? 'ports in TIME_WAIT are used again (net.ipv4.tcp_tw_reuse=1)'
      : `about ${count(ports / TIME_WAIT_S)} new a second, as a port rests ${TIME_WAIT_S} s where Tidegate closes first`
  const sentence = `From one source address, one upstream address takes ${count(ports)} connections at a time (ports ${settings.portRange.join('-')}); ${rate}.`
  const remedy = `For more, in this order: ${remediesLeft(settings).join('; ')}.`
  return ports < PORTS_WANTED ? warn('local-ports', sentence, remedy) : ok('local-ports', sentence, remedy)
}

export function portCount({ portRange, reservedPorts }: Facts['settings']): number | undefined {
  if (portRange === undefined) return undefined
  const [first, last] = portRange
  return Math.max(0, last - first + 1 - reservedPorts)
}

function remediesLeft({ portRange, timeWaitReuse }: Facts['settings']): string[] {
  const isWide = portRange !== undefined && portRange[0] <= 1024 && portRange[1] === 65535
  return MORE_PORTS.filter((_, i) => !(i === 1 && isWide) && !(i === 2 && timeWaitReuse === 1))
}

export function localPortsUsedFinding({ settings, fullest, sockets }: Facts): Finding | undefined {
  const ports = portCount(settings)
  if (ports === undefined || sockets === undefined) return undefined
  if (fullest === undefined) {
    return ok('local-ports-used', `${count(sockets.timeWait)} connections of this machine rest in TIME_WAIT.`)
  }
  const share = fullest.ports / ports
  const sentence = `${fullest.destination} holds ${count(fullest.ports)} local ports, ${count(fullest.timeWait)} of them in TIME_WAIT: ${Math.round(share * 100)} % of what one source address has.`
  if (share < USED_WARN_SHARE) return ok('local-ports-used', sentence)
  return warn(
    'local-ports-used',
    `${sentence} When none is left, connections end with no-source-port.`,
    `In this order: ${remediesLeft(settings).join('; ')}.`,
  )
}

export function sourceAddressesFinding({ ownAddresses }: Facts, { services }: Plan): Finding | undefined {
  const configured = services.flatMap(({ name, sourceAddresses }) =>
    sourceAddresses.map(({ address }) => ({ name, address })),
  )
  if (configured.length === 0) return undefined
  // All of 127.0.0.0/8 is this machine, though only 127.0.0.1 is written on the interface.
  const foreign = configured.find(({ address }) => !address.startsWith('127.') && !ownAddresses.includes(address))
  if (foreign === undefined) return ok('source-addresses', 'All sourceAddresses are addresses of this machine.')
  return warn(
    'source-addresses',
    `Service ${foreign.name} connects from ${foreign.address}, which is no address of this machine.`,
    `ip address add ${foreign.address}/${foreign.address.includes(':') ? 128 : 32} dev INTERFACE, or take it out of sourceAddresses.`,
  )
}

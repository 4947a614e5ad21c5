/** No two listeners take the same connections, over all services and the admin endpoint. */
import { formatSocketAddress } from '../../lib/ip.ts'
import type { Config } from './config.ts'
import type { ConfigPath, ConfigSource } from './config-tree.ts'
import type { ConfigProblem } from './problem.ts'
import { listenersOverlap } from './listener-overlap.ts'
import type { ListenerAddress } from './listener-overlap.ts'

interface PlacedListener extends ListenerAddress {
  readonly path: ConfigPath
}

export function checkListeners(config: Config, source: ConfigSource): ConfigProblem[] {
  const problems: ConfigProblem[] = []
  // Only listeners of one port can meet: a thousand services are not compared with each other.
  const seenByPort = new Map<number, PlacedListener[]>()
  for (const listener of allListeners(config)) {
    const { port } = listener.address
    const seen = seenByPort.get(port) ?? []
    const other = seen.find((earlier) => listenersOverlap(listener, earlier))
    if (other !== undefined) problems.push(overlap(listener, other, source))
    if (seen.push(listener) === 1) seenByPort.set(port, seen)
  }
  return problems
}

function allListeners(config: Config): PlacedListener[] {
  const listeners: PlacedListener[] = config.services.flatMap((service, i) =>
    service.listen.map(({ address, dualStack }, j) => ({ address, dualStack, path: ['services', i, 'listen', j] })),
  )
  if (config.admin.listen === 'off') return listeners
  return [{ address: config.admin.listen, dualStack: false, path: ['admin', 'listen'] }, ...listeners]
}

function overlap(listener: PlacedListener, other: PlacedListener, source: ConfigSource): ConfigProblem {
  const text = other.dualStack ? `*:${other.address.port}` : formatSocketAddress(other.address)
  const isSame = listener.dualStack === other.dualStack && listener.address.address === other.address.address
  const says = isSame ? 'is already taken by' : `overlaps ${text} of`
  const message = `${says} ${where(other, source)}; a connection can go to one of them only`
  return source.problem('E_CONFIG_LISTEN_OVERLAP', listener.path, message)
}

function where(listener: PlacedListener, source: ConfigSource): string {
  const { key, line } = source.place(listener.path)
  // The admin endpoint listens by default: its key need not be in the file.
  return listener.path[0] === 'admin' ? 'admin.listen' : `${key} (line ${line})`
}

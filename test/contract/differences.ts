/**
 * Where the engines may differ, and why. A test that does not hold for an engine asks this table; what is not
 * listed here must be the same on both.
 */
import type { EngineName } from '../harness/engines.ts'

interface Difference {
  readonly engine: EngineName
  readonly reason: string
}

const DIFFERENCES = {
  'socket-options': {
    engine: 'node',
    reason: 'node:net offers no setsockopt beyond keepalive and TCP_NODELAY',
  },
  'user-timeout': {
    engine: 'node',
    reason: 'node:net can not set TCP_USER_TIMEOUT; keepalive and idleTimeout still end lost connections',
  },
  'source-port-reuse': {
    engine: 'node',
    reason: 'node:net binds the local address before connect and takes a port of its own (no IP_BIND_ADDRESS_NO_PORT)',
  },
  'answer-behind-failed-write': {
    engine: 'node',
    reason: 'node:net destroys a socket when a write to it fails, with what it had received and nobody had read',
  },
  drop: {
    engine: 'node',
    reason: 'node:net can not set TCP_REPAIR, nor the TTL of a connection: a dropped client gets a reset',
  },
  'tcp-info': {
    engine: 'node',
    reason: 'node:net gives no TCP_INFO: RTTs and retransmits are null in the log',
  },
  'acknowledged-bytes': {
    engine: 'node',
    reason:
      'node:net tells when the kernel took bytes, not when the client acknowledged them: what fits into its buffer is not judged by slowRead, and a slow reader shows no progress while that empties',
  },
} as const satisfies Record<string, Difference>

export type Behaviour = keyof typeof DIFFERENCES

/** The reason to skip a test of this behaviour on this engine; false where it must hold. */
export function differs(behaviour: Behaviour, engine: EngineName): string | false {
  const difference: Difference = DIFFERENCES[behaviour]
  return difference.engine === engine ? difference.reason : false
}

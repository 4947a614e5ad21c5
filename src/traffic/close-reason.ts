/** Why a connection ended. Used by the log, the metrics, the dashboard and docs/close-reasons.md. */
export const CLOSE_REASONS = {
  'client-closed': 'The client finished first, and both directions were delivered to the end.',
  'upstream-closed': 'The upstream finished first, and both directions were delivered to the end.',
  'client-reset': 'The client reset the connection; the upstream got a reset after what the client had sent.',
  'upstream-reset': 'The upstream reset the connection; the client got a reset after what the upstream had sent.',
  'client-lost':
    'The client stopped answering: keepalive or userTimeout ran out, or the network says it is unreachable.',
  'upstream-lost':
    'The upstream stopped answering: keepalive or userTimeout ran out, or the network says it is unreachable.',
  'client-left': 'The client left before an upstream was connected.',
  'upstream-unreachable': 'No upstream accepted the connection; the attempts and their errors are in the log line.',
  'upstreams-full': 'Every upstream that could be used had its maxConnections.',
  'upstream-down':
    'The upstream went down, by an operator or by its checks, and onDown is close; both sides got a reset.',
  'queue-full': 'Every place was taken, and so was every place in the queue, when an admitted client had to wait.',
  'queue-client-full': "Every place was taken, and the client's address had perClient places in the queue already.",
  'queue-timeout': 'Every place was taken, and none came free within the timeout of the queue.',
  'service-full':
    "The service's maxConnections was reached when the client's first byte came, as dialOn is first-byte.",
  'no-source-port': 'No local port was free to connect to an upstream; see `tidegate doctor` and sourceAddresses.',
  'proxy-header-invalid': 'A PROXY header was required and what came is not a valid one.',
  'proxy-header-timeout': 'A PROXY header was required and was not complete in time.',
  'first-byte-timeout': 'Neither the client nor the upstream sent a byte within firstByteTimeout.',
  'slow-send': 'The client went on sending, and brought fewer than slowSend.bytes within slowSend.within.',
  'slow-read': 'The client had bytes to take, and acknowledged fewer than slowRead.bytes within slowRead.within.',
  'tiny-segments': 'The client sent more, and smaller, segments than tinySegments allows.',
  'idle-timeout': 'No byte moved for idleTimeout.',
  'overload-idle': 'The node was overloaded, and no byte moved for what that left of idleTimeout or firstByteTimeout.',
  'made-way':
    'Every place was taken, the client had not said a byte for makeWay.after, and a new client got its place.',
  'half-closed-timeout': 'One side had finished, and no byte moved the other way for halfClosedTimeout.',
  lifetime: 'The connection was open for maxLifetime.',
  'refused-ceiling': 'maxConnections was reached; the client was refused before anything was allocated.',
  'refused-overload':
    'Only the reserve of the node was left, or it was at its last level of overload, and the client was not known.',
  'refused-service-ceiling':
    "The service's maxConnections was reached; the client was refused before anything was allocated.",
  'refused-queue-full': 'The queue of the service was full; the client was refused before anything was allocated.',
  'refused-ban': 'The client address, or a network around it, is banned; it was refused before anything was allocated.',
  'refused-deny-list':
    'A deny list names the client address, or a network around it; it was refused before anything was allocated.',
  'refused-address-connections': "The client's address had protect.perAddress.connections open already.",
  'refused-address-rate': "The client's address opened connections faster than protect.perAddress.rate.",
  'refused-prefix-connections': "The client's /24, of IPv6 the /48, had protect.perPrefix.connections open already.",
  'refused-prefix-rate': "The client's /24, of IPv6 the /48, opened connections faster than protect.perPrefix.rate.",
  'refused-asn-connections':
    "The client's AS had perAsn.connections open; the client was refused before anything was allocated.",
  'refused-asn-rate':
    "The client's AS opened connections faster than perAsn.rate; the client was refused before anything was allocated.",
  'refused-service-rate': 'The service got new connections faster than protect.newConnections.rate.',
  'refused-country':
    "The service does not take clients from the address's country; it was refused before anything was allocated.",
  'refused-asn':
    "The service does not take clients from the address's AS; it was refused before anything was allocated.",
  'refused-attack':
    'The service was under attack, and the client, which is not known from before, went beyond a budget of protect.attack.',
  banned: 'The client address was banned while the connection was open; both sides got a reset.',
  'operator-closed': 'An operator ended the connection; both sides got a reset.',
  'out-of-memory': 'The kernel or the buffer pool had no memory for the connection.',
  drained: 'Tidegate stopped, and the connection was still open after drainTimeout.',
  'internal-error': 'Tidegate met a state it does not expect; the error is in the log. Please report it.',
} as const

export type CloseReason = keyof typeof CLOSE_REASONS

/** On the hot path a reason is its place in this list. */
export const CLOSE_REASON_NAMES = Object.keys(CLOSE_REASONS) as readonly CloseReason[]

export const CLOSE_REASON_CODES = Object.fromEntries(CLOSE_REASON_NAMES.map((name, code) => [name, code])) as Readonly<
  Record<CloseReason, number>
>

/** The connection of one attempt: TCP, then a PROXY header, then TLS, each where it is asked for. */
import { connect, isIP, type LookupFunction, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { socketAddress } from '../../lib/ip.ts'
import { encodeV1, encodeV2 } from '../../lib/proxy-protocol/encode-any.ts'
import { certificateNameOf, type CheckPlan, type Destination } from './check-target.ts'

/** What an attempt is waiting for, for who has to say why it took too long. */
export interface Progress {
  waitsFor: 'connection' | 'TLS handshake' | 'answer' | 'end of the body' | 'close'
}

/** Rejects when `signal` aborts, and destroys what was opened. */
export async function openCheckConnection(
  plan: CheckPlan,
  destination: Destination,
  lookup: LookupFunction,
  progress: Progress,
  signal: AbortSignal,
): Promise<Socket> {
  const socket = openSocket(destination, lookup)
  destroyOnAbort(socket, signal)
  await settled(socket, 'connect')
  if (hasMetItself(socket)) throw Object.assign(new Error('nobody listens'), { code: 'ECONNREFUSED' })
  const header = proxyHeader(plan, socket)
  if (header !== undefined) socket.write(header)
  if (plan.check.type === 'tcp' || !plan.url.isHttps) return socket
  progress.waitsFor = 'TLS handshake'
  const secure = startTls(plan, socket)
  destroyOnAbort(secure, signal)
  await settled(secure, 'secureConnect')
  return secure
}

function openSocket(destination: Destination, lookup: LookupFunction): Socket {
  if (destination.kind === 'hostname') {
    return connect({ host: destination.host, port: destination.port, lookup, noDelay: true })
  }
  const { address, localAddress } = destination
  return connect({
    host: address.address,
    port: address.port,
    noDelay: true,
    ...(localAddress === undefined ? {} : { localAddress }),
  })
}

/** An `error` that comes when nobody waits any more must not end the daemon. */
function destroyOnAbort(socket: Socket, signal: AbortSignal): void {
  socket.on('error', () => {})
  if (signal.aborted) socket.destroy(signal.reason)
  else signal.addEventListener('abort', () => socket.destroy(signal.reason), { once: true })
}

function settled(socket: Socket, event: 'connect' | 'secureConnect'): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once(event, () => resolve())
    socket.once('error', reject)
    socket.once('close', () => reject(Object.assign(new Error('closed'), { code: 'ECONNRESET' })))
  })
}

/** On our own machine a connect may be given the port it goes to as its own, and end in itself [RFC 9293 3.5]. */
function hasMetItself({ localAddress, localPort, remoteAddress, remotePort }: Socket): boolean {
  return localPort === remotePort && localAddress === remoteAddress
}

/** v2 says LOCAL: the connection is ours, not a client's. v1 has no such word, so it says what is true of this one. */
function proxyHeader({ check }: CheckPlan, socket: Socket): Uint8Array | undefined {
  if (check.sendProxy === 'off') return undefined
  if (check.sendProxy === 'v2') return encodeV2({ command: 'local' })
  const source = socketAddress(socket.localAddress ?? '', socket.localPort ?? 0)
  const destination = socketAddress(socket.remoteAddress ?? '', socket.remotePort ?? 0)
  return encodeV1(source === undefined || destination === undefined ? undefined : { source, destination })
}

function startTls(plan: CheckPlan, socket: Socket): TLSSocket {
  const name = certificateNameOf(plan)
  const { verify, ca } = plan.check.tls
  return connectTls({
    socket,
    // What the certificate is compared with; an IP address is never sent as a name [RFC 6066 3].
    host: name,
    ...(isIP(name) === 0 ? { servername: name } : {}),
    ...(ca === undefined ? {} : { ca }),
    rejectUnauthorized: verify,
    ALPNProtocols: ['http/1.1'],
  })
}

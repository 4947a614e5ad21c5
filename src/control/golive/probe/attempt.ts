/** One short connection to an upstream: a header or none, a few words or none, and what came back. */
import { connect, isIP, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import { socketAddress } from '../../../lib/ip.ts'
import { encodeV1, encodeV2 } from '../../../lib/proxy-protocol/encode-any.ts'

export type ProbeHeader = 'none' | 'v1' | 'v2'
/** What is said behind the header. */
export type ProbeWords = 'nothing' | 'tls' | 'http'

export type ProbeSight =
  /** The other side said something; `as` is what it looks like. */
  | {
      readonly kind: 'bytes'
      readonly as: 'tls' | 'tls-alert' | 'http' | 'other'
      readonly httpStatus?: number
      /** The first of it, with dots for what is no letter; attackers or servers chose it. */
      readonly text: string
    }
  | { readonly kind: 'closed' | 'reset' | 'silent' }
  /** There was no connection; `code` as in ECONNREFUSED, or TIMEOUT. */
  | { readonly kind: 'unreachable'; readonly code: string }

export interface ProbeAttempt {
  readonly header: ProbeHeader
  readonly said: ProbeWords
  readonly saw: ProbeSight
  /** Until the connection stood; absent where it never did. */
  readonly connectMs?: number
  /** From then until something was seen. */
  readonly answerMs?: number
}

export interface ProbeTarget {
  /** An IP address. */
  readonly address: string
  readonly port: number
  /** The name it goes by, for SNI and Host; the address where there is none. */
  readonly name: string
}

export interface ProbeTimes {
  readonly connectTimeoutMs: number
  readonly answerTimeoutMs: number
}

/** Enough to tell TLS from HTTP and to see a status. */
const SEEN_BYTES_MIN = 16
const SEEN_BYTES_SHOWN = 60

export async function attempt(
  target: ProbeTarget,
  header: ProbeHeader,
  said: ProbeWords,
  times: ProbeTimes,
): Promise<ProbeAttempt> {
  const begunAt = performance.now()
  const socket = connect({ host: target.address, port: target.port, noDelay: true, allowHalfOpen: true })
  try {
    const problem = await connected(socket, times.connectTimeoutMs)
    // It was there, and ended at once.
    if (problem === 'ECONNRESET') return { header, said, saw: { kind: 'reset' } }
    if (problem !== undefined) return { header, said, saw: { kind: 'unreachable', code: problem } }
    const connectedAt = performance.now()
    const seen = look(socket, times.answerTimeoutMs)
    const bytes = Buffer.concat([headerBytes(header, socket), wordBytes(said, target)])
    if (bytes.length > 0) socket.write(bytes)
    const saw = await seen
    const answerMs = Math.round(performance.now() - connectedAt)
    return { header, said, saw, connectMs: Math.round((connectedAt - begunAt) * 10) / 10, answerMs }
  } finally {
    // A reset: the upstream need not wait for words that never come. A socket that is still connecting would wait
    // for its connection, to reset that.
    if (socket.connecting) socket.destroy()
    else socket.resetAndDestroy()
  }
}

/** Undefined, or why there is no connection. */
function connected(socket: Socket, timeoutMs: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve('TIMEOUT'), timeoutMs)
    const settle = (problem: string | undefined): void => {
      clearTimeout(timer)
      resolve(problem)
    }
    socket.once('error', (error: NodeJS.ErrnoException) => settle(error.code ?? 'ERROR'))
    socket.once('connect', () => {
      // On our own machine a connect may be given the port it goes to as its own, and end in itself [RFC 9293 3.5].
      const hasMetItself = socket.localPort === socket.remotePort && socket.localAddress === socket.remoteAddress
      settle(hasMetItself ? 'ECONNREFUSED' : undefined)
    })
  })
}

function look(socket: Socket, timeoutMs: number): Promise<ProbeSight> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let bytes = 0
    const settle = (otherwise: 'closed' | 'reset' | 'silent'): void => {
      clearTimeout(timer)
      resolve(bytes === 0 ? { kind: otherwise } : readSight(Buffer.concat(chunks)))
    }
    const timer = setTimeout(() => settle('silent'), timeoutMs)
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      bytes += chunk.length
      if (bytes >= SEEN_BYTES_MIN) settle('silent')
    })
    socket.on('end', () => settle('closed'))
    socket.on('error', () => settle('reset'))
    socket.on('close', () => settle('closed'))
  })
}

/** TLS records begin with their kind and version 3 [RFC 8446 5.1]. */
function readSight(bytes: Buffer): ProbeSight {
  const text = bytes.toString('latin1', 0, SEEN_BYTES_SHOWN).replace(/[^\x20-\x7e]/g, '.')
  const status = /^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1]
  if (status !== undefined) return { kind: 'bytes', as: 'http', httpStatus: Number(status), text }
  if (bytes[1] !== 3) return { kind: 'bytes', as: 'other', text }
  if (bytes[0] === 22) return { kind: 'bytes', as: 'tls', text }
  return { kind: 'bytes', as: bytes[0] === 21 ? 'tls-alert' : 'other', text }
}

/** What Tidegate would send for a client that is this machine. */
function headerBytes(header: ProbeHeader, socket: Socket): Uint8Array {
  if (header === 'none') return new Uint8Array(0)
  const source = socketAddress(socket.localAddress ?? '', socket.localPort ?? 0)
  const destination = socketAddress(socket.remoteAddress ?? '', socket.remotePort ?? 0)
  const addresses = source === undefined || destination === undefined ? undefined : { source, destination }
  if (header === 'v1') return encodeV1(addresses)
  return encodeV2(addresses === undefined ? { command: 'local' } : { command: 'proxy', addresses })
}

function wordBytes(said: ProbeWords, { name, address }: ProbeTarget): Uint8Array {
  if (said === 'nothing') return new Uint8Array(0)
  if (said === 'tls') return clientHello(name)
  const host = isIP(name) === 6 ? `[${name}]` : name
  return Buffer.from(
    `GET / HTTP/1.1\r\nHost: ${host || address}\r\nUser-Agent: tidegate-probe\r\nConnection: close\r\n\r\n`,
  )
}

/** The first record that Node's own TLS would send. */
function clientHello(name: string): Uint8Array {
  let hello: Buffer = Buffer.alloc(0)
  const wire = new Duplex({
    read: () => {},
    write: (chunk: Buffer, _, done) => {
      hello = Buffer.concat([hello, chunk])
      done()
    },
  })
  const secure = connectTls({
    socket: wire,
    ...(isIP(name) === 0 ? { servername: name } : {}),
    rejectUnauthorized: false,
  })
  secure.on('error', () => {})
  secure.destroy()
  return hello
}

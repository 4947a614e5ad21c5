/**
 * `node through-changes.ts '{…}'`, with a message channel: clients that go on while a proxy is changed. Long streams say
 * something every so often and check the echo; new connections come at a steady rate, say something, and leave. Says
 * `ready` when the streams are open, and on `stop` what became of everybody.
 */
import { connect, type Socket } from 'node:net'

export interface ThroughChangesLoad {
  readonly port: number
  readonly streams: number
  readonly connectionsPerSecond: number
}

export interface ThroughChangesReport {
  readonly kind: 'report'
  readonly connections: number
  readonly failedConnections: number
  readonly brokenStreams: number
  /** How often each error or wrong end was seen. */
  readonly errors: Readonly<Record<string, number>>
  readonly milliseconds: number
}

export type ThroughChangesMessage = { readonly kind: 'ready' } | ThroughChangesReport

const load = JSON.parse(process.argv[2]) as ThroughChangesLoad
const STREAM_EVERY_MS = 200
const TICK_MS = 10
/** Retransmitted SYNs come after 1 and 3 s; who waits longer has failed. */
const PATIENCE_MS = 5_000

let isStopping = false
let underWay = 0
let connections = 0
let failedConnections = 0
const broken = new Set<Socket>()
const errors: Record<string, number> = {}

function count(error: string): void {
  errors[error] = (errors[error] ?? 0) + 1
}

/** Answers come back as they went. Resolves with the socket once the first has. */
function openStream(index: number): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>()
  const socket = connect({ host: '127.0.0.1', port: load.port, noDelay: true })
  let sent = 0
  let received = 0
  const breakOff = (why: string): void => {
    if (isStopping || broken.has(socket)) return
    broken.add(socket)
    count(`stream: ${why}`)
    reject(new Error(why))
  }
  const say = (): void => {
    if (!socket.destroyed) socket.write(Buffer.from([index & 0xff, sent++ & 0xff]))
  }
  socket.on('connect', () => {
    say()
    setInterval(say, STREAM_EVERY_MS).unref()
  })
  socket.on('data', (bytes: Buffer) => {
    for (const byte of bytes) {
      const expected = received % 2 === 0 ? index & 0xff : (received >> 1) & 0xff
      if (byte !== expected) breakOff('wrong byte')
      received++
    }
    if (received >= 2) resolve(socket)
  })
  socket.on('error', (error: NodeJS.ErrnoException) => breakOff(error.code ?? error.message))
  socket.on('close', () => breakOff('closed'))
  return promise
}

function visit(): void {
  connections++
  underWay++
  const socket = connect({ host: '127.0.0.1', port: load.port, noDelay: true }, () => socket.write('hello'))
  let received = ''
  let why = ''
  socket.setTimeout(PATIENCE_MS, () => {
    why = 'no answer in time'
    socket.destroy()
  })
  socket.on('data', (bytes: Buffer) => {
    received += bytes.toString()
    if (received.length >= 5) socket.end()
  })
  socket.on('error', (error: NodeJS.ErrnoException) => (why = error.code ?? error.message))
  socket.on('close', () => {
    underWay--
    if (received === 'hello' && why === '') return
    failedConnections++
    count(`connection: ${why || `ended after ${received.length} of 5 bytes`}`)
  })
}

/** As many as are due by now: a tick that comes late is made up for. */
function visitSteadily(startedMs: number): void {
  const timer = setInterval(() => {
    if (isStopping) return clearInterval(timer)
    const due = ((performance.now() - startedMs) * load.connectionsPerSecond) / 1000
    while (connections < due) visit()
  }, TICK_MS)
}

const streams = Promise.all(Array.from({ length: load.streams }, (_, i) => openStream(i)))
await streams
const startedMs = performance.now()
visitSteadily(startedMs)
process.send?.({ kind: 'ready' })

process.once('message', () => {
  const milliseconds = performance.now() - startedMs
  isStopping = true
  const deadlineMs = performance.now() + PATIENCE_MS
  const timer = setInterval(() => {
    if (underWay > 0 && performance.now() < deadlineMs) return
    clearInterval(timer)
    const report: ThroughChangesReport = {
      kind: 'report',
      connections,
      failedConnections: failedConnections + underWay,
      brokenStreams: broken.size,
      errors,
      milliseconds,
    }
    process.send?.(report, undefined, undefined, () => process.exit(0))
  }, TICK_MS)
})

/**
 * Peers in a process of their own, for loads that would make the test's process the slowest part. Started by
 * `startLoadPeer`; told what to be by its arguments, answers over IPC.
 *
 *   echo      sends back what comes
 *   push      sends without end, as fast as it is taken, and reads nothing
 *   hold N    opens N connections to ADDRESS, moves BYTES through each (an echo), keeps them open; 'close' ends them
 *   rounds    on 'run', moves ROUNDS echoes through each of N kept connections and answers with the ms it took
 */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { streamBytes } from './test-stream.ts'

export type LoadCommand = { readonly kind: 'run'; readonly rounds: number } | { readonly kind: 'close' }
export type LoadReport =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'held'; readonly connections: number; readonly wrong: number }
  | { readonly kind: 'ran'; readonly ms: number; readonly echoes: number }
  | { readonly kind: 'failed'; readonly message: string }

const [role, ...words] = process.argv.slice(2)

function report(message: LoadReport): void {
  process.send?.(message)
}

function serve(onConnection: (socket: Socket) => void): void {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    socket.on('error', () => socket.destroy())
    onConnection(socket)
  })
  server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => {
    report({ kind: 'listening', port: (server.address() as AddressInfo).port })
  })
}

function echo(socket: Socket): void {
  socket.pipe(socket)
}

function push(socket: Socket): void {
  socket.pause()
  const piece = streamBytes(1, 0, 256 * 1024)
  const more = (): void => {
    while (!socket.destroyed && socket.write(piece));
  }
  socket.on('drain', more)
  more()
}

async function hold(host: string, port: number, count: number, bytes: number): Promise<Socket[]> {
  const sockets: Socket[] = []
  let wrong = 0
  // In batches: more connects at once than the listener's backlog would wait a second for a second SYN.
  for (let from = 0; from < count; from += 200) {
    const batch = Array.from({ length: Math.min(200, count - from) }, (_, i) => openOne(host, port, from + i, bytes))
    for (const { socket, right } of await Promise.all(batch)) {
      sockets.push(socket)
      if (!right) wrong++
    }
  }
  report({ kind: 'held', connections: sockets.length, wrong })
  return sockets
}

/** A connection whose `bytes` came back; `right` says whether they are the same. */
function openOne(host: string, port: number, seed: number, bytes: number): Promise<{ socket: Socket; right: boolean }> {
  return new Promise((resolve, reject) => {
    const sent = streamBytes(seed, 0, bytes)
    const socket = connect({ host, port, noDelay: true }, () => socket.write(sent))
    let received: Buffer = Buffer.alloc(0)
    socket.on('error', reject)
    socket.on('data', (chunk: Buffer) => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk])
      if (received.length >= bytes) resolve({ socket, right: received.equals(sent) })
    })
    socket.on('close', () => reject(new Error(`connection ${seed} ended after ${received.length} of ${bytes} bytes`)))
  })
}

/** Request, answer, request, …: each connection waits for its echo before it asks again. */
function runRounds(sockets: readonly Socket[], rounds: number, bytes: number): Promise<number> {
  const startedMs = performance.now()
  const message = streamBytes(9, 0, bytes)
  const one = (socket: Socket): Promise<void> =>
    new Promise((resolve) => {
      let left = rounds
      let missing = bytes
      socket.removeAllListeners('data')
      socket.on('data', (chunk: Buffer) => {
        missing -= chunk.length
        if (missing > 0) return
        if (--left === 0) return resolve()
        missing = bytes
        socket.write(message)
      })
      socket.write(message)
    })
  return Promise.all(sockets.map(one)).then(() => performance.now() - startedMs)
}

async function client(): Promise<void> {
  const [host, port, count, bytes] = [words[0], ...words.slice(1).map(Number)] as [string, number, number, number]
  const sockets = await hold(host, port, count, bytes)
  process.on('message', (command: LoadCommand) => {
    if (command.kind === 'close') {
      for (const socket of sockets) socket.removeAllListeners('close').destroy()
      process.disconnect()
      return
    }
    void runRounds(sockets, command.rounds, bytes).then((ms) => {
      report({ kind: 'ran', ms, echoes: command.rounds * sockets.length })
    })
  })
}

process.on('disconnect', () => process.exit(0))
if (role === 'echo') serve(echo)
else if (role === 'push') serve(push)
else if (role === 'hold') client().catch((error: Error) => report({ kind: 'failed', message: error.message }))
else throw new Error(`no role ${role}`)

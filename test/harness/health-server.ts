/** HTTP and HTTPS servers as targets of checks: what they answer can be changed, what they were asked is kept. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo, Server, Socket } from 'node:net'
import { StringDecoder } from 'node:string_decoder'
import { address, type Address } from './address.ts'
import { waitFor } from './deadline.ts'

export interface Asked {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  body: string
  readonly socket: Socket
}

export type Answer = (response: ServerResponse, asked: Asked) => void

export class HealthServer {
  readonly asked: Asked[] = []
  answer: Answer
  readonly address: Address
  readonly #server: Server
  readonly #sockets: Set<Socket>

  private constructor(server: Server, at: Address, answer: Answer, sockets: Set<Socket>) {
    this.#server = server
    this.address = at
    this.answer = answer
    this.#sockets = sockets
  }

  static async listen(
    answer: Answer = status(200),
    options: { tls?: { cert: string; key: string }; host?: string; port?: number } = {},
  ): Promise<HealthServer> {
    const sockets = new Set<Socket>()
    const listener: RequestListener = (request, response) => own.take(request, response)
    const server = options.tls === undefined ? createServer(listener) : createSecureServer(options.tls, listener)
    server.on('connection', (socket: Socket) => {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => sockets.delete(socket))
    })
    server.on('tlsClientError', () => {})
    server.listen(options.port ?? 0, options.host ?? '127.0.0.1')
    await once(server, 'listening')
    const { address: host, port } = server.address() as AddressInfo
    const own = new HealthServer(server, address(host, port), answer, sockets)
    return own
  }

  take(request: IncomingMessage, response: ServerResponse): void {
    const { method = '', url = '', headers, socket } = request
    const asked: Asked = { method, path: url, headers, body: '', socket }
    const decoder = new StringDecoder('utf8')
    request.on('data', (chunk: Buffer) => (asked.body += decoder.write(chunk)))
    request.on('error', () => {})
    request.on('end', () => {
      this.asked.push(asked)
      this.answer(response, asked)
    })
  }

  get openConnections(): number {
    return this.#sockets.size
  }

  close(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }
}

export function status(code: number, body = 'ok\n'): Answer {
  return (response) => {
    response.statusCode = code
    response.end(body)
  }
}

/** Says its name to whoever asks by HTTP, and everything else back. */
const SERVER_SCRIPT = `
  const [name, host, port] = process.argv.slice(1)
  const http = require('node:http').createServer((request, response) => response.end(name))
  const server = require('node:net').createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    socket.on('error', () => socket.destroy())
    socket.once('data', (first) => {
      socket.pause()
      socket.unshift(first)
      if (first.toString('latin1').startsWith('GET ')) http.emit('connection', socket)
      else socket.pipe(socket)
      socket.resume()
    })
  })
  server.listen(Number(port), host, () => console.log(server.address().port))`

/** A server in a process of its own, that can be frozen and killed. */
export class FreezableServer {
  readonly address: Address
  readonly #child: ChildProcess

  private constructor(child: ChildProcess, at: Address) {
    this.#child = child
    this.address = at
  }

  static async start(
    name = 'ok',
    { host = '127.0.0.1', port = 0 }: { host?: string; port?: number } = {},
  ): Promise<FreezableServer> {
    const child = spawn(process.execPath, ['-e', SERVER_SCRIPT, name, host, String(port)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    running.add(child)
    child.once('exit', () => running.delete(child))
    const [line] = (await once(child.stdout, 'data')) as [Buffer]
    return new FreezableServer(child, address(host, Number(line.toString())))
  }

  /** When it returns the process stands still; its kernel goes on accepting connections. */
  async freeze(): Promise<void> {
    this.#child.kill('SIGSTOP')
    await waitFor('the server to stand still', () => {
      const stat = readFileSync(`/proc/${this.#child.pid}/stat`, 'utf8')
      return /^[Tt]/.test(stat.slice(stat.lastIndexOf(')') + 2))
    })
  }

  thaw(): void {
    this.#child.kill('SIGCONT')
  }

  /** SIGKILL; its sockets are closed when it is gone. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await gone
  }

  stop(): Promise<void> {
    return this.kill()
  }
}

/** A test that dies must not leave servers behind. */
const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

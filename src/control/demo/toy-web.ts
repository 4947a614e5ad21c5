/** A toy HTTP server that says what it was asked, and by which connection. */
import { createServer, type RequestListener } from 'node:http'
import type { Server } from 'node:net'

export function toyWeb(name: string): Server {
  const answer: RequestListener = (request, response) => {
    const { remoteAddress, remotePort } = request.socket
    response.setHeader('content-type', 'text/plain; charset=utf-8')
    response.end(
      `Hello from the toy upstream "${name}".\n` +
        `You asked for ${request.method} ${request.url}\n` +
        `I see a connection from ${remoteAddress}:${remotePort}: that is Tidegate, not you.\n`,
    )
  }
  return createServer(answer)
}

/** A toy HTTP server behind the PROXY protocol: its answer shows the header that it got. */
import { createServer as createHttpServer } from 'node:http'
import { createServer, type Server, type Socket } from 'node:net'
import { formatIp } from '../../lib/ip.ts'
import { decodeProxyHeader, DECODED_HEADER_BYTES_MAX } from '../../lib/proxy-protocol/decode.ts'
import type { ProxyHeader, ProxyHeaderAddress } from '../../lib/proxy-protocol/decoded.ts'
import { TLV_TYPES } from '../../lib/proxy-protocol/tlv.ts'

export function toyProxyReader(name: string): Server {
  const textBySocket = new WeakMap<Socket, string>()
  const http = createHttpServer((request, response) => {
    response.setHeader('content-type', 'text/plain; charset=utf-8')
    response.end(`Hello from the toy upstream "${name}".\n${textBySocket.get(request.socket) ?? ''}`)
  })
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    readHeader(socket, (header, rest) => {
      textBySocket.set(socket, headerText(header))
      if (rest.length > 0) socket.unshift(rest)
      http.emit('connection', socket)
      // It was paused when the header was complete; HTTP reads what came behind it now.
      socket.resume()
    })
  })
  server.on('close', () => http.closeAllConnections())
  return server
}

/** Hands over the header and what came behind it; anything but a header ends the connection. */
function readHeader(socket: Socket, take: (header: ProxyHeader, rest: Buffer) => void): void {
  let got = Buffer.alloc(0)
  const onData = (chunk: Buffer): void => {
    got = Buffer.concat([got, chunk])
    const header = decodeProxyHeader(got, 0, Math.min(got.length, DECODED_HEADER_BYTES_MAX))
    if (header.kind === 'need-more') return
    socket.off('data', onData)
    if (header.kind === 'invalid') socket.destroy()
    else {
      socket.pause()
      take(header, got.subarray(header.headerBytes))
    }
  }
  socket.on('data', onData)
}

function headerText(header: ProxyHeader): string {
  const { version, addresses, tlvs, isCrc32cVerified } = header
  if (addresses === undefined) return `A PROXY header of version ${version} came; it names nobody.\n`
  const uniqueId = tlvs.find(({ type }) => type === TLV_TYPES.uniqueId)?.value
  const lines = [
    `The PROXY header of version ${version} in front of this connection says:`,
    `  the client is     ${addressText(addresses.source)}`,
    `  it connected to   ${addressText(addresses.destination)}`,
    ...(uniqueId === undefined ? [] : [`  unique id         ${Buffer.from(uniqueId).toString('latin1')}`]),
    ...(isCrc32cVerified ? ['  checksum          right (CRC32C)'] : []),
  ]
  return `${lines.join('\n')}\n`
}

function addressText({ family, address, port }: ProxyHeaderAddress): string {
  return family === 4 ? `${formatIp(address)}:${port}` : `[${formatIp(address)}]:${port}`
}

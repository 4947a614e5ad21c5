import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { test } from 'node:test'
import { fdOf } from '../lib/server-fd.ts'
import { ffiProblem } from './limits.ts'

const skip = process.platform === 'linux' && ffiProblem() === undefined ? false : 'native calls do not work here'

const { AF, close, connect, SOCK, socket } = skip === false ? await import('./libc.ts') : ({} as never)
const { nativeSocketAddress } = skip === false ? await import('./socket-address.ts') : ({} as never)
const { TcpInfo } = skip === false ? await import('./tcp-info.ts') : ({} as never)

test('a listening socket tells how full its accept queue is', { skip }, async () => {
  const server = createServer((client) => client.destroy())
  server.listen({ host: '127.0.0.1', port: 0, backlog: 8 })
  await once(server, 'listening')
  const info = new TcpInfo()
  const share = (): number => {
    assert.ok(info.read(fdOf(server)))
    return info.acceptQueueShare
  }
  assert.equal(share(), 0)
  const { port } = server.address() as AddressInfo
  const target = nativeSocketAddress({ family: 4, address: '127.0.0.1', port })
  // All of it in one turn of the event loop: nobody is accepted meanwhile.
  const clients = Array.from({ length: 4 }, () => socket(AF.inet, SOCK.stream | SOCK.cloexec, 0))
  for (const fd of clients) assert.equal(connect(fd, target.at, target.bytes), 0)
  const filled = share()
  for (const fd of clients) close(fd)
  server.close()
  assert.equal(filled, 0.5)
})

import assert from 'node:assert/strict'
import { connect, type Server } from 'node:net'
import { after, describe, test } from 'node:test'
import { startDemo } from './demo.ts'
import { freePort, listenAnywhere, LOOPBACK } from './open-port.ts'
import { toyGreeter } from './toy-greeter.ts'
import { toyProxyReader } from './toy-proxy-reader.ts'

/** Sends, and returns all that came back as soon as it matches, or at the end. */
async function exchange(port: number, send: readonly string[], until?: RegExp): Promise<string> {
  const socket = connect(port, LOOPBACK).setEncoding('latin1')
  let got = ''
  for (const part of send) socket.write(part)
  for await (const text of socket) {
    got += text
    if (until?.test(got)) break
  }
  return got
}

describe('toys', () => {
  const open: Server[] = []
  after(() => open.forEach((server) => server.close()))
  const started = async (server: Server): Promise<number> => {
    open.push(server)
    return listenAnywhere(server)
  }

  test('the greeter speaks first and says lines back', async () => {
    const port = await started(toyGreeter())
    assert.match(await exchange(port, [], /\r\n/), /^220 /)
    assert.match(await exchange(port, ['hi\r\nQU', 'IT\r\n']), /250 You said: hi\r\n221 Goodbye/)
  })

  test('the PROXY reader shows the client of the header, whether the request comes with it or later', async () => {
    const port = await started(toyProxyReader('toy'))
    const header = 'PROXY TCP4 192.0.2.7 203.0.113.1 40000 443\r\n'
    const request = 'GET / HTTP/1.0\r\n\r\n'
    for (const send of [[header + request], [header.slice(0, 9), header.slice(9), request]]) {
      assert.match(
        await exchange(port, send),
        /the client is +192\.0\.2\.7:40000\n +it connected to +203\.0\.113\.1:443/,
      )
    }
  })

  test('the PROXY reader ends a connection without a header', async () => {
    const port = await started(toyProxyReader('toy'))
    assert.equal(await exchange(port, ['GET / HTTP/1.0\r\n\r\n']).catch(() => ''), '')
  })
})

test('a port in use is passed over', async () => {
  const { createServer } = await import('node:net')
  const server = createServer()
  const held = await listenAnywhere(server)
  assert.notEqual(await freePort(held), held)
  server.close()
})

test('the demo has a configuration that names every service it describes', async () => {
  const demo = await startDemo()
  assert.deepEqual(
    demo.config.services.map(({ name }) => name),
    demo.services.map(({ name }) => name),
  )
  assert.equal(demo.config.services[0].upstreams[0].name, 'switched-off')
  demo.close()
})

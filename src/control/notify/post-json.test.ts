import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { createServer as createSecureServer } from 'node:https'
import { once } from 'node:events'
import type { AddressInfo, Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, test } from 'node:test'
import { makeAuthority, makeCertificate } from '../../../test/harness/certificates.ts'
import { SharedLookup } from '../check/shared-lookup.ts'
import { postJson } from './post-json.ts'

describe('a POST', { timeout: 60_000 }, () => {
  const open: { close(): void }[] = []
  afterEach(() => open.splice(0).forEach((one) => one.close()))

  async function portOf(server: Server): Promise<number> {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    open.push(server)
    return (server.address() as AddressInfo).port
  }

  const post = (url: string, ca?: string, signal = new AbortController().signal) =>
    postJson({ url, body: '{}', ca, lookup: new SharedLookup().lookup, signal })

  /** A server that says these bytes to whoever asks, and then nothing more. */
  async function saying(...pieces: readonly string[]): Promise<string> {
    const server = createServer((socket) => {
      open.push({ close: () => void socket.destroy() })
      socket.on('error', () => {})
      socket.once('data', () => pieces.forEach((piece) => socket.write(piece)))
    })
    return `http://127.0.0.1:${await portOf(server)}/`
  }

  test('trusts the authorities it is given, for the name in the URL, and nobody else', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tidegate-post-'))
    const by = makeAuthority(folder, 'authority')
    const ca = readFileSync(by.file, 'utf8')
    const certificate = makeCertificate(folder, 'server', { names: 'DNS:localhost', by })
    const port = await portOf(createSecureServer(certificate, (_, response) => response.end()))
    rmSync(folder, { recursive: true })
    await post(`https://localhost:${port}/`, ca)
    await assert.rejects(post(`https://localhost:${port}/`), { message: /SELF_SIGNED|UNABLE_TO/ })
    await assert.rejects(post(`https://127.0.0.1:${port}/`, ca), { message: 'ERR_TLS_CERT_ALTNAME_INVALID' })
  })

  test('of an endless answer only the beginning is read', async () => {
    await post(await saying('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nx'))
    const url = await saying('HTTP/1.1 500 No\r\n\r\n', '\u001b[31mred '.repeat(1_000))
    await assert.rejects(post(url), (error: Error) => error.message.length < 300 && !error.message.includes('\u001b'))
  })

  test('an answer that never ends, or never begins, ends with the deadline', async () => {
    for (const said of ['', 'HTTP/1.1 500 No\r\ncontent-length: 10\r\n\r\nx', 'HTTP/1.1 200']) {
      const stop = new AbortController()
      const posted = post(await saying(said), undefined, stop.signal)
      setTimeout(() => stop.abort(), 20)
      await assert.rejects(posted, { name: 'SendError', message: 'no answer in time', isFinal: false })
    }
  })

  test('what is no HTTP, and a closed port, are failures that may pass', async () => {
    await assert.rejects(post(await saying('SSH-2.0-x\r\n')), { name: 'SendError', isFinal: false })
    const server = createServer()
    const port = await portOf(server)
    server.close()
    await assert.rejects(post(`http://127.0.0.1:${port}/`), { message: 'ECONNREFUSED', isFinal: false })
  })

  test('Retry-After is heard', async () => {
    const url = await saying('HTTP/1.1 429 Slow\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n')
    await assert.rejects(post(url), { isFinal: false, retryAfterMs: 7_000 })
  })
})

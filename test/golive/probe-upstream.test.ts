/** Asked for real: nginx and HAProxy with and without PROXY headers, and servers that behave badly. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { after, describe, test } from 'node:test'
import { createServer as createTlsServer } from 'node:tls'
import { probeUpstream } from '../../src/control/golive/probe/probe-upstream.ts'
import { decodeProxyHeader } from '../../src/lib/proxy-protocol/decode.ts'
import { makeCertificate } from '../harness/certificates.ts'
import { temporaryFolder } from '../harness/config.ts'
import { blackhole, prepareFirewall } from '../harness/own-network.ts'
import { freeAddress, missingTool, RealPeer } from '../harness/real-peer.ts'
import { closedAddress } from '../harness/upstream.ts'

const noFirewall = prepareFirewall()

/** For those that answer at all they answer at once; silence costs each of its attempts so long. */
const QUICK = { answerTimeoutMs: 300 }

describe('nginx', { skip: missingTool('nginx') }, () => {
  const running: RealPeer[] = []
  after(async () => {
    for (const peer of running) await peer.stop()
  })

  for (const [name, listen, mode, takes] of [
    ['without PROXY', '', 'raw', { none: 'yes', v1: 'no', v2: 'no' }],
    ['with proxy_protocol', 'proxy_protocol', 'proxy-v2', { none: 'no', v1: 'yes', v2: 'yes' }],
  ] as const) {
    test(name, async () => {
      const at = await freeAddress()
      const nginx = await RealPeer.nginx(
        `http { @TEMP@ access_log off; server { listen ${at.text} ${listen}; location / { return 200 "hello"; } } }`,
        [at],
      )
      running.push(nginx)
      const probe = await probeUpstream(at.text, QUICK)
      assert.equal(probe.mode, mode, JSON.stringify(probe, null, 1))
      assert.deepEqual(probe.takes, takes)
      assert.equal(probe.speaksFirst, false)
      assert.equal(probe.speaksTls, false)
      assert.ok(probe.attempts.length <= 9)
    })
  }
})

describe('HAProxy', { skip: missingTool('haproxy', 'openssl') }, () => {
  const running: RealPeer[] = []
  after(async () => {
    for (const peer of running) await peer.stop()
  })
  const folder = temporaryFolder()

  for (const [name, bind, mode, speaksTls] of [
    ['without PROXY', '', 'raw', false],
    ['with accept-proxy', 'accept-proxy', 'proxy-v2', false],
    ['with TLS', 'ssl crt @PEM@', 'raw', true],
    ['with TLS behind accept-proxy', 'accept-proxy ssl crt @PEM@', 'proxy-v2', true],
  ] as const) {
    test(name, async () => {
      const at = await freeAddress()
      const { cert, key } = makeCertificate(folder, `${running.length}`, { names: 'DNS:a.example' })
      writeFileSync(`${folder}/both.pem`, cert + key)
      const haproxy = await RealPeer.haproxy(
        `frontend in\n mode http\n bind ${at.text} ${bind.replace('@PEM@', `${folder}/both.pem`)}\n http-request return status 200 content-type text/plain string hi`,
        [at],
      )
      running.push(haproxy)
      const probe = await probeUpstream(at.text, QUICK)
      assert.equal(probe.mode, mode, JSON.stringify(probe, null, 1))
      assert.equal(probe.speaksTls, speaksTls)
      if (mode === 'proxy-v2') assert.deepEqual(probe.takes, { none: 'no', v1: 'yes', v2: 'yes' })
      else assert.deepEqual(probe.takes, { none: 'yes', v1: 'no', v2: 'no' })
    })
  }
})

describe('toys', () => {
  const servers: Server[] = []
  after(() => {
    for (const server of servers) server.close()
  })
  let connections = 0

  async function listen(onConnection: (socket: Socket) => void): Promise<string> {
    connections = 0
    const server = createServer((socket) => {
      connections++
      socket.on('error', () => {})
      onConnection(socket)
    })
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return `127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  test('one that speaks first needs one connection', async () => {
    const at = await listen((socket) => socket.write('220 mail.example ESMTP\r\n'))
    const probe = await probeUpstream(at, QUICK)
    assert.deepEqual([probe.mode, probe.speaksFirst, probe.speaksTls], ['raw', true, false])
    assert.equal(connections, 1)
    const [{ saw }] = probe.attempts
    assert.equal(saw.kind === 'bytes' && saw.text, '220 mail.example ESMTP..')
    assert.ok(probe.connectMs !== undefined)
  })

  for (const version of ['v1', 'v2'] as const) {
    test(`one that speaks first behind PROXY ${version} only`, async () => {
      const at = await listen((socket) => {
        let bytes = Buffer.alloc(0)
        socket.on('data', (chunk) => {
          bytes = Buffer.concat([bytes, chunk])
          const isV1 = bytes.subarray(0, 6).toString() === 'PROXY '
          const decoded = decodeProxyHeader(bytes, 0, bytes.length)
          if (decoded.kind === 'header' && isV1 === (version === 'v1')) socket.write('220 ready when you are\r\n')
          else socket.destroy()
        })
      })
      const probe = await probeUpstream(at, QUICK)
      assert.deepEqual([probe.mode, probe.speaksFirst], [`proxy-${version}`, true], JSON.stringify(probe, null, 1))
      assert.equal(probe.takes.none, 'no')
      assert.equal(probe.takes[version], 'yes')
      assert.equal(probe.takes[version === 'v1' ? 'v2' : 'v1'], 'no')
    })
  }

  test('a silent one: nothing is claimed, in bounded time', async () => {
    const at = await listen((socket) => void socket.resume())
    const probe = await probeUpstream(at, { answerTimeoutMs: 50 })
    assert.equal(probe.mode, undefined)
    assert.deepEqual(probe.takes, { none: 'unknown', v1: 'unknown', v2: 'unknown' })
    assert.match(probe.sentence, /says nothing/)
    assert.ok(connections <= 9)
  })

  test('one that resets', async () => {
    const at = await listen((socket) => socket.resetAndDestroy())
    const probe = await probeUpstream(at, QUICK)
    assert.equal(probe.mode, undefined)
    assert.match(probe.sentence, /ends them without a word/)
    assert.ok(connections <= 9)
  })

  test('a line protocol that complains of whatever it does not know takes no header', async () => {
    const at = await listen((socket) => {
      socket.on('data', (chunk) => {
        if (chunk.includes('\n')) socket.end("-ERR unknown command 'x'\r\n")
      })
    })
    const probe = await probeUpstream(at, QUICK)
    assert.equal(probe.mode, 'raw', JSON.stringify(probe, null, 1))
    assert.deepEqual([probe.takes.v1, probe.takes.v2], ['no', 'no'])
  })

  test('TLS with and without a header', async () => {
    const { cert, key } = makeCertificate(temporaryFolder(), 'toy', { names: 'DNS:a.example' })
    const tls = createTlsServer({ cert, key })
    tls.on('tlsClientError', () => {})
    const at = await listen((socket) => {
      socket.once('data', (chunk) => {
        socket.pause()
        const decoded = decodeProxyHeader(chunk, 0, chunk.length)
        socket.unshift(decoded.kind === 'header' ? chunk.subarray(decoded.headerBytes) : chunk)
        tls.emit('connection', socket)
      })
    })
    const probe = await probeUpstream(at, QUICK)
    assert.deepEqual(probe.takes, { none: 'yes', v1: 'yes', v2: 'yes' }, JSON.stringify(probe, null, 1))
    assert.equal(probe.mode, 'proxy-v2')
    assert.match(probe.remedy ?? '', /may claim any client address/)
  })

  test('what it says cannot move a terminal', async () => {
    const at = await listen((socket) => socket.write('\x1b[2J\x07 hello \u0085 out there, everybody'))
    const probe = await probeUpstream(at, QUICK)
    // eslint-disable-next-line no-control-regex
    assert.doesNotMatch(JSON.stringify(probe), /\\u00|[\x00-\x1f\x7f-\x9f]/)
  })

  test('an address that does not answer is given up in time', { skip: noFirewall ?? false }, async () => {
    blackhole('127.0.0.7', 4444)
    const probe = await probeUpstream('127.0.0.7:4444', { connectTimeoutMs: 100 })
    assert.match(probe.sentence, /did not answer the connect/)
    assert.equal(probe.attempts.length, 1)
  })

  test('nobody there', async () => {
    const { text } = await closedAddress()
    const probe = await probeUpstream(text, QUICK)
    assert.equal(probe.connectMs, undefined)
    assert.match(probe.sentence, /refused/)
    assert.equal(probe.attempts.length, 1)
    await assert.rejects(probeUpstream('127.0.0.1'), /has no port/)
    await assert.rejects(probeUpstream('http://x/'), /is a URL/)
    assert.match((await probeUpstream('does-not-exist.invalid:1')).sentence, /has no address/)
  })
})

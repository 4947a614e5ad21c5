/** Programs that people use, through us: curl (HTTP, SMTP), openssl, wrk. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Address } from '../harness/address.ts'
import { temporaryFolder } from '../harness/config.ts'
import { Daemon } from '../harness/daemon.ts'
import { waitFor } from '../harness/deadline.ts'
import { forEachEngine } from '../harness/engines.ts'
import { enterOwnNetwork } from '../harness/own-network.ts'
import type { Peer } from '../harness/peer.ts'
import { readHeader } from '../harness/proxy-header.ts'
import { freeAddress, missingTool, RealPeer, runProgram } from '../harness/real-peer.ts'
import { wholeStream } from '../harness/test-stream.ts'
import { Upstream } from '../harness/upstream.ts'

enterOwnNetwork()

const LARGE = wholeStream(9, 60_000_000)

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

describe('curl and wrk with nginx behind us', { skip: missingTool('nginx', 'curl', 'wrk') }, () => {
  const folder = temporaryFolder()
  const uploads = join(folder, 'put')
  let nginx: RealPeer
  let at: Address

  before(async () => {
    at = await freeAddress()
    writeFileSync(join(folder, 'large'), LARGE)
    writeFileSync(join(folder, 'small'), 'hello\n')
    nginx = await RealPeer.nginx(
      `http { @TEMP@ access_log off; client_max_body_size 100m;
        server { listen ${at.text}; root ${folder};
          location /put/ { dav_methods PUT; create_full_put_path on; } } }`,
      [at],
    )
  })
  after(() => nginx?.stop())

  forEachEngine((engine) => {
    let daemon: Daemon

    before(async () => {
      daemon = await Daemon.start({ engine, services: [{ upstreams: [at.text] }] })
    })
    after(() => daemon.stop())

    function url(path: string): string {
      return `http://${daemon.addressOf().text}/${path}`
    }

    it('a 60 MB file arrives whole', async () => {
      const { code, stdout, stderr } = await runProgram('curl', ['-sS', url('large')])
      assert.equal(code, 0, stderr)
      assert.equal(sha256(stdout), sha256(LARGE))
    })

    it('a 60 MB file slowly read arrives whole', async () => {
      const { code, stdout, stderr } = await runProgram('curl', ['-sS', '--limit-rate', '40M', url('large')])
      assert.equal(code, 0, stderr)
      assert.equal(sha256(stdout), sha256(LARGE))
    })

    it('a 60 MB upload arrives whole', async () => {
      const { code, stderr } = await runProgram('curl', ['-sS', '-f', '-T', join(folder, 'large'), url('put/large')])
      assert.equal(code, 0, stderr)
      assert.equal(sha256(readFileSync(join(uploads, 'large'))), sha256(LARGE))
    })

    it('20 requests over one kept connection are one connection to us', async () => {
      const before = (await daemon.metrics()).sum('tidegate_connections_total')
      const { code, stdout, stderr } = await runProgram('curl', [
        '-sS',
        ...Array.from({ length: 20 }, () => url('small')),
      ])
      assert.equal(code, 0, stderr)
      assert.equal(stdout.toString(), 'hello\n'.repeat(20))
      assert.equal((await daemon.metrics()).sum('tidegate_connections_total'), before + 1)
    })

    it('wrk sees no error on kept or on new connections', async () => {
      for (const headers of [[], ['-H', 'Connection: close']]) {
        const { stdout } = await runProgram('wrk', ['-t1', '-c50', '-d2s', ...headers, url('small')])
        assert.doesNotMatch(stdout.toString(), /Socket errors|Non-2xx/)
        assert.match(stdout.toString(), /requests in/)
      }
    })
  })
})

describe('curl speaks SMTP to a server that greets first', { skip: missingTool('curl') }, () => {
  forEachEngine((engine) => {
    let mail: Upstream
    let daemon: Daemon
    /** What the server has got, by connection. */
    const messages: string[] = []

    before(async () => {
      mail = await Upstream.listen({ onConnection: (peer) => void serveMail(peer) })
      daemon = await Daemon.start({
        engine,
        services: (['raw', 'proxy-v1', 'proxy-v2'] as const).map((mode) => ({
          name: mode,
          mode,
          upstreams: [mail.address.text],
        })),
      })
    })
    after(async () => {
      mail.close()
      await daemon.stop()
    })

    /** As small as a mail server can be; one that expects a PROXY header reads it before it greets. */
    async function serveMail(peer: Peer): Promise<void> {
      let done = 0
      let inMessage = false
      if (expectsHeader) {
        const header = await waitFor('a PROXY header', () => readHeader(peer.received))
        headers.push(header.source)
        done = header.length
      }
      peer.socket.write('220 mail.example ESMTP\r\n')
      while (peer.endingNow === undefined) {
        const end = peer.received.indexOf('\r\n', done)
        if (end === -1) {
          await waitFor('more mail', () => peer.received.indexOf('\r\n', done) !== -1 || peer.endingNow !== undefined)
          continue
        }
        const line = peer.received.toString('latin1', done, end)
        done = end + 2
        if (inMessage && line !== '.') {
          messages.push(line)
          continue
        }
        inMessage = line === 'DATA'
        peer.socket.write(inMessage ? '354 go on\r\n' : line === 'QUIT' ? '221 bye\r\n' : '250 fine\r\n')
        if (line === 'QUIT') peer.finish()
      }
    }

    let expectsHeader = false
    const headers: string[] = []

    for (const mode of ['raw', 'proxy-v1', 'proxy-v2'] as const) {
      it(`${mode}: a mail goes through`, async () => {
        expectsHeader = mode !== 'raw'
        messages.length = 0
        headers.length = 0
        const args = [
          '-sS',
          `smtp://${daemon.addressOf(mode).text}`,
          '--mail-from',
          'a@example.org',
          '--mail-rcpt',
          'b@example.org',
          '-T',
          '-',
        ]
        const { code, stderr } = await runProgram('curl', args, 'Subject: through the gate\r\n\r\nhello\r\n')
        assert.equal(code, 0, stderr)
        assert.deepEqual(messages, ['Subject: through the gate', '', 'hello'])
        if (expectsHeader) assert.match(headers.join(), /^127\.0\.0\.1:\d+$/)
        await waitFor('the log line', () => daemon.connectionLines.some((line) => line.service === mode))
      })
    }
  })
})

describe('openssl s_client to s_server', { skip: missingTool('openssl') }, () => {
  const folder = temporaryFolder()
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')]
  let server: RealPeer
  let at: Address

  before(async () => {
    const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
    const made = await runProgram('openssl', [
      ...request,
      '-subj',
      '/CN=gate.example',
      '-keyout',
      key,
      '-out',
      certificate,
    ])
    assert.equal(made.code, 0, made.stderr)
    at = await freeAddress()
    // -rev: each line comes back reversed, so the answer is no echo by accident.
    server = await RealPeer.start(
      'openssl',
      ['s_server', '-accept', at.text, '-cert', certificate, '-key', key, '-rev'],
      [at],
    )
  })
  after(() => server?.stop())

  forEachEngine((engine) => {
    it('TLS goes through raw mode untouched', async () => {
      const daemon = await Daemon.start({ engine, services: [{ upstreams: [at.text] }] })
      const args = [
        's_client',
        '-connect',
        daemon.addressOf().text,
        '-CAfile',
        certificate,
        '-verify_return_error',
        '-quiet',
        '-no_ign_eof',
      ]
      const { stdout, stderr, code } = await runProgram('openssl', args, 'through the gate\nQ\n')
      assert.match(stdout.toString() + stderr, /etag eht hguorht|verify return:1/)
      assert.equal(code, 0, stderr)
      await daemon.stop()
    })

    it('TLS answers come back decrypted and right', async () => {
      const daemon = await Daemon.start({ engine, services: [{ upstreams: [at.text] }] })
      const { connect } = await import('node:tls')
      const socket = connect({
        host: daemon.addressOf().host,
        port: daemon.addressOf().port,
        ca: readFileSync(certificate),
        servername: 'gate.example',
      })
      let answer = ''
      socket.setEncoding('utf8').on('data', (text: string) => (answer += text))
      socket.write('through the gate\n')
      await waitFor('the reversed line', () => answer === 'etag eht hguorht\n')
      assert.equal(socket.authorized, true)
      socket.destroy()
      await daemon.stop()
    })
  })
})

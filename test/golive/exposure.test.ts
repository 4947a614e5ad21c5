/** What a stranger sees of ports that are open, refused, dropped and unreachable; and where the report goes. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { lookAtHost } from '../../src/control/golive/exposure/look-at-host.ts'
import { ExposureReport } from '../../src/control/golive/exposure/report.ts'
import { temporaryFolder } from '../harness/config.ts'
import { runTidegate } from '../harness/daemon.ts'
import { addUnreachableRoute, blackhole, prepareFirewall, refuse, unreachableHost } from '../harness/own-network.ts'

const skip = prepareFirewall() ?? false
const SILENT_PORT = 4444

describe('exposure', { skip }, () => {
  const server = createServer((socket) => socket.on('error', () => {}))
  let open: number

  before(async () => {
    server.listen(0, '0.0.0.0')
    await once(server, 'listening')
    open = (server.address() as AddressInfo).port
    blackhole('127.0.0.2', SILENT_PORT)
    refuse('127.0.0.2', 81)
    unreachableHost('127.0.0.3')
    addUnreachableRoute('198.51.100.0/24')
  })
  after(() => server.close())

  test('port by port: open, closed, filtered, unknown', async () => {
    const ports = [SILENT_PORT, 81, open]
    const report = await lookAtHost('127.0.0.2', { ports, timeoutMs: 100 })
    assert.deepEqual(
      new Map(report.ports.map(({ port, verdict }) => [port, verdict])),
      new Map([
        [81, 'closed'],
        [SILENT_PORT, 'filtered'],
        [open, 'open'],
      ]),
    )
    assert.deepEqual(ExposureReport.parse(JSON.parse(JSON.stringify(report))), report)
    assert.ok(report.ports.find(({ port }) => port === SILENT_PORT)!.ms >= 200, 'it is tried twice')
    assert.equal(report.from.length, 1)
    const far = await lookAtHost('127.0.0.3', { ports: [80], timeoutMs: 2_000 })
    assert.equal(far.ports[0].verdict, 'filtered')
    // No way from here is no firewall there.
    const noRoute = await lookAtHost('2001:db8::1', { ports: [80], timeoutMs: 100 })
    assert.equal(noRoute.ports[0].verdict, 'unknown')
  })

  test('the command: text, JSON, exit codes', async () => {
    const { code, output } = await runTidegate(['exposure', '127.0.0.2', '--ports', `81,${open}`, '--wait', '0.1'])
    assert.equal(code, 1)
    assert.match(output, new RegExp(`127\\.0\\.0\\.2 +${open} +open +\\d+ +it takes connections from strangers`))
    const quiet = await runTidegate(['exposure', '127.0.0.2', '--ports', `${SILENT_PORT}`, '--wait', '0.1', '--json'])
    assert.equal(quiet.code, 0)
    assert.equal(ExposureReport.parse(JSON.parse(quiet.output)).ports[0].verdict, 'filtered')
    for (const args of [
      ['127.0.0.2', '--ports', '80;81'],
      ['127.0.0.2', '--ports', '0'],
      ['127.0.0.2', '--wait', 'x'],
      ['not a host'],
      ['127.0.0.2', '--send', 'ftp://x'],
      ['127.0.0.2', '--send', 'http://control.example'],
      ['127.0.0.2', '--send', 'https://control.example'],
    ]) {
      assert.equal((await runTidegate(['exposure', ...args])).code, 2, args.join(' '))
    }
  })

  test('the report is sent with its token, and nowhere else', async () => {
    const seen: { token: string | undefined; body: string; path: string | undefined }[] = []
    let status = 201
    const control = createHttpServer((request, response) => {
      let body = ''
      request.on('data', (chunk: Buffer) => (body += chunk.toString()))
      request.on('end', () => {
        seen.push({ token: request.headers.authorization, body, path: request.url })
        if (status === 302) response.setHeader('location', 'http://127.0.0.9:1/')
        response.writeHead(status).end('said')
      })
    }).listen(0, '127.0.0.1')
    await once(control, 'listening')
    const folder = temporaryFolder()
    mkdirSync(folder, { recursive: true })
    const token = join(folder, 'token')
    writeFileSync(token, 'secret-of-vantage\n')
    const url = `http://127.0.0.1:${(control.address() as AddressInfo).port}`
    const args = [
      'exposure',
      '127.0.0.2',
      '--ports',
      `${SILENT_PORT}`,
      '--wait',
      '0.1',
      '--json',
      '--send',
      url,
      '--token-file',
      token,
    ]
    try {
      assert.equal((await runTidegate(args)).code, 0)
      assert.deepEqual([seen[0].token, seen[0].path], ['Bearer secret-of-vantage', '/api/v1/exposure'])
      assert.equal(ExposureReport.parse(JSON.parse(seen[0].body)).host, '127.0.0.2')
      for (status of [403, 302]) {
        const refused = await runTidegate(args)
        assert.equal(refused.code, 1)
        assert.match(refused.output, /could not be sent/)
        assert.doesNotMatch(refused.output, /secret-of-vantage/)
      }
    } finally {
      control.close()
    }
  })

  for (const [shows, change] of [
    ['an unknown key', { more: 1 }],
    ['a verdict that is none', { ports: [{ address: '192.0.2.1', port: 80, verdict: 'fine', ms: 1 }] }],
    ['no port', { ports: [] }],
    ['an address that is none', { from: ['<script>'] }],
    ['a time that is none', { at: 'yesterday' }],
    ['an endless name', { host: 'x'.repeat(300) }],
  ] as const) {
    test(`a report is refused with ${shows}`, () => {
      const port = { address: '192.0.2.1', port: 80, verdict: 'open', ms: 1 }
      const good = { version: 1, host: 'a', at: '2026-01-01T00:00:00.000Z', tookMs: 1, from: [], ports: [port] }
      assert.ok(ExposureReport.safeParse(good).success)
      assert.ok(!ExposureReport.safeParse({ ...good, ...change }).success)
    })
  }
})

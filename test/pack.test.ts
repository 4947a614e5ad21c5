/** What npm publishes installs in an empty project and runs there: packed, installed, started, one real connection. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { answerOf, ROOT, StartedProgram } from './harness/started-program.ts'

const INSTALL_TIMEOUT_MS = 240_000

describe('the packed tarball', { timeout: INSTALL_TIMEOUT_MS + 60_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'tidegate-pack-'))
  const tidegate = join(folder, 'node_modules/.bin/tidegate')
  after(() => rmSync(folder, { recursive: true }))

  before(async () => {
    const packed = await answerOf('npm', ['pack', '--pack-destination', folder], { cwd: ROOT, timeout: 120_000 })
    assert.equal(packed.code, 0, packed.stderr)
    const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz'))
    writeFileSync(join(folder, 'package.json'), '{ "name": "elsewhere", "private": true }\n')
    const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline']
    const installed = await answerOf('npm', ['install', `./${tarball}`, ...flags], {
      cwd: folder,
      timeout: INSTALL_TIMEOUT_MS,
    })
    assert.equal(installed.code, 0, installed.stderr)
  })

  test('holds no source, no test and no tool of the checkout, and all that its users read', () => {
    const shipped = readdirSync(join(folder, 'node_modules/tidegate'))
    for (const name of ['bin', 'dist', 'docs', 'examples', 'CHANGELOG.md', 'LICENSE', 'README.md', 'SECURITY.md']) {
      assert.ok(shipped.includes(name), name)
    }
    for (const name of ['src', 'test', 'bench', 'scripts', '.ci']) assert.ok(!shipped.includes(name), name)
    const files = readdirSync(join(folder, 'node_modules/tidegate/dist'), { recursive: true, encoding: 'utf8' })
    assert.deepEqual(
      files.filter((name) => name.endsWith('.test.js') || name.endsWith('.ts')),
      [],
    )
  })

  test('npx tidegate --version', async () => {
    const { code, stdout, stderr } = await answerOf('npx', ['--no-install', 'tidegate', '--version'], { cwd: folder })
    assert.equal(code, 0, stderr)
    assert.match(stdout, /^\d+\.\d+\.\d+\n$/)
  })

  test('checks, runs, relays one connection to the last byte, and ends on SIGTERM', async (t) => {
    const upstream = createServer((socket) => socket.end('hello from far')).listen(0, '127.0.0.1')
    await once(upstream, 'listening')
    const config = {
      admin: { listen: 'off' },
      log: { format: 'json' },
      services: [
        {
          name: 'web',
          listen: ['127.0.0.1:0'],
          mode: 'raw',
          upstreams: [`127.0.0.1:${(upstream.address() as AddressInfo).port}`],
        },
      ],
    }
    writeFileSync(join(folder, 'tidegate.yaml'), JSON.stringify(config))
    const checked = await answerOf(tidegate, ['check'], { cwd: folder })
    assert.equal(checked.code, 0, checked.stderr)

    const program = new StartedProgram(t, tidegate, ['run'], { cwd: folder })
    const [, port] = await program.says(/127\.0\.0\.1:(\d+)[^\n]*\n(?:.*\n)*?.*"ready"/)
    const client = connect(Number(port), '127.0.0.1').setEncoding('utf8')
    let got = ''
    for await (const text of client) got += text
    assert.equal(got, 'hello from far')
    const { code } = await program.stop()
    upstream.close()
    assert.equal(code, 0, program.output)
    assert.match(program.output, /"reason":"upstream-closed"/)
  })
})

/** The command line as a shell sees it: exit codes, stdout, stderr. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { statusForTest } from '../../test/harness/status-for-test.ts'
import { ADMIN_PATHS } from '../api/contract.ts'
import { makeProgram } from './program.ts'

const TIDEGATE = fileURLToPath(new URL('../../bin/tidegate', import.meta.url))

interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

function tidegate(...args: string[]): Promise<Outcome> {
  const env = { ...process.env, NO_COLOR: '1', NODE_TEST_CONTEXT: '', TIDEGATE_ADMIN: '127.0.0.1:1' }
  return new Promise((resolve) => {
    execFile(process.execPath, [TIDEGATE, ...args], { env }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr })
    })
  })
}

/** An HTTP server whose answers are JSON; 404 where there is none. */
async function serve(answerTo: (path: string) => unknown): Promise<{ address: string; close: () => void }> {
  const server = createServer((request, response) => {
    const answer = answerTo(request.url ?? '')
    response.statusCode = answer === undefined ? 404 : 200
    response.end(JSON.stringify(answer))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => server.close() }
}

describe('the command line', { concurrency: 4 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'tidegate-cli-'))
  after(() => rmSync(folder, { recursive: true }))

  function configFile(name: string, text: string): string {
    const file = join(folder, name)
    writeFileSync(file, text)
    return file
  }

  const good = configFile(
    'good.yaml',
    'services: [{ name: web, listen: ["127.0.0.1:0", "[::1]:0"], mode: raw, upstreams: ["192.0.2.1:80"] }]\n',
  )
  const bad = configFile(
    'bad.yaml',
    'services: [{ name: web, listen: ["127.0.0.1:99999"], mode: raww, upstreams: [] }]\n',
  )

  test('every command has a description and examples', () => {
    for (const command of makeProgram().commands) {
      assert.ok(command.description().length > 10, command.name())
      let help = ''
      command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp()
      assert.match(help, /\nExamples:\n {2}tidegate /, command.name())
    }
  })

  test('wrong usage is exit code 2, with the message on stderr', async () => {
    for (const args of [
      ['nonsense'],
      ['run', '--bogus'],
      ['check', '-c'],
      ['status', 'extra'],
      ['upstreams', 'drain', 'web'],
      [],
    ]) {
      const { code, stdout, stderr } = await tidegate(...args)
      assert.equal(code, 2, args.join(' '))
      assert.equal(stdout, '')
      assert.notEqual(stderr, '')
    }
  })

  test('help and version are exit code 0 on stdout', async () => {
    assert.match((await tidegate('--version')).stdout, /^\d+\.\d+\.\d+\n$/)
    const { code, stdout } = await tidegate('run', '--help')
    assert.equal(code, 0)
    assert.match(stdout, /Examples:/)
  })

  test('check says what a good file amounts to', async () => {
    const { code, stdout } = await tidegate('check', '-c', good)
    assert.deepEqual([code, stdout], [0, `${good} is right: 1 service, 2 listeners, 1 upstream.\n`])
    const json = await tidegate('check', '-c', good, '--json')
    assert.deepEqual(JSON.parse(json.stdout), {
      ok: true,
      services: 1,
      listeners: 2,
      upstreams: 1,
      lists: [],
      warnings: [],
    })
  })

  test('check and run say all that is wrong with a file, with its place, and exit with 2', async () => {
    for (const command of ['check', 'run']) {
      const { code, stdout, stderr } = await tidegate(command, '-c', bad)
      assert.deepEqual([code, stdout], [2, ''], command)
      assert.ok(stderr.split('\n').filter((line) => line.startsWith(`${bad}:1:`)).length >= 3, stderr)
    }
    const json = await tidegate('check', '-c', bad, '--json')
    assert.equal(json.code, 2)
    const result = JSON.parse(json.stdout) as { ok: boolean; problems: readonly { key: string }[] }
    assert.equal(result.ok, false)
    assert.ok(result.problems.some(({ key }) => key === 'services[0].mode'))
  })

  test('a file that is not there is exit code 2', async () => {
    const { code, stderr } = await tidegate('run', '-c', join(folder, 'none.yaml'))
    assert.equal(code, 2)
    assert.match(stderr, /none\.yaml: there is no such file/)
  })

  test('status shows a running node, as text and as JSON', async () => {
    const { address, close } = await serve((path) => (path === ADMIN_PATHS.status ? statusForTest() : undefined))
    const { code, stdout } = await tidegate('status', '--admin', address)
    const json = await tidegate('status', '--json', '--admin', `http://${address}/`)
    close()
    assert.equal(code, 0)
    assert.match(stdout, /^tidegate 1\.2\.3 {2}ready/)
    assert.deepEqual(JSON.parse(json.stdout), statusForTest())
  })

  test('status says what to do when nothing, or something else, answers', async () => {
    const { code, stderr } = await tidegate('status')
    assert.equal(code, 1)
    assert.match(stderr, /^Cannot reach Tidegate at 127\.0\.0\.1:1: .*Is it running\?.*--admin/)

    const { address, close } = await serve(() => ({ hello: 'world' }))
    const answer = await tidegate('status', '--admin', address)
    close()
    assert.equal(answer.code, 1)
    assert.match(answer.stderr, /is not Tidegate/)
    assert.equal((await tidegate('status', '--admin', 'a b')).code, 2)
  })
})

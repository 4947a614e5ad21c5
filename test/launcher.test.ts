/** bin/tidegate from any folder, through links, under an old Node, as one process that signals reach. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { after, describe, test } from 'node:test'
import { answerOf, ROOT, StartedProgram, TIDEGATE } from './harness/started-program.ts'

const folder = mkdtempSync(join(tmpdir(), 'tidegate-launcher-'))
after(() => rmSync(folder, { recursive: true }))

/** A Node of this machine that is too old for Tidegate. */
const oldNode = (process.env.PATH ?? '')
  .split(delimiter)
  .map((path) => join(path, 'node'))
  .find(
    (node) =>
      existsSync(node) && Number(/^v(\d+)/.exec(execFileSync(node, ['--version'], { encoding: 'utf8' }))?.[1]) < 24,
  )
const withoutOldNode = oldNode === undefined ? 'no Node older than 24 is on the PATH of this machine' : false

/** The path without the Nodes of node_modules, as a login shell has it. */
const PATH = (process.env.PATH ?? '')
  .split(delimiter)
  .filter((path) => !path.includes('node_modules'))
  .join(delimiter)
const env = { ...process.env, PATH }

const VERSION = /^\d+\.\d+\.\d+\n$/

describe('bin/tidegate starts', () => {
  test('from another folder', async () => {
    assert.match((await answerOf(TIDEGATE, ['--version'], { cwd: folder, env })).stdout, VERSION)
  })

  test('by a relative path, with a CDPATH that misleads', async () => {
    const misled = { ...env, CDPATH: '/usr' }
    assert.match((await answerOf('bin/tidegate', ['--version'], { cwd: ROOT, env: misled })).stdout, VERSION)
  })

  test('through a chain of absolute and relative links', async () => {
    mkdirSync(join(folder, 'a/b'), { recursive: true })
    symlinkSync(TIDEGATE, join(folder, 'a/b/absolute'))
    symlinkSync('b/absolute', join(folder, 'a/relative'))
    symlinkSync('a/relative', join(folder, 'link'))
    for (const link of ['a/b/absolute', 'a/relative', 'link']) {
      assert.match((await answerOf(join(folder, link), ['--version'], { cwd: '/', env })).stdout, VERSION, link)
    }
  })

  test('by the pinned Node', async () => {
    assert.match((await answerOf(process.execPath, [TIDEGATE, '--version'])).stdout, VERSION)
  })

  test(
    'by an older Node, with arguments as they were and the exit code of the program',
    { skip: withoutOldNode },
    async () => {
      assert.match((await answerOf(oldNode!, [TIDEGATE, '--version'], { env })).stdout, VERSION)
      const { code, stderr } = await answerOf(oldNode!, [TIDEGATE, 'check', '-c', 'no such  file.yaml'], { env })
      assert.equal(code, 2)
      assert.match(stderr, /no such {2}file\.yaml/)
    },
  )
})

describe('a running daemon', () => {
  const config = join(folder, 'tidegate.yaml')
  writeFileSync(
    config,
    JSON.stringify({
      admin: { listen: 'off' },
      traffic: { workers: 1 },
      services: [{ name: 'a', listen: ['127.0.0.1:0'], mode: 'raw', upstreams: ['127.0.0.1:9'] }],
    }),
  )

  test(
    'is the process that was started: no shell or wrapper stays',
    { skip: process.platform !== 'linux' && 'needs /proc' },
    async (t) => {
      const program = new StartedProgram(t, TIDEGATE, ['run', '-c', config], { env })
      await program.says(/ready/)
      const executable = readlinkSync(`/proc/${program.child.pid}/exe`)
      const { code } = await program.stop('SIGTERM')
      assert.match(executable, /\/node$/)
      assert.equal(code, 0, program.output)
    },
  )

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    test(`ends on ${signal} when an older Node started it`, { skip: withoutOldNode }, async (t) => {
      const program = new StartedProgram(t, oldNode!, [TIDEGATE, 'run', '-c', config], { env, detached: true })
      await program.says(/ready/)
      const { code } = await program.stop(signal)
      assert.equal(code, 0, program.output)
    })
  }
})

describe('without a Node that fits', () => {
  const copy = join(folder, 'copy')
  mkdirSync(copy)
  for (const part of ['bin', 'src', 'package.json']) cpSync(join(ROOT, part), join(copy, part), { recursive: true })
  const tidegate = join(copy, 'bin/tidegate')

  test('says what it found and what to do, and exits with 1', { skip: withoutOldNode }, async () => {
    const old = { ...env, PATH: `${join(oldNode!, '..')}${delimiter}${PATH}` }
    for (const answer of [
      await answerOf(tidegate, ['run'], { env: old }),
      await answerOf(oldNode!, [tidegate, 'run'], { env: old }),
    ]) {
      assert.equal(answer.code, 1)
      assert.match(answer.stderr, /^tidegate: Node\.js 24 or newer is needed; .* is v\d+.*\n.*npm ci/)
    }
  })

  test('a chosen Node that is none is refused', async () => {
    const { code, stderr } = await answerOf(TIDEGATE, ['--version'], { env: { ...env, TIDEGATE_NODE: '/bin/true' } })
    assert.equal(code, 1)
    assert.match(stderr, /TIDEGATE_NODE=\/bin\/true is not a Node\.js/)
  })

  test('a Node without the packages says how to install them', async () => {
    const { code, stderr } = await answerOf(tidegate, ['run'], { env: { ...env, TIDEGATE_NODE: process.execPath } })
    assert.equal(code, 1)
    assert.match(stderr, /Cannot find package .*\nRun `npm ci --ignore-scripts`/)
  })
})

/** scripts/setup.mjs in a project of its own whose dependencies are folders beside it, so that npm has nothing to fetch. */
import assert from 'node:assert/strict'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { answerOf, type Answer, ROOT } from './harness/started-program.ts'

describe('set-up', { timeout: 120_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'tidegate-setup-'))
  after(() => rmSync(folder, { recursive: true }))
  for (const path of ['scripts/setup.mjs', 'scripts/dashboard.mjs', 'bin/become.cjs', 'bin/package.json']) {
    mkdirSync(join(folder, path, '..'), { recursive: true })
    cpSync(join(ROOT, path), join(folder, path))
  }
  writeFileSync(
    join(folder, 'say.mjs'),
    'console.log(process.version, ...process.argv.slice(2)); process.exitCode = 7\n',
  )

  /** The project depends on folders of these names. */
  function write(...names: readonly string[]): void {
    const manifest = {
      name: 'elsewhere',
      version: '1.0.0',
      dependencies: Object.fromEntries(names.map((name) => [name, `file:${name}`])),
    }
    const packages: Record<string, unknown> = { '': manifest }
    for (const name of names) {
      mkdirSync(join(folder, name), { recursive: true })
      writeFileSync(join(folder, name, 'package.json'), JSON.stringify({ name, version: '1.0.0' }))
      packages[name] = { version: '1.0.0' }
      packages[`node_modules/${name}`] = { resolved: name, link: true }
    }
    writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
    const lock = { name: 'elsewhere', version: '1.0.0', lockfileVersion: 3, requires: true, packages }
    writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(lock))
  }

  function setUp(...args: string[]): Promise<Answer> {
    const { npm_execpath: _, ...env } = process.env
    return answerOf(process.execPath, ['scripts/setup.mjs', ...args], { cwd: folder, env })
  }

  const QUIET = { code: 0, stdout: '', stderr: '' }

  test('installs once, and again when the lock has changed; is quiet otherwise', async () => {
    write('one')
    assert.match((await setUp()).stderr, /^Installing the packages/)
    assert.deepEqual(await setUp(), QUIET)
    write('one', 'two')
    assert.match((await setUp()).stderr, /^Installing the packages/)
    assert.deepEqual(await setUp(), QUIET)
    rmSync(join(folder, 'node_modules'), { recursive: true })
    assert.match((await setUp()).stderr, /^Installing the packages/)
  })

  test('believes what somebody installed by hand, when it is what the lock says', async () => {
    write('one')
    const byHand = await answerOf('npm', ['ci', '--ignore-scripts'], { cwd: folder })
    assert.equal(byHand.code, 0, byHand.stderr)
    assert.deepEqual(await setUp(), QUIET)
  })

  test('runs the script with its arguments, and ends with its exit code', async () => {
    const said = await setUp('say.mjs', 'a  b', '--c')
    assert.deepEqual(said, { code: 7, stdout: `${process.version} a  b --c\n`, stderr: '' })
  })

  test('says why it could not install, and exits with 1', async () => {
    rmSync(join(folder, 'node_modules'), { recursive: true, force: true })
    writeFileSync(join(folder, 'package-lock.json'), '{ "lockfileVersion": 3, "packages": 7')
    const { code, stderr } = await setUp('say.mjs')
    assert.equal(code, 1)
    assert.match(stderr, /Cannot install the packages: `npm ci --ignore-scripts` ended with \d+/)
  })
})

import assert from 'node:assert/strict'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { StateFile, type StoredState } from './state-file.ts'

const root = mkdtempSync(join(tmpdir(), 'tidegate-state-'))
after(() => rmSync(root, { recursive: true }))
let folders = 0
const newFolder = (): string => join(root, String(++folders))

const STATE: StoredState = { service: 'web', upstream: 'main', wanted: 'drain', since: '2026-11-21T00:00:00Z', by: 'x' }

test('what was written is read again; before that there is nothing, not even a folder', async () => {
  const folder = join(newFolder(), 'deep')
  const file = new StateFile(folder)
  assert.deepEqual(await file.read(), [])
  await file.write([STATE, { ...STATE, upstream: '[2001:db8::1]:443', wanted: 'down' }])
  assert.deepEqual(
    (await new StateFile(folder).read()).map(({ upstream, wanted }) => [upstream, wanted]),
    [
      ['main', 'drain'],
      ['[2001:db8::1]:443', 'down'],
    ],
  )
  assert.equal(statSync(folder).mode & 0o777, 0o700)
  assert.deepEqual(readdirSync(folder), ['operator-states.json'])
  assert.equal(statSync(file.path).mode & 0o777, 0o600)
})

test('a write that fails leaves the old file whole', async () => {
  const folder = newFolder()
  const file = new StateFile(folder)
  await file.write([STATE])
  const before = readFileSync(file.path, 'utf8')
  // In the way of the new file, and not to be removed as one.
  mkdirSync(`${file.path}.${process.pid}.new`)
  await assert.rejects(file.write([]), { code: 'ERR_FS_EISDIR' })
  assert.equal(readFileSync(file.path, 'utf8'), before)
})

test('a link in place of the new file is not followed', async () => {
  const folder = newFolder()
  const file = new StateFile(folder)
  await file.write([])
  const victim = join(folder, 'victim')
  writeFileSync(victim, 'precious')
  symlinkSync(victim, `${file.path}.${process.pid}.new`)
  await file.write([STATE])
  assert.equal(readFileSync(victim, 'utf8'), 'precious')
  assert.equal((await file.read()).length, 1)
})

test('a reader never sees a half: the file is another one after each write', async () => {
  const file = new StateFile(newFolder())
  await file.write([STATE])
  const { ino } = statSync(file.path)
  await file.write([])
  assert.notEqual(statSync(file.path).ino, ino)
})

test('what is no such file is said, whatever it is', async () => {
  const folder = newFolder()
  const file = new StateFile(folder)
  await file.write([])
  const state = JSON.stringify(STATE)
  for (const text of [
    '',
    '\u0000\u0000',
    '{}',
    '[]',
    'null',
    `{"version":1,"upstreams":[${state}`,
    `{"version":2,"upstreams":[${state}]}`,
    `{"version":1,"upstreams":[${state.replace('drain', 'up')}]}`,
    `{"version":1,"upstreams":[${state.replace('"main"', '7')}]}`,
  ]) {
    writeFileSync(file.path, text)
    await assert.rejects(file.read(), Error, text)
  }
  assert.equal(await file.setAside(), `${file.path}.damaged`)
  assert.deepEqual(await file.read(), [])
})

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '../../../test/harness/config.ts'
import { removeLeftover, replaceFile, whyReadOnly } from './replace-file.ts'

function fileIn(folder: string, text = 'old'): string {
  const path = join(folder, 'tidegate.yaml')
  writeFileSync(path, text, { mode: 0o640 })
  chmodSync(path, 0o640)
  return path
}

test('the new text has the mode and owner of the old; a symbolic link stays one, and nothing is left beside', async () => {
  const [folder, other] = [temporaryFolder(), temporaryFolder()]
  const target = fileIn(folder)
  const { uid, gid } = statSync(target)
  const link = join(other, 'link.yaml')
  symlinkSync(target, link)
  await replaceFile(link, Buffer.from('new'))
  assert.ok(lstatSync(link).isSymbolicLink())
  const after = statSync(target)
  assert.deepEqual([readFileSync(target, 'utf8'), after.mode & 0o7777, after.uid, after.gid], ['new', 0o640, uid, gid])
  assert.deepEqual([readdirSync(folder), readdirSync(other)], [['tidegate.yaml'], ['link.yaml']])
})

test('whoever opened the old file reads it to its end: it is replaced, not written over', async () => {
  const folder = temporaryFolder()
  const path = fileIn(folder)
  linkSync(path, join(folder, 'opened'))
  await replaceFile(path, Buffer.from('new'))
  assert.equal(readFileSync(join(folder, 'opened'), 'utf8'), 'old')
})

test('a check that throws at the last moment leaves the old file, and nothing beside it', async () => {
  const folder = temporaryFolder()
  const path = fileIn(folder)
  const check = (): Promise<void> => Promise.reject(new Error('changed'))
  await assert.rejects(replaceFile(path, Buffer.from('new'), check), /changed/)
  assert.deepEqual([readFileSync(path, 'utf8'), readdirSync(folder)], ['old', ['tidegate.yaml']])
})

test('what a crash left is replaced, also if somebody made a link of it; a start removes it', async () => {
  const folder = temporaryFolder()
  const path = fileIn(folder)
  const victim = join(temporaryFolder(), 'victim')
  writeFileSync(victim, 'precious')
  const leftover = join(folder, '.tidegate.yaml.tidegate-new')
  symlinkSync(victim, leftover)
  await replaceFile(path, Buffer.from('new'))
  assert.deepEqual([readFileSync(path, 'utf8'), readFileSync(victim, 'utf8')], ['new', 'precious'])
  writeFileSync(leftover, 'half')
  await removeLeftover(path)
  assert.deepEqual(readdirSync(folder), ['tidegate.yaml'])
})

test('a file, or a folder, that nobody may write is read-only for root as well', async () => {
  const folder = temporaryFolder()
  const path = fileIn(folder)
  assert.equal(await whyReadOnly(path), undefined)
  chmodSync(path, 0o440)
  assert.match((await whyReadOnly(path)) ?? '', /tidegate\.yaml is read-only/)
  chmodSync(path, 0o640)
  chmodSync(folder, 0o555)
  assert.match((await whyReadOnly(path)) ?? '', /a new file must be put there/)
  chmodSync(folder, 0o755)
  assert.match((await whyReadOnly(join(folder, 'none'))) ?? '', /ENOENT/)
  mkdirSync(join(folder, 'sub'))
  assert.match((await whyReadOnly(join(folder, 'sub'))) ?? '', /no ordinary file/)
})

const mayMount = spawnSync('unshare', ['--mount', 'true']).status === 0

test(
  'a file that is mounted by itself is read-only, and says what to mount instead',
  { skip: !mayMount && 'no mounts here' },
  () => {
    const [folder, other] = [temporaryFolder(), temporaryFolder()]
    const [path, source] = [fileIn(folder), fileIn(other)]
    const script = `import('${new URL('replace-file.ts', import.meta.url).href}').then(async (m) => console.log(await m.whyReadOnly('${path}')))`
    const command = `mount --bind '${source}' '${path}' && '${process.execPath}' -e "${script}"`
    const { stdout, stderr } = spawnSync('unshare', ['--mount', 'sh', '-c', command], {
      encoding: 'utf8',
      env: { ...process.env, NODE_TEST_CONTEXT: '' },
    })
    assert.match(stdout, /mount its folder instead/, stderr)
  },
)

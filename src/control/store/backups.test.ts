import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { BACKUPS_MAX, backUpInto } from './backups.ts'
import type { Store } from './store.ts'

function storeForTest(folder: string): Pick<Store, 'path' | 'backup'> {
  return {
    path: join(folder, 'tidegate.db'),
    backup: (path) => {
      writeFileSync(path, 'copy')
      return Promise.resolve({ path, bytes: 4 })
    },
  }
}

test('backups go into a folder for the daemon alone, by names that are no paths, and are never too many', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'tidegate-backups-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const store = storeForTest(folder)
  const { path } = await backUpInto(store)
  assert.match(basename(path), /^tidegate-\d{8}T\d{6}Z\.db$/)
  assert.equal(statSync(join(folder, 'backups')).mode & 0o777, 0o700)
  for (const name of ['../x.db', '/tmp/x.db', '..', 'a/../../x'])
    await assert.rejects(backUpInto(store, name), { name: 'BackupsError' })
  for (let i = 1; i < BACKUPS_MAX; i++) await backUpInto(store, `${i}.db`)
  await assert.rejects(backUpInto(store, 'more.db'), /move the old ones away/)
  assert.equal(readdirSync(join(folder, 'backups')).length, BACKUPS_MAX)
  await assert.rejects(backUpInto({ ...store, path: undefined }), { code: 'E_STORE_OFF' })
})

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseConfig } from '../config/load.ts'
import type { Facts, StoreFact } from './facts.ts'
import { storeFact, storeFinding } from './store.ts'

const WELL: StoreFact = { folder: '/state', problem: undefined, fileBytes: 5e6, freeBytes: 9 * 2 ** 30, damaged: 0 }

test('the store can be written, has room, and was not damaged; or what to do', () => {
  const of = (more: Partial<StoreFact>) => storeFinding({ store: { ...WELL, ...more } } as Facts)
  assert.deepEqual([of({})?.level, of({})?.sentence], ['ok', '/state/tidegate.db has 5MiB, with 9GiB free.'])
  assert.match(of({ fileBytes: undefined })?.sentence ?? '', /is made at the first start/)
  assert.equal(of({ problem: 'EACCES' })?.level, 'fail')
  assert.equal(of({ freeBytes: 2 ** 20 })?.level, 'warn')
  assert.match(of({ damaged: 2 })?.sentence ?? '', /2 damaged files lie beside it/)
  assert.equal(storeFinding({ store: undefined } as Facts), undefined)
})

test('the folder is looked at, or the one it would be made in', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'tidegate-doctor-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const factOf = (stateDir: string) =>
    storeFact(
      parseConfig(
        `admin: { stateDir: ${stateDir} }\nservices: [{ name: web, listen: ["*:443"], upstreams: ["192.0.2.1:443"] }]`,
        'tidegate.yaml',
        {},
      ),
    )
  assert.equal((await factOf(join(folder, 'a', 'b')))?.problem, undefined)
  writeFileSync(join(folder, 'tidegate.db'), 'x')
  writeFileSync(join(folder, 'tidegate.db.damaged-1'), 'x')
  const fact = await factOf(folder)
  assert.deepEqual([fact?.fileBytes, fact?.damaged], [1, 1])
  assert.ok((fact?.freeBytes ?? 0) > 0)
  assert.equal(await storeFact(undefined), undefined)
})

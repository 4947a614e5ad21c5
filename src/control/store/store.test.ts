/** The store with its thread and a real file, and what becomes of it when file or disk go wrong. */
import assert from 'node:assert/strict'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, describe, test } from 'node:test'
import { type CapturedLog, capturedLog } from '../../../test/harness/captured-log.ts'
import { temporaryFolder } from '../../../test/harness/config.ts'
import { waitFor } from '../../../test/harness/deadline.ts'
import { CALLS_MAX } from './pending-calls.ts'
import { Store, type StoreOptions } from './store.ts'
import type { NewAuditEntry } from './tables/audit.ts'

const RETRY_AFTER_MS = 20

function entry(target: string): NewAuditEntry {
  return { atMs: Date.now(), who: 'ann', from: '192.0.2.1', action: 'test', target, details: {}, result: 'done' }
}

interface Opened {
  readonly store: Store
  readonly said: CapturedLog
  readonly folder: string
  readonly file: string
}

describe('the store', { timeout: 60_000 }, () => {
  const stores: Store[] = []
  const folders = temporaryFolder()
  after(() => Promise.all(stores.map((store) => store.close())))

  function newFolder(): string {
    return mkdtempSync(join(folders, 'test-'))
  }

  async function open(folder = join(newFolder(), 'state'), options: StoreOptions = {}): Promise<Opened> {
    const said = capturedLog()
    const store = await Store.open(folder, said.log, { retryAfterMs: RETRY_AFTER_MS, ...options })
    stores.push(store)
    return { store, said, folder, file: join(folder, 'tidegate.db') }
  }

  async function targets(store: Store): Promise<string[]> {
    return (await store.audit.list({ limit: 1000 })).entries.map(({ target }) => target)
  }

  function events({ said }: Opened): unknown[] {
    const lines = said.records() as { event: string; code?: string }[]
    return lines.map(({ event, code }) => (code === undefined ? event : `${event} ${code}`))
  }

  test('what was confirmed is there again, in a file for this user alone', async () => {
    const first = await open()
    assert.deepEqual(first.store.state, { kind: 'open', trouble: undefined })
    await first.store.audit.add(entry('one'))
    assert.equal(statSync(first.folder).mode & 0o777, 0o700)
    for (const name of readdirSync(first.folder))
      assert.equal(statSync(join(first.folder, name)).mode & 0o777, 0o600, name)
    const last = first.store.audit.add(entry('two'))
    assert.equal(await first.store.close(), 'closed')
    assert.equal(await last, 2)
    await assert.rejects(first.store.audit.add(entry('three')), { code: 'E_STORE_OFF', message: /closed/ })
    const second = await open(first.folder)
    assert.deepEqual(await targets(second.store), ['two', 'one'])
    assert.deepEqual([...events(first), ...events(second)], [])
  })

  test('a damaged file is set aside and said, never deleted, and the store begins anew', async () => {
    for (const damage of ['garbage', 'holes', 'short']) {
      const before = await open()
      const entries = Array.from({ length: 300 }, (_, i) => before.store.audit.add(entry(`${i}`.repeat(50))))
      await Promise.all(entries)
      await before.store.close()
      const { size } = statSync(before.file)
      const bytes = readFileSync(before.file)
      if (damage === 'garbage') writeFileSync(before.file, 'this was never a database'.repeat(1000))
      if (damage === 'holes') writeFileSync(before.file, bytes.fill(0x5a, size / 2, size / 2 + 20_000))
      if (damage === 'short') truncateSync(before.file, Math.floor(size / 8192) * 4096)
      const damaged = readFileSync(before.file)
      const again = await open(before.folder)
      assert.deepEqual(events(again), ['store-damaged'], damage)
      const { movedTo } = again.said.records()[0]
      assert.match(String(movedTo), /tidegate\.db\.damaged-\d{8}T\d{6}Z$/)
      assert.deepEqual(readFileSync(String(movedTo)), damaged)
      assert.deepEqual(await targets(again.store), [])
      await again.store.audit.add(entry('new'))
    }
  })

  test('a disk that spoils every file is not filled with damaged ones', async () => {
    const folder = newFolder()
    for (let i = 0; i < 10; i++) writeFileSync(join(folder, `tidegate.db.damaged-${i}`), '')
    writeFileSync(join(folder, 'tidegate.db'), 'x'.repeat(10_000))
    const opened = await open(folder)
    assert.equal(opened.store.state.kind, 'off')
    await assert.rejects(opened.store.users.list(), {
      code: 'E_STORE_DAMAGED',
      message: /10 damaged ones .* Move them away/,
    })
    assert.deepEqual(events(opened), ['store-failing E_STORE_DAMAGED'])
  })

  test('damage that is met later sets the file aside as well', async () => {
    const opened = await open()
    await Promise.all(Array.from({ length: 300 }, (_, i) => opened.store.audit.add(entry(`${i}`.repeat(50)))))
    const copy = new DatabaseSync(opened.file)
    copy.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    const { rootpage } = copy.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'audit'").get() as {
      rootpage: number
    }
    copy.close()
    const bytes = readFileSync(opened.file)
    writeFileSync(opened.file, bytes.fill(0xff, (rootpage - 1) * 4096, rootpage * 4096))
    const isLost = async (): Promise<boolean> =>
      (await opened.store.audit.add(entry('lost')).catch(({ code }: { code: string }) => code)) === 'E_STORE_DAMAGED'
    await waitFor('the damage to be met', isLost)
    await waitFor('the store to be back', () => opened.store.state.kind === 'open')
    assert.deepEqual(events(opened), ['store-failing E_STORE_DAMAGED', 'store-damaged', 'store-back'])
    await opened.store.audit.add(entry('new'))
    assert.deepEqual(await targets(opened.store), ['new'])
  })

  test('files of a newer version, of other programs and what is no file are refused and left alone', async () => {
    const newer = await open()
    await newer.store.close()
    const db = new DatabaseSync(newer.file)
    db.exec("INSERT INTO migrations (number, name, atMs) VALUES (999, 'of the future', 1)")
    db.close()
    const foreign = join(newFolder(), 'state')
    mkdirSync(foreign)
    const theirs = new DatabaseSync(join(foreign, 'tidegate.db'))
    theirs.exec('CREATE TABLE theirs (x)')
    theirs.close()
    const odd = newFolder()
    mkdirSync(join(odd, 'tidegate.db'))
    const refused = [
      [newer.folder, 'E_STORE_NEWER'],
      [foreign, 'E_STORE_FOREIGN'],
      [odd, 'E_STORE_FOREIGN'],
    ]
    for (const [folder, code] of refused) {
      const opened = await open(folder)
      await assert.rejects(opened.store.users.list(), { code })
      assert.deepEqual(events(opened), [`store-failing ${code}`])
      assert.deepEqual(
        readdirSync(folder).filter((name) => name.includes('damaged')),
        [],
      )
    }
  })

  test('a folder that can not be made is said once, tried again, and used once it can', async () => {
    const folder = newFolder()
    const inTheWay = join(folder, 'state')
    writeFileSync(inTheWay, '')
    const opened = await open(inTheWay)
    const { state } = opened.store
    assert.ok(state.kind === 'off' && state.trouble.code === 'E_STORE_IO', JSON.stringify(state))
    await assert.rejects(opened.store.audit.add(entry('lost')), { name: 'StoreError', code: 'E_STORE_IO' })
    rmSync(inTheWay)
    await waitFor('the store to open', () => opened.store.state.kind === 'open')
    await opened.store.audit.add(entry('kept'))
    assert.deepEqual(events(opened), ['store-failing E_STORE_IO', 'store-back'])
  })

  test(
    'a folder that may not be written',
    { skip: process.getuid?.() === 0 && 'root may write everywhere' },
    async () => {
      const folder = newFolder()
      chmodSync(folder, 0o500)
      const opened = await open(folder)
      await assert.rejects(opened.store.users.list(), {
        code: 'E_STORE_READ_ONLY',
        message: /Make the folder writable/,
      })
      chmodSync(folder, 0o700)
      await waitFor('the store to open', () => opened.store.state.kind === 'open')
    },
  )

  test('without room writes are refused and reads go on; it is said once, and once when there is room again', async () => {
    const opened = await open(undefined, { bytesMax: 1024 * 1024 })
    const { store } = opened
    await store.audit.add(entry('before'))
    const text = 'x'.repeat(200_000)
    let refused: unknown
    for (let i = 0; i < 20 && refused === undefined; i++)
      await store.configHistory.add({ atMs: 1, who: 'ann', why: '', text: `${i}${text}` }).catch((error: unknown) => {
        refused = error
      })
    assert.match(String(refused), /StoreError: There is no room to write .*tidegate\.db .* Free some space/)
    await assert.rejects(store.configHistory.add({ atMs: 1, who: 'ann', why: '', text }), { code: 'E_STORE_FULL' })
    assert.equal(store.state.trouble?.code, 'E_STORE_FULL')
    assert.deepEqual(await targets(store), ['before'])
    assert.deepEqual(events(opened), ['store-failing E_STORE_FULL'])
    const other = new DatabaseSync(opened.file)
    other.exec('DELETE FROM configHistory; DELETE FROM configTexts')
    other.close()
    await waitFor('the store to be well', () => store.state.trouble === undefined)
    await store.configHistory.add({ atMs: 1, who: 'ann', why: '', text })
    assert.deepEqual(events(opened), ['store-failing E_STORE_FULL', 'store-back'])
  })

  test('a call that is not answered in time is rejected, what waits is bounded, and it is well again by itself', async () => {
    const opened = await open(undefined, { deadlineMs: 50 })
    const { store } = opened
    const other = new DatabaseSync(opened.file)
    other.exec('BEGIN IMMEDIATE')
    await assert.rejects(store.audit.add(entry('late')), { code: 'E_STORE_LATE', message: /may still be done/ })
    const calls = Array.from({ length: CALLS_MAX + 10 }, () =>
      store.users.count().catch(({ code }: { code: string }) => code),
    )
    const codes = await Promise.all(calls)
    assert.deepEqual(new Set(codes), new Set(['E_STORE_LATE', 'E_STORE_BUSY']))
    other.exec('ROLLBACK')
    other.close()
    await waitFor('the store to be well', () => store.state.trouble === undefined)
    assert.deepEqual(events(opened), ['store-failing E_STORE_LATE', 'store-back'])
  })

  test('a file that is moved away while it is open is begun anew', async () => {
    const opened = await open()
    await opened.store.audit.add(entry('one'))
    rmSync(opened.file)
    await assert.rejects(opened.store.audit.add(entry('two')), { code: 'E_STORE_GONE' })
    await waitFor('the store to be back', () => opened.store.state.kind === 'open')
    await opened.store.audit.add(entry('three'))
    assert.deepEqual(await targets(opened.store), ['three'])
    assert.deepEqual(events(opened), ['store-failing E_STORE_GONE', 'store-back'])
  })

  test('a backup is a whole store of what there was, and never takes the place of another file', async () => {
    const { store, folder } = await open()
    const many = Array.from({ length: 200 }, (_, i) => store.audit.add(entry(`before ${i}`)))
    const path = join(folder, 'backup.db')
    const backup = store.backup(path)
    const more = Array.from({ length: 200 }, (_, i) => store.audit.add(entry(`meanwhile ${i}`)))
    assert.deepEqual(await backup, { path, bytes: statSync(path).size })
    await Promise.all([...many, ...more])
    assert.equal(statSync(path).mode & 0o777, 0o600)
    await assert.rejects(store.backup(path), { code: 'E_STORE_EXISTS' })
    await assert.rejects(store.backup('backup.db'), { code: 'E_STORE_VALUE' })
    await assert.rejects(store.backup(join(folder, 'nowhere', 'backup.db')), { code: 'E_STORE_IO' })
    const restored = join(newFolder(), 'state')
    mkdirSync(restored)
    writeFileSync(join(restored, 'tidegate.db'), readFileSync(path))
    const copied = await targets((await open(restored)).store)
    for (let i = 0; i < 200; i++) assert.ok(copied.includes(`before ${i}`), `before ${i}`)
    const left = readdirSync(folder).filter((name) => name.startsWith('backup'))
    assert.deepEqual(left, ['backup.db'])
  })

  test('backups beside writes that do not end are whole, each of them', { timeout: 60_000 }, async () => {
    const { store, folder } = await open()
    await Promise.all(Array.from({ length: 500 }, (_, i) => store.audit.add(entry(`before ${i}`))))
    let isOver = false
    const writing = (async () => {
      for (let i = 0; !isOver; i++) await store.audit.add(entry(`meanwhile ${i}`))
    })()
    try {
      for (let i = 0; i < 40; i++) {
        const { path, bytes } = await store.backup(join(folder, `backup-${i}.db`))
        assert.equal(statSync(path).size, bytes)
        rmSync(path)
      }
    } finally {
      isOver = true
      await writing
    }
  })

  test('what is no plain value is refused, and holds up nobody', async () => {
    const { store } = await open()
    const details = { call: () => {} }
    await assert.rejects(store.audit.add({ ...entry('x'), details }), { code: 'E_STORE_VALUE' })
    await store.audit.add(entry('y'))
    assert.deepEqual(await targets(store), ['y'])
  })

  test('a node without a store is told so', async () => {
    const store = Store.none()
    assert.equal(store.state.kind, 'off')
    await assert.rejects(store.users.list(), { code: 'E_STORE_OFF', message: /without a store/ })
    await assert.rejects(store.backup('/tmp/x'), { code: 'E_STORE_OFF' })
    assert.equal(await store.close(), 'closed')
    assert.ok(!existsSync('/tmp/x'))
  })
})

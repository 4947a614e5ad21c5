/** Kill -9, a damaged file, a full disk, a folder that can't be written: nothing confirmed is lost, and traffic never stops. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Store } from '../../src/control/store/store.ts'
import { capturedLog } from '../harness/captured-log.ts'
import { temporaryFolder } from '../harness/config.ts'
import { Daemon } from '../harness/daemon.ts'
import { waitFor } from '../harness/deadline.ts'
import { visit } from '../harness/echo-client.ts'
import { echo, Upstream } from '../harness/upstream.ts'

const KILLS = 20
/** Of each life, before it is killed. */
const CONFIRMED_MIN = 12
const WRITER = fileURLToPath(new URL('store-writer.ts', import.meta.url))

test(
  'kill -9 in the middle of writes: the store opens again, and nothing confirmed is lost',
  { timeout: 240_000 },
  async () => {
    const stateDir = join(temporaryFolder(), 'state')
    const confirmed: string[] = []
    for (let round = 0; round < KILLS; round++) confirmed.push(...(await writeUntilKilled(stateDir, round)))
    assert.ok(confirmed.length >= KILLS * CONFIRMED_MIN)
    const said = capturedLog()
    const store = await Store.open(stateDir, said.log)
    assert.equal(said.text(), '')
    const users = new Set((await store.users.list()).map(({ name }) => name))
    const versions = new Set((await store.configHistory.list(1_000)).map(({ who }) => who))
    const audited = new Set<string>()
    for (let before: number | undefined; ;) {
      const page = await store.audit.list({ limit: 1_000, before })
      for (const { who } of page.entries) audited.add(who)
      if (page.next === null) break
      before = page.next
    }
    for (const name of confirmed) {
      assert.ok(audited.has(name), `${name} is not in the audit log`)
      if (/-\d*0$/.test(name)) assert.ok(users.has(name), `${name} is no user`)
      if (/-\d*5$/.test(name)) assert.ok(versions.has(name), `${name} is not in the history`)
    }
    await store.close()
    assert.deepEqual(readdirSync(stateDir), ['tidegate.db'])
  },
)

/** What it had confirmed when it was killed. */
async function writeUntilKilled(stateDir: string, round: number): Promise<string[]> {
  const child = spawn(process.execPath, [WRITER, stateDir, String(round)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise((resolve) => child.once('close', resolve))
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (more: string) => (text += more))
  // Each life ends at another place.
  await waitFor('writes to be confirmed', () => text.split('\n').length > 1 + CONFIRMED_MIN + round, 60_000)
  child.kill('SIGKILL')
  await ended
  const [state, ...names] = text.split('\n').slice(0, -1)
  assert.equal(state, 'open')
  return names
}

describe('a daemon whose store goes wrong', { timeout: 120_000 }, () => {
  const open: { stop(): void | Promise<void> }[] = []
  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one.stop()
  })

  async function start(stateDir: string): Promise<Daemon> {
    const upstream = await Upstream.listen({ onConnection: echo })
    open.push({ stop: () => upstream.close() })
    const services = [{ name: 'web', upstreams: [upstream.address.text] }]
    const daemon = await Daemon.start({ engine: 'linux', admin: { stateDir }, services })
    open.push(daemon)
    return daemon
  }

  function storeEvents(daemon: Daemon): unknown[] {
    return daemon.lines.filter(({ event }) => event?.startsWith('store-')).map(({ event, code }) => code ?? event)
  }

  async function end(daemon: Daemon): Promise<void> {
    daemon.signal('SIGTERM')
    assert.deepEqual(await daemon.exit(), { code: 0, signal: null })
  }

  test('a damaged file: it starts, says so, serves, and keeps what comes', async () => {
    const stateDir = join(temporaryFolder(), 'state')
    mkdirSync(stateDir)
    const damaged = 'SQLite format 3\0 and then nothing of the kind'.repeat(500)
    writeFileSync(join(stateDir, 'tidegate.db'), damaged)
    const daemon = await start(stateDir)
    await visit(daemon, 'hello')
    assert.deepEqual(storeEvents(daemon), ['store-damaged'])
    const { movedTo } = await daemon.waitForLine('the damage', ({ event }) => event === 'store-damaged')
    assert.equal(readFileSync(String(movedTo), 'utf8'), damaged)
    await end(daemon)
    assert.equal(await totalOf(stateDir), 1)
  })

  test('a state folder that can not be made: it starts, says so once, and serves', async () => {
    const file = join(temporaryFolder(), 'in-the-way')
    writeFileSync(file, '')
    const daemon = await start(join(file, 'state'))
    for (let i = 0; i < 3; i++) await visit(daemon, `hello ${i}`)
    await end(daemon)
    assert.deepEqual(storeEvents(daemon), ['E_STORE_IO'])
  })

  test('a file that loses its disk while it is open: traffic goes on', async () => {
    const stateDir = join(temporaryFolder(), 'state')
    const daemon = await start(stateDir)
    await visit(daemon, 'hello')
    rmSync(stateDir, { recursive: true })
    await visit(daemon, 'again')
    await end(daemon)
    assert.deepEqual(storeEvents(daemon), ['E_STORE_GONE'])
  })

  test('a full disk: it starts, says so once, serves, and uses the store once there is room', async (t) => {
    const disk = mountSmallDisk(t)
    if (disk === undefined) return
    const filler = join(disk, 'filler')
    fill(filler)
    const daemon = await start(join(disk, 'state'))
    await daemon.waitForLine('the full disk', ({ event }) => event === 'store-failing')
    for (let i = 0; i < 3; i++) await visit(daemon, `hello ${i}`)
    assert.deepEqual(storeEvents(daemon), ['E_STORE_FULL'])
    rmSync(filler)
    await daemon.waitForLine('the store to be back', ({ event }) => event === 'store-back', 90_000)
    await visit(daemon, 'with room')
    await end(daemon)
    assert.equal(await totalOf(join(disk, 'state')), 4)
  })

  test('a disk that becomes full while it runs: traffic goes on, and so does the end', async (t) => {
    const disk = mountSmallDisk(t)
    if (disk === undefined) return
    const stateDir = join(disk, 'state')
    const daemon = await start(stateDir)
    await visit(daemon, 'hello')
    fill(join(disk, 'filler'))
    await visit(daemon, 'again')
    await end(daemon)
    assert.deepEqual(storeEvents(daemon), ['E_STORE_FULL'])
    rmSync(join(disk, 'filler'))
    const next = await start(stateDir)
    await visit(next, 'third')
    await end(next)
    assert.deepEqual(storeEvents(next), [])
    assert.equal(await totalOf(stateDir), 1)
  })

  test('a file system that becomes read-only, and is writable again: it starts, serves, and keeps what comes then', async (t) => {
    const disk = mountSmallDisk(t)
    if (disk === undefined) return
    const stateDir = join(disk, 'state')
    const before = await start(stateDir)
    await visit(before, 'hello')
    await end(before)
    remount(disk, 'ro')
    const daemon = await start(stateDir)
    await visit(daemon, 'again')
    assert.deepEqual(storeEvents(daemon), ['E_STORE_READ_ONLY'])
    remount(disk, 'rw')
    await daemon.waitForLine('the store to be back', ({ event }) => event === 'store-back', 90_000)
    await end(daemon)
    assert.equal(await totalOf(stateDir), 2)
  })

  function remount(folder: string, mode: 'ro' | 'rw'): void {
    const { status, stderr } = spawnSync('mount', ['-o', `remount,${mode}`, folder], { encoding: 'utf8' })
    assert.equal(status, 0, stderr)
  }

  async function totalOf(stateDir: string): Promise<number | undefined> {
    const store = await Store.open(stateDir, capturedLog().log)
    const totals = await store.totals.all()
    await store.close()
    return totals.find(({ service }) => service === 'web')?.counts['connectionsNew']
  }

  interface Skippable {
    skip(why: string): void
    after(end: () => void): void
  }

  function mountSmallDisk(t: Skippable): string | undefined {
    const folder = mkdtempSync(join(tmpdir(), 'tidegate-disk-'))
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', folder], { encoding: 'utf8' })
    if (mounted.status !== 0) {
      rmSync(folder, { recursive: true })
      t.skip(`a small disk can't be mounted here: ${mounted.stderr}`)
      return undefined
    }
    t.after(() => {
      spawnSync('umount', ['-l', folder])
      rmSync(folder, { recursive: true })
    })
    return folder
  }

  /** To the last byte. */
  function fill(file: string): void {
    const page = Buffer.alloc(4096)
    try {
      for (;;) writeFileSync(file, page, { flag: 'a' })
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC')
    }
    assert.equal(statfsSync(file).bavail, 0)
  }
})

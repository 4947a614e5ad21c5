/** What the daemon keeps in its store: totals and history go on over restarts, kills and upgrades, and traffic needs none of it. */
import assert from 'node:assert/strict'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, it } from 'node:test'
import { BanList } from '../../src/api/contract.ts'
import { Store } from '../../src/control/store/store.ts'
import { capturedLog } from '../harness/captured-log.ts'
import { temporaryFolder } from '../harness/config.ts'
import { Daemon } from '../harness/daemon.ts'
import { waitFor } from '../harness/deadline.ts'
import { visit } from '../harness/echo-client.ts'
import { forEachEngine } from '../harness/engines.ts'
import { Peer } from '../harness/peer.ts'
import { tidegate } from '../harness/tidegate.ts'
import { echo, Upstream } from '../harness/upstream.ts'

forEachEngine((engine) => {
  const open: { stop(): void | Promise<void> }[] = []

  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one.stop()
  })

  async function start(stateDir: string): Promise<Daemon> {
    const upstream = await Upstream.listen({ onConnection: echo })
    open.push({ stop: () => upstream.close() })
    const daemon = await Daemon.start({
      engine,
      admin: { stateDir },
      services: [{ name: 'web', upstreams: [upstream.address.text] }],
    })
    open.push(daemon)
    return daemon
  }

  async function end(daemon: Daemon): Promise<void> {
    daemon.signal('SIGTERM')
    assert.deepEqual(await daemon.exit(), { code: 0, signal: null })
  }

  it('totals and series go on after a restart', async () => {
    const stateDir = join(temporaryFolder(), 'state')
    const first = await start(stateDir)
    await visit(first, 'hello')
    await visit(first, 'again')
    await end(first)
    assert.deepEqual(totalsIn(stateDir, 'web'), { connectionsNew: 2, bytesToUpstream: 10, bytesToClient: 10 })
    const second = await start(stateDir)
    await visit(second, 'third')
    await end(second)
    assert.deepEqual(totalsIn(stateDir, 'web'), { connectionsNew: 3, bytesToUpstream: 15, bytesToClient: 15 })
    assert.deepEqual(totalsIn(stateDir, ''), totalsIn(stateDir, 'web'))
    assert.ok(!second.lines.some(({ event }) => event?.startsWith('store-')))
  })

  it('attacks of before, and how they ended, are in the store', async () => {
    const stateDir = join(temporaryFolder(), 'state')
    mkdirSync(stateDir)
    const began = '2026-11-20T10:00:00.000Z'
    const levels = { 'connection-flood': 1, distributed: 2, unused: 0.1 }
    const peak = { newPerSecond: 5, sources: 4, prefixes: 3, unusedShare: 0, connectFailuresPerSecond: 0, open: 2 }
    const record = { id: 7, service: 'web', kind: 'unused', kinds: ['unused'], start: began, end: null, ended: null }
    const counts = { newcomers: 9, admitted: 8, refused: {}, unused: 1, served: 7, bytes: 6, bansMade: 0 }
    const lists = { addresses: [], prefixes: [], asns: [] }
    const stored = { ...record, updated: began, calm: levels, limits: levels, peak, ...counts, ...lists }
    writeFileSync(join(stateDir, 'attacks.jsonl'), `${JSON.stringify(stored)}\n`)
    await end(await start(stateDir))
    const store = await Store.open(stateDir, capturedLog().log)
    const attacks = await store.attacks.list({ limit: 10 })
    assert.deepEqual(attacks, [{ ...stored, end: began, ended: 'restart' }])
    await store.close()
  })

  for (const [what, lose] of [
    ['gone', (file: string) => rmSync(file)],
    ['damaged', (file: string) => writeFileSync(file, '{"version":1,"bans":[{')],
  ] as const) {
    it(`bans by hand hold on where their file is ${what}, until they are taken back`, async () => {
      const stateDir = join(temporaryFolder(), 'state')
      const first = await start(stateDir)
      const added = await tidegate(first, 'bans', 'add', '192.0.2.7', '2001:db8::/64', '--ttl', '0', '--comment', 'why')
      assert.equal(added.code, 0, added.stderr)
      await end(first)
      lose(join(stateDir, 'bans.json'))
      const second = await start(stateDir)
      assert.equal(second.lines.find(({ event }) => event === 'bans-from-store')?.['bans'], 2)
      const held = await bansOf(second)
      assert.deepEqual(held.map(({ prefix, until, why }) => `${prefix} ${until} ${why}`).toSorted(), [
        '192.0.2.7 null why',
        '2001:db8::/64 null why',
      ])
      await tidegate(second, 'bans', 'remove', '192.0.2.7')
      await end(second)
      rmSync(join(stateDir, 'bans.json'))
      const third = await start(stateDir)
      assert.deepEqual(
        (await bansOf(third)).map(({ prefix }) => prefix),
        ['2001:db8::/64'],
      )
    })
  }

  async function bansOf(daemon: Daemon): Promise<BanList['bans']> {
    return BanList.parse(JSON.parse((await daemon.get('/api/v1/bans')).body)).bans
  }

  it('a daemon that is killed leaves a store that opens', async () => {
    const stateDir = join(temporaryFolder(), 'state')
    const first = await start(stateDir)
    await visit(first, 'hello')
    first.kill()
    await first.exit()
    const second = await start(stateDir)
    await visit(second, 'again')
    await end(second)
    // What the first one counted in its last minute is lost with it.
    assert.ok([1, 2].includes(totalsIn(stateDir, 'web')['connectionsNew']))
    assert.ok(!second.lines.some(({ event }) => event?.startsWith('store-')))
  })

  it('over an upgrade both versions keep what they carry, and neither holds up the other', async () => {
    const stateDir = join(temporaryFolder(), 'state')
    const daemon = await start(stateDir)
    const first = daemon.pid
    const long = await Peer.connect(daemon.addressOf())
    await long.write('before')
    await long.receiveText('before')
    daemon.signal('SIGUSR2')
    const { pid } = await daemon.waitForLine('the upgrade', ({ event }) => event === 'upgraded')
    open.push({ stop: () => killIfRunning(Number(pid)) })
    await visit(daemon, 'next')
    await long.write(' and after')
    await long.receiveText('before and after')
    long.finish()
    assert.equal((await long.receiveAll()).ending, 'fin')
    await waitFor('the first version to end', () => !isRunning(first))
    assert.ok(totalsIn(stateDir, 'web')['bytesToUpstream'] >= 16)
    process.kill(Number(pid), 'SIGTERM')
    await waitFor('the next version to end', () => !isRunning(Number(pid)))
    assert.deepEqual(totalsIn(stateDir, 'web'), { connectionsNew: 2, bytesToUpstream: 20, bytesToClient: 20 })
    assert.ok(!daemon.lines.some(({ event }) => event?.startsWith('store-')))
  })
})

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

function killIfRunning(pid: number): void {
  if (isRunning(pid)) process.kill(pid, 'SIGKILL')
}

function totalsIn(stateDir: string, service: string): Record<string, number> {
  const db = new DatabaseSync(join(stateDir, 'tidegate.db'), { readOnly: true })
  try {
    const rows = db.prepare('SELECT name, value FROM totals WHERE service = ?').all(service)
    return Object.fromEntries(rows.map(({ name, value }) => [String(name), Number(value)]))
  } finally {
    db.close()
  }
}

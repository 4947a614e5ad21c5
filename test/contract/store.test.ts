/** What the daemon keeps in its store: totals and history go on over restarts, kills and upgrades, and traffic needs none of it. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, it } from 'node:test'
import { temporaryFolder } from '../harness/config.ts'
import { Daemon } from '../harness/daemon.ts'
import { forEachEngine } from '../harness/engines.ts'
import { Peer } from '../harness/peer.ts'
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

  async function visit(daemon: Daemon, text: string): Promise<void> {
    const client = await Peer.connect(daemon.addressOf())
    await client.write(text)
    await client.receiveText(text)
    client.finish()
    assert.equal((await client.receiveAll()).ending, 'fin')
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
})

function totalsIn(stateDir: string, service: string): Record<string, number> {
  const db = new DatabaseSync(join(stateDir, 'tidegate.db'), { readOnly: true })
  try {
    const rows = db.prepare('SELECT name, value FROM totals WHERE service = ?').all(service)
    return Object.fromEntries(rows.map(({ name, value }) => [String(name), Number(value)]))
  } finally {
    db.close()
  }
}

/** Services that are opened and closed while the daemon runs: by an operator, at a set time, over restarts. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, it } from 'node:test'
import { CutOverAnswer, CutOversAnswer, type CutOverRequest, Problem } from '../../src/api/contract.ts'
import type { Address } from '../harness/address.ts'
import { temporaryFolder, type TestService } from '../harness/config.ts'
import { Daemon } from '../harness/daemon.ts'
import { waitFor } from '../harness/deadline.ts'
import { forEachEngine } from '../harness/engines.ts'
import { Peer } from '../harness/peer.ts'
import { tidegate } from '../harness/tidegate.ts'
import { closedAddress, echo, Upstream } from '../harness/upstream.ts'

/** A whole daemon starts, on a machine that may be busy. */
const UPGRADE_DEADLINE_MS = 90_000

/** Also the process that the daemon has started. */
async function endAll(daemon: Daemon): Promise<void> {
  for (const { event, pid } of daemon.lines) {
    if (event !== 'upgraded') continue
    try {
      process.kill(pid as number, 'SIGKILL')
    } catch {
      // It is gone.
    }
  }
  daemon.kill()
  await daemon.exited
}

forEachEngine((engine) => {
  const open: { stop(): void | Promise<void> }[] = []

  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one.stop()
  })

  /** `web` is open at any port; `next` has a port of its own, and is closed. */
  async function prepare(next: Partial<TestService> = {}) {
    const upstream = await Upstream.listen({ onConnection: echo })
    open.push({ stop: () => upstream.close() })
    const at = await closedAddress()
    const upstreams = [upstream.address.text]
    const services: TestService[] = [
      { upstreams },
      { name: 'next', listen: [at.text], upstreams, enabled: false, ...next },
    ]
    return { at, services, stateDir: join(temporaryFolder(), 'state') }
  }

  async function start(stateDir: string, services: readonly TestService[]): Promise<Daemon> {
    const daemon = await Daemon.start({ engine, admin: { stateDir }, services })
    open.push(daemon)
    return daemon
  }

  async function change(daemon: Daemon, body: CutOverRequest, service = 'next'): Promise<CutOverAnswer> {
    const answer = await daemon.ask('POST', `/api/v1/services/${service}/cut-over`, { body })
    assert.equal(answer.status, 200, answer.body)
    return CutOverAnswer.parse(JSON.parse(answer.body))
  }

  async function stateOf(daemon: Daemon, name = 'next') {
    const { services } = CutOversAnswer.parse(JSON.parse((await daemon.get('/api/v1/cut-overs')).body))
    const state = services.find(({ service }) => service === name)
    assert.ok(state)
    return state
  }

  async function refuses(at: Address): Promise<boolean> {
    const probe = await Peer.connect(at).catch((error: NodeJS.ErrnoException) => error)
    if (probe instanceof Peer) probe.reset()
    return !(probe instanceof Peer) && probe.code === 'ECONNREFUSED'
  }

  async function echoes(client: Peer, text: string): Promise<void> {
    const before = client.bytesReceived
    void client.write(text)
    assert.equal((await client.receive(before + text.length)).subarray(before).toString(), text)
  }

  it('a service that is not enabled has its port closed; it opens and closes, and no stream notices', async () => {
    const { at, services, stateDir } = await prepare()
    const daemon = await start(stateDir, services)
    const other = await Peer.connect(daemon.addressOf('web'))
    await echoes(other, 'before')
    assert.ok(await refuses(at))

    const opened = await change(daemon, { action: 'enable' })
    assert.deepEqual([opened.stored, opened.cutOver.enabled, opened.cutOver.fileSays], [true, true, false])
    const client = await Peer.connect(at)
    await echoes(client, 'open')
    await echoes(other, 'still')

    await change(daemon, { action: 'disable' })
    assert.ok(await refuses(at))
    await echoes(client, 'goes on')
    await echoes(other, 'here')
    const events = new Set(daemon.lines.map(({ event }) => event))
    assert.ok(events.has('service-enabled') && events.has('service-disabled'))
    client.reset()
    other.reset()
    daemon.assertNoInternalErrors()
  })

  it("an operator's word holds over a restart, until the configuration says something else", async () => {
    const { at, services, stateDir } = await prepare()
    const first = await start(stateDir, services)
    await change(first, { action: 'enable' })
    await change(first, { action: 'disable' }, 'web')
    await first.stop()

    const second = await start(stateDir, services)
    assert.ok(!(await refuses(at)))
    assert.equal((await stateOf(second, 'web')).enabled, false)
    second.editConfig((text) => text.replace('"enabled": false', '"enabled": true'))
    assert.equal((await second.post('/api/v1/reload')).status, 200)
    assert.deepEqual([(await stateOf(second)).enabled, (await stateOf(second)).fileSays], [true, true])
    second.editConfig((text) => text.replace('"enabled": true', '"enabled": false'))
    assert.equal((await second.post('/api/v1/reload')).status, 200)
    assert.ok(await refuses(at))
    assert.equal((await stateOf(second, 'web')).enabled, false)
  })

  it('opens at the time that was set, and records the checklist of then', async () => {
    const { at, services, stateDir } = await prepare()
    const daemon = await start(stateDir, services)
    const { cutOver } = await change(daemon, { action: 'plan', at: new Date(Date.now() + 1_000).toISOString() })
    assert.deepEqual([cutOver.enabled, cutOver.plan?.by], [false, 'local'])
    await daemon.waitForLine('the switch', ({ event }) => event === 'service-enabled')
    const client = await Peer.connect(at)
    await echoes(client, 'planned')
    client.reset()
    const last = await waitFor('the checklist', async () => {
      const { last } = await stateOf(daemon)
      return last?.checklist === null ? undefined : last
    })
    assert.equal(last?.planned, true)
    assert.equal(last.checklist?.items[0].id, 'upstream-ready')
    assert.equal(last.checklist.items.at(-1)?.id, 'cut-over')
    assert.equal((await stateOf(daemon)).plan, null)
    const unready = await daemon.waitForLine('a warning', ({ event }) => event === 'cut-over-unready')
    assert.equal(unready['service'], 'next')
  })

  it('a plan outlives a kill; what is due meanwhile is done at the start; what is cancelled is not', async () => {
    const { at, services, stateDir } = await prepare()
    const first = await start(stateDir, [...services, { ...services[1], name: 'never', listen: ['127.0.0.1:0'] }])
    const soon = new Date(Date.now() + 1_500).toISOString()
    await change(first, { action: 'plan', at: soon })
    await change(first, { action: 'plan', at: soon }, 'never')
    await change(first, { action: 'cancel' }, 'never')
    first.kill()
    await first.exit()
    await waitFor('the time', () => Date.now() > Date.parse(soon))
    const second = await start(stateDir, [...services, { ...services[1], name: 'never', listen: ['127.0.0.1:0'] }])
    const line = await second.waitForLine('the switch', ({ event }) => event === 'service-enabled')
    assert.deepEqual([line['service'], line['planned'], line['by']], ['next', true, 'local'])
    assert.ok(!(await refuses(at)))
    assert.equal((await stateOf(second, 'never')).enabled, false)
  })

  it('where another process has the port nothing changes, and a plan is tried until it has gone', async () => {
    const { at, services, stateDir } = await prepare()
    const daemon = await start(stateDir, services)
    const squatter = await Upstream.listen({ host: at.host, port: at.port, onConnection: echo })
    open.push({ stop: () => squatter.close() })
    const { status, body } = await daemon.ask('POST', '/api/v1/services/next/cut-over', { body: { action: 'enable' } })
    assert.equal(status, 503)
    assert.match(Problem.parse(JSON.parse(body)).detail, /Nothing has changed.*another process holds it/)
    assert.equal((await stateOf(daemon)).enabled, false)

    await change(daemon, { action: 'plan', at: new Date(Date.now() + 500).toISOString() })
    await daemon.waitForLine('a failure', ({ event }) => event === 'cut-over-failed')
    await waitFor('the reason', async () => (await stateOf(daemon)).plan?.problem?.includes('another process'))
    await squatter.stopListening()
    await daemon.waitForLine('the switch', ({ event }) => event === 'service-enabled')
    assert.equal((await stateOf(daemon)).plan, null)
    // Names and lists that change meanwhile open nothing.
    await change(daemon, { action: 'disable' })
    assert.equal((await daemon.post('/api/v1/reload')).status, 200)
    assert.ok(await refuses(at))
  })

  it('the next version goes on with what is open, closed and planned', async () => {
    const { at, services, stateDir } = await prepare()
    const later = await closedAddress()
    const daemon = await start(stateDir, [...services, { ...services[1], name: 'later', listen: [later.text] }])
    open.push({ stop: () => endAll(daemon) })
    await change(daemon, { action: 'enable' })
    await change(daemon, { action: 'disable' }, 'web')
    const client = await Peer.connect(at)
    await echoes(client, 'before')
    daemon.signal('SIGUSR2')
    const due = new Date(Date.now() + 4_000).toISOString()
    await change(daemon, { action: 'plan', at: due }, 'later')
    await daemon.waitForLine('the next version', ({ event }) => event === 'upgraded', UPGRADE_DEADLINE_MS)
    const line = await daemon.waitForLine(
      'the switch',
      ({ event, service }) => event === 'service-enabled' && service === 'later',
    )
    assert.equal(line['planned'], true)
    for (const address of [at, later]) {
      const newcomer = await Peer.connect(address)
      await echoes(newcomer, 'after')
      newcomer.reset()
    }
    await echoes(client, 'goes on')
    client.reset()
    const states = await Promise.all(['web', 'next', 'later'].map((name) => stateOf(daemon, name)))
    assert.deepEqual(
      states.map(({ enabled }) => enabled),
      [false, true, true],
    )
  })

  it('by command line; what is kept is for the daemon alone, and damage to it is told of', async () => {
    const { at, services, stateDir } = await prepare()
    const daemon = await start(stateDir, services)
    const golive = (...args: string[]) => tidegate(daemon, 'golive', 'next', ...args)
    const enabled = await golive('--enable')
    assert.deepEqual(
      [enabled.code, enabled.stdout],
      [0, 'next is open. The configuration says enabled: false; this holds until that changes.\n'],
    )
    assert.ok(!(await refuses(at)))
    const twice = await golive('--enable-at', '03:00')
    assert.deepEqual([twice.code, /is open already/.test(twice.stderr)], [1, true])
    assert.equal((await golive('--enable', '--disable')).code, 2)
    assert.equal((await golive('--enable-at', 'soon')).code, 2)
    assert.match((await golive('--disable')).stdout, /is closed to new clients/)
    assert.match((await golive('--enable-at', '03:00')).stdout, /opens at .*:00\.000Z/)
    const file = join(stateDir, 'cut-overs.json')
    assert.match(readFileSync(file, 'utf8'), /"plan"/)
    await daemon.stop()

    writeFileSync(file, 'no JSON')
    const again = await start(stateDir, services)
    const line = await again.waitForLine('a word', ({ event }) => event === 'cut-overs-not-read')
    assert.equal(line['movedTo'], `${file}.damaged`)
    assert.ok(await refuses(at))
  })
})

/** What an operator sets: `drain` and `down` keep new clients away until they are taken back, over restarts too. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, it } from 'node:test'
import { UpstreamStateAnswer } from '../../src/api/contract.ts'
import { address } from '../harness/address.ts'
import { temporaryFolder, type TestService } from '../harness/config.ts'
import { Daemon } from '../harness/daemon.ts'
import { waitFor } from '../harness/deadline.ts'
import { forEachEngine } from '../harness/engines.ts'
import { blackhole, clearFirewall, prepareFirewall } from '../harness/own-network.ts'
import { Peer } from '../harness/peer.ts'
import type { Answer } from '../harness/started-program.ts'
import { tidegate } from '../harness/tidegate.ts'
import { wholeStream } from '../harness/test-stream.ts'
import { checkStream, type Pattern, sendStream } from '../harness/transfer.ts'
import { echo, Upstream } from '../harness/upstream.ts'

const skip = prepareFirewall() ?? false
/** Packets to it vanish. */
const SILENT = address('127.0.7.1', 7001)

forEachEngine((engine) => {
  const open: { stop(): void | Promise<void> }[] = []

  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one.stop()
    if (skip === false) clearFirewall()
  })

  async function upstreams(count: number): Promise<Upstream[]> {
    const all = await Promise.all(Array.from({ length: count }, () => Upstream.listen({ onConnection: echo })))
    for (const upstream of all) open.push({ stop: () => upstream.close() })
    return all
  }

  async function start(stateDir: string, service: Partial<TestService>): Promise<Daemon> {
    const services = [{ upstreams: [], ...service }]
    const daemon = await Daemon.start({ engine, admin: { stateDir }, services })
    open.push(daemon)
    return daemon
  }

  /** Two upstreams, `first` and `second`, in front of which a service prefers the first. */
  async function startWithTwo(service: Partial<TestService> = {}, stateDir = join(temporaryFolder(), 'state')) {
    const [first, second] = await upstreams(2)
    const named = [
      { address: first.address.text, name: 'first' },
      { address: second.address.text, name: 'second' },
    ]
    const daemon = await start(stateDir, { upstreams: named, ...service })
    return { daemon, first, second, stateDir, named }
  }

  async function set(daemon: Daemon, state: string, upstream = 'first'): Promise<Answer> {
    const answer = await tidegate(daemon, 'upstreams', state, 'web', upstream)
    assert.deepEqual([answer.code, answer.stderr], [0, ''], answer.stdout)
    return answer
  }

  async function openClient(daemon: Daemon): Promise<Peer> {
    const client = await Peer.connect(daemon.addressOf())
    await client.write('hello')
    await client.receiveText('hello')
    return client
  }

  /** The upstream that a new client gets. */
  async function visit(daemon: Daemon): Promise<string | null> {
    const client = await Peer.connect(daemon.addressOf())
    client.socket.end('hello')
    await client.receiveAll()
    return (await daemon.lineOf(client)).upstream
  }

  it('drain keeps open streams whole, sends new clients elsewhere, and up takes it back', async () => {
    const { daemon } = await startWithTwo({ onDown: 'close' })
    const client = await openClient(daemon)
    const { stdout } = await set(daemon, 'drain')
    assert.equal(stdout, 'first of web is drain now, it was up; 1 connection left open.\n')
    assert.equal(await visit(daemon), 'second')
    const bytes = wholeStream(3, 3_000_000)
    client.socket.end(bytes)
    const seen = await client.receiveAll()
    assert.equal(seen.ending, 'fin')
    assert.ok(seen.bytes.subarray(5).equals(bytes))
    assert.equal((await daemon.lineOf(client)).upstream, 'first')
    await daemon.waitForMetric('tidegate_upstream_wanted', { upstream: 'first', state: 'drain' }, 1)
    await daemon.waitForMetric('tidegate_upstream_wanted', { upstream: 'first', state: 'up' }, 0)
    await set(daemon, 'up')
    assert.equal(await visit(daemon), 'first')
    const said = daemon.lines.filter(({ event }) => event === 'upstream-state-set')
    assert.deepEqual(
      said.map(({ service, upstream, from, to, by }) => [service, upstream, from, to, by]),
      [
        ['web', 'first', 'up', 'drain', 'local'],
        ['web', 'first', 'drain', 'up', 'local'],
      ],
    )
  })

  it('down with onDown close resets what is open, on all workers, and nothing of other upstreams', async () => {
    const { daemon, first, second } = await startWithTwo({ onDown: 'close' })
    await set(daemon, 'drain')
    const stays = await openClient(daemon)
    await set(daemon, 'up')
    const clients = await Promise.all(Array.from({ length: 600 }, () => openClient(daemon)))
    assert.match((await set(daemon, 'down')).stdout, / connections being closed\.$/m)
    for (const client of clients) assert.equal((await client.receiveAll()).ending, 'reset')
    for (const server of first.connections) assert.equal((await server.receiveAll()).ending, 'reset')
    for (const client of clients) {
      const line = await daemon.lineOf(client)
      assert.deepEqual([line.reason, line.upstream, line.bytesToClient], ['upstream-down', 'first', 5])
    }
    await daemon.waitForMetric('tidegate_connections_closed_total', { reason: 'upstream-down' }, clients.length)
    await daemon.waitForMetric('tidegate_upstream_connections_open', { upstream: 'first' }, 0)
    await stays.write('again')
    await stays.receiveText('helloagain')
    assert.equal(second.connections.length, 1)
    assert.equal(await visit(daemon), 'second')
  })

  it('streams in full flight: those of the upstream that goes down are reset, the others arrive whole', async () => {
    const { daemon, second } = await startWithTwo({ onDown: 'close' })
    let isOver = false
    const pattern = (seed: number): Pattern => ({
      seed,
      get bytes() {
        return isOver ? 0 : Infinity
      },
      pieceBytesMax: 100_000,
      stall: 0.3,
    })
    const begin = async (seed: number) => {
      const client = await Peer.connect(daemon.addressOf())
      const check = checkStream(client, pattern(seed))
      void sendStream(client, pattern(seed)).catch(() => 'cut')
      return { client, check }
    }
    await set(daemon, 'drain')
    const whole = await Promise.all(Array.from({ length: 6 }, (_, i) => begin(i + 1)))
    await waitFor('the second to be met', () => second.connections.length === whole.length)
    await set(daemon, 'up')
    const cut = await Promise.all(Array.from({ length: 6 }, (_, i) => begin(i + 100)))
    // Stalled on top: their bytes wait in pipes and spills.
    const stalled = await Promise.all(Array.from({ length: 6 }, () => openClient(daemon)))
    for (const client of stalled) {
      client.pause()
      client.socket.write(wholeStream(9, 12_000_000))
    }
    await waitFor('bytes at all of them', () => cut.every(({ check }) => check.bytes > 0))
    await set(daemon, 'down')
    for (const { client, check } of cut) {
      await client.receiveAll()
      assert.equal(check.difference, undefined)
      assert.equal((await daemon.lineOf(client)).reason, 'upstream-down')
    }
    for (const client of stalled) {
      client.resume()
      assert.equal((await client.receiveAll()).ending, 'reset')
      assert.equal((await daemon.lineOf(client)).reason, 'upstream-down')
    }
    isOver = true
    for (const { client, check } of whole) {
      assert.equal((await client.receiveAll()).ending, 'fin')
      const { reason, bytesToUpstream } = await daemon.lineOf(client)
      assert.deepEqual([check.difference, check.bytes, reason], [undefined, bytesToUpstream, 'client-closed'])
    }
    await daemon.waitForMetric('tidegate_connections_open', {}, 0)
    await daemon.waitForMetric('tidegate_worker_spill_bytes', {}, 0)
  })

  it('down with onDown keep, the default, is as drain; said again with the same word nothing changes', async () => {
    const { daemon } = await startWithTwo()
    const client = await openClient(daemon)
    await set(daemon, 'down')
    assert.match((await set(daemon, 'down')).stdout, /^first of web is down already; 1 connection left open\.\n$/)
    assert.equal(await visit(daemon), 'second')
    client.finish()
    assert.equal((await client.receiveAll()).ending, 'fin')
    assert.equal((await daemon.lineOf(client)).reason, 'client-closed')
  })

  it('a client whose dial is under way when its upstream is taken down gets the next', { skip }, async () => {
    const [second] = await upstreams(1)
    blackhole(SILENT.host, SILENT.port)
    const named = [
      { address: SILENT.text, name: 'first' },
      { address: second.address.text, name: 'second' },
    ]
    const stateDir = join(temporaryFolder(), 'state')
    const daemon = await start(stateDir, { upstreams: named, onDown: 'close', connectTimeout: '1h' })
    const client = await Peer.connect(daemon.addressOf())
    await client.write('hello')
    await daemon.waitForMetric('tidegate_connections_open', {}, 1)
    assert.equal(second.connections.length, 0)
    await set(daemon, 'down')
    await client.receiveText('hello')
    client.finish()
    await client.receiveAll()
    const line = await daemon.lineOf(client)
    assert.deepEqual([line.upstream, line.attempts, line.reason], ['second', 2, 'client-closed'])
    await daemon.waitForMetric('tidegate_upstream_connect_failures_total', {}, 0)
  })

  it('survives a restart until it is taken back; the file is made when it is needed, for us alone', async () => {
    const { daemon, stateDir, named } = await startWithTwo()
    assert.equal(existsSync(join(stateDir, 'operator-states.json')), false)
    await set(daemon, 'down')
    assert.equal(statSync(stateDir).mode & 0o777, 0o700)
    assert.equal(statSync(join(stateDir, 'operator-states.json')).mode & 0o777, 0o600)
    await daemon.stop()
    const again = await start(stateDir, { upstreams: named })
    assert.equal(await visit(again), 'second')
    const said = again.lines.find(({ event }) => event === 'upstream-state-set')
    assert.deepEqual([said?.['upstream'], said?.['to']], ['first', 'down'])
    await set(again, 'up')
    await again.stop()
    assert.equal(await visit(await start(stateDir, { upstreams: named })), 'first')
  })

  it('a damaged file stops nothing: all are up, the log says so, and the file is kept for a look', async () => {
    const stateDir = temporaryFolder()
    const file = join(stateDir, 'operator-states.json')
    writeFileSync(file, '{ "version": 1, "upstreams": [{ "serv')
    const { daemon } = await startWithTwo({}, stateDir)
    assert.equal(await visit(daemon), 'first')
    const said = daemon.lines.find(({ event }) => event === 'upstream-states-not-read')
    assert.deepEqual([said?.['file'], said?.['movedTo']], [file, `${file}.damaged`])
    await set(daemon, 'drain')
    assert.match(readFileSync(file, 'utf8'), /"wanted": "drain"/)
  })

  it('where nothing can be stored the state holds all the same, and both log and command say so', async () => {
    const stateDir = join(temporaryFolder(), 'state')
    writeFileSync(stateDir, 'a file where the folder would be')
    const { daemon } = await startWithTwo({}, stateDir)
    const { stdout } = await set(daemon, 'drain')
    assert.match(stdout, /^Warning: this could not be stored, and holds until the next start only/m)
    assert.equal(await visit(daemon), 'second')
    assert.ok(daemon.lines.some(({ event }) => event === 'upstream-states-not-stored'))
  })

  it('where the disk takes nothing more, what was stored before stays', async () => {
    const { daemon, stateDir, named } = await startWithTwo()
    await set(daemon, 'drain')
    // What was answered is on the disk, whatever happens next.
    daemon.kill()
    await daemon.exited
    const services = [{ upstreams: named }]
    const full = await Daemon.start({ engine, admin: { stateDir }, services, prefix: ['prlimit', '--fsize=0'] })
    open.push(full)
    assert.equal(await visit(full), 'second')
    assert.match((await set(full, 'up')).stdout, /^Warning: this could not be stored/m)
    assert.equal(await visit(full), 'first')
    const names = readdirSync(stateDir).filter((name) => !name.startsWith('tidegate.db') && name !== 'admin-token')
    assert.deepEqual(names, ['operator-states.json'])
    await full.stop()
    assert.equal(await visit(await start(stateDir, { upstreams: named })), 'second')
  })

  it('a folder in place of the file is no state, and no reason not to start', async () => {
    const stateDir = temporaryFolder()
    mkdirSync(join(stateDir, 'operator-states.json'))
    const { daemon } = await startWithTwo({}, stateDir)
    assert.equal(await visit(daemon), 'first')
    assert.ok(daemon.lines.some(({ event }) => event === 'upstream-states-not-read'))
  })

  it('taking the last usable upstream away is done, with a warning in the answer and in the log', async () => {
    const { daemon } = await startWithTwo()
    assert.doesNotMatch((await set(daemon, 'drain', 'second')).stdout, /Warning/)
    assert.match((await set(daemon, 'down', 'first')).stdout, /^Warning: no usable upstream is left in web/m)
    const said = await daemon.waitForLine('a warning', ({ event }) => event === 'last-upstream-taken')
    assert.deepEqual([said['level'], said['service'], said['upstream']], ['warn', 'web', 'first'])
    const client = await Peer.connect(daemon.addressOf())
    assert.equal((await client.receiveAll()).ending, 'reset')
    assert.equal((await daemon.lineOf(client)).reason, 'upstream-unreachable')
  })

  it('unknown names and verbs are wrong usage, each with what was probably meant', async () => {
    const { daemon } = await startWithTwo()
    const cases: [string[], RegExp][] = [
      [['drain', 'wbe', 'first'], /There is no service "wbe"\. Did you mean web\?/],
      [['drain', 'web', 'frist'], /There is no upstream "frist"\. Did you mean first\?/],
      [['drain', 'web', 'x'], /There is no upstream "x"\. Service web has first, second\./],
      [['drian', 'web', 'first'], /There is no service "drian"\. Did you mean drain\?/],
      [['drain', 'web'], /missing required argument 'upstream'/],
    ]
    for (const [args, message] of cases) {
      const { code, stdout, stderr } = await tidegate(daemon, 'upstreams', ...args)
      assert.deepEqual([code, stdout], [2, ''], args.join(' '))
      assert.match(stderr, message)
    }
    assert.equal(await visit(daemon), 'first')
  })

  it('upstreams lists what is wanted, as text and as JSON', async () => {
    const { daemon } = await startWithTwo()
    await set(daemon, 'drain', 'second')
    const { stdout } = await tidegate(daemon, 'upstreams', 'web')
    assert.match(stdout, /^web\n {2}upstream {2}wanted .*\n {2}first {5}up .*\n {2}second {4}drain /)
    const json = JSON.parse((await tidegate(daemon, 'upstreams', '--json')).stdout) as {
      service: string
      upstreams: { name: string; wanted: string }[]
    }[]
    assert.deepEqual(
      json.map(({ service, upstreams }) => ({ [service]: upstreams.map(({ name, wanted }) => [name, wanted]) })),
      [
        {
          web: [
            ['first', 'up'],
            ['second', 'drain'],
          ],
        },
      ],
    )
    const answer = await tidegate(daemon, 'upstreams', '--json', 'down', 'web', 'second')
    const { from, stored, closes, usableLeft, upstream } = UpstreamStateAnswer.parse(JSON.parse(answer.stdout))
    assert.deepEqual([from, stored, closes, usableLeft, upstream.wanted], ['drain', true, false, 1, 'down'])
    assert.match((await tidegate(daemon, 'status', '--once')).stdout, /^ {2}second {4}down /m)
  })

  it('an admin address beyond loopback that is not encrypted is warned of', async () => {
    const [first] = await upstreams(1)
    const services = [{ upstreams: [first.address.text] }]
    const daemon = await Daemon.start({ engine, admin: { listen: '0.0.0.0:0', plainHttp: true }, services })
    open.push(daemon)
    const said = daemon.lines.find(({ event }) => event === 'admin-exposed')
    assert.deepEqual([said?.['level'], said?.['address']], ['warn', daemon.adminAddress.text])
  })
})

/** A changed configuration comes into force without a dropped connection, or not at all. */
import assert from 'node:assert/strict'
import { renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { afterEach, it } from 'node:test'
import { address, type Address } from '../harness/address.ts'
import { temporaryFolder, writeConfig, type TestConfig, type TestService } from '../harness/config.ts'
import { Daemon, runTidegate, type LogLine } from '../harness/daemon.ts'
import { waitFor } from '../harness/deadline.ts'
import { forEachEngine } from '../harness/engines.ts'
import {
  foreignSocketOption,
  IPPROTO_TCP,
  SO_RCVBUF,
  SOL_SOCKET,
  TCP_CONGESTION,
  TCP_KEEPIDLE,
  TCP_NOTSENT_LOWAT,
  TCP_USER_TIMEOUT,
  TCP_WINDOW_CLAMP,
} from '../harness/kernel.ts'
import { Peer } from '../harness/peer.ts'
import { socketBetween } from '../harness/socket-state.ts'
import { wholeStream } from '../harness/test-stream.ts'
import { closedAddress, echo, greetThenEcho, Upstream } from '../harness/upstream.ts'
import { differs } from './differences.ts'

const RELOAD = '/api/v1/reload'

forEachEngine((engine) => {
  const open: { stop(): void | Promise<void> }[] = []

  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one.stop()
  })

  async function upstreamThat(onConnection: (peer: Peer) => void): Promise<Upstream> {
    const upstream = await Upstream.listen({ onConnection })
    open.push({ stop: () => upstream.close() })
    return upstream
  }

  async function start(config: TestConfig): Promise<Daemon> {
    const daemon = await Daemon.start({ engine, ...config })
    open.push(daemon)
    return daemon
  }

  /** `extra` are keys outside of services. */
  function rewrite(daemon: Daemon, services: readonly TestService[], extra: Partial<TestConfig> = {}): void {
    writeConfig(dirname(daemon.configFile), { ...extra, traffic: { engine, ...extra.traffic }, services })
  }

  async function reload(
    daemon: Daemon,
    services: readonly TestService[],
    extra: Partial<TestConfig> = {},
  ): Promise<Record<string, unknown>> {
    rewrite(daemon, services, extra)
    const { status, body } = await daemon.post(RELOAD)
    assert.equal(status, 200, body)
    return JSON.parse(body) as Record<string, unknown>
  }

  async function failingReload(
    daemon: Daemon,
    services: readonly TestService[],
    extra: Partial<TestConfig> = {},
  ): Promise<{ status: number; kind: string; text: string }> {
    rewrite(daemon, services, extra)
    const { status, body } = await daemon.post(RELOAD)
    return { status, ...(JSON.parse(body) as { kind: string; text: string }) }
  }

  async function greetingAt(at: Address): Promise<string> {
    const client = await Peer.connect(at)
    const text = (await client.receive(1)).toString()
    client.reset()
    return text
  }

  async function refuses(at: Address): Promise<boolean> {
    const probe = await Peer.connect(at).catch((error: NodeJS.ErrnoException) => error)
    if (probe instanceof Peer) probe.reset()
    return !(probe instanceof Peer) && probe.code === 'ECONNREFUSED'
  }

  it('streams of an unchanged service survive 20 reloads to the last byte', async () => {
    const upstream = await upstreamThat(echo)
    const web = { upstreams: [upstream.address.text] }
    const daemon = await start({ services: [web] })
    const bytes = wholeStream(3, 20_000_000)
    const clients = await Promise.all([1, 2, 3, 4].map(() => Peer.connect(daemon.addressOf())))
    const chunk = bytes.length / 20
    for (let i = 0; i < 20; i++) {
      for (const client of clients) client.socket.write(bytes.subarray(i * chunk, (i + 1) * chunk))
      const other = { name: 'other', upstreams: [upstream.address.text] }
      await reload(daemon, i % 2 === 0 ? [web, other] : [web])
    }
    for (const client of clients) client.finish()
    for (const client of clients) {
      const seen = await client.receiveAll()
      assert.equal(seen.ending, 'fin')
      assert.ok(seen.bytes.equals(bytes))
      assert.equal((await daemon.lineOf(client)).reason, 'client-closed')
    }
  })

  it('a new service comes up; a removed one refuses new clients, and its open stream goes on', async () => {
    const upstream = await upstreamThat(echo)
    const old = { name: 'old', upstreams: [upstream.address.text] }
    const fresh = { name: 'fresh', upstreams: [upstream.address.text] }
    const daemon = await start({ services: [old] })
    const oldAddress = daemon.addressOf('old')
    const client = await Peer.connect(oldAddress)
    await client.write('hello')
    await client.receiveText('hello')
    await reload(daemon, [fresh])
    assert.ok(await refuses(oldAddress))
    const second = await Peer.connect(daemon.addressOf('fresh'))
    await second.write('new')
    await second.receiveText('new')
    second.destroy()
    client.socket.end(' and on')
    const { bytes, ending } = await client.receiveAll()
    assert.deepEqual([bytes.toString(), ending], ['hello and on', 'fin'])
    const line = await daemon.lineOf(client)
    assert.deepEqual([line.service, line.upstream, line.reason], ['old', upstream.address.text, 'client-closed'])
    assert.equal((await daemon.lineOf(second)).service, 'fresh')
  })

  it('a listener moves to another service without being closed', async () => {
    const [a, b] = [await upstreamThat(greetThenEcho('a')), await upstreamThat(greetThenEcho('b'))]
    const at = await closedAddress()
    const services = (owner: 'one' | 'two'): TestService[] => [
      { name: 'one', listen: owner === 'one' ? [at.text] : ['127.0.0.1:0'], upstreams: [a.address.text] },
      { name: 'two', listen: owner === 'two' ? [at.text] : ['127.0.0.1:0'], upstreams: [b.address.text] },
    ]
    const daemon = await start({ services: services('one') })
    const early = await Peer.connect(at)
    await early.receiveText('a')
    const seen = new Set<string>()
    let moving = true
    const knocking = (async () => {
      while (moving) seen.add(await greetingAt(at))
    })()
    const answers = []
    for (let i = 0; i < 6; i++) answers.push(await reload(daemon, services(i % 2 === 0 ? 'two' : 'one')))
    assert.equal(await greetingAt(at), 'a')
    await reload(daemon, services('two'))
    assert.equal(await greetingAt(at), 'b')
    moving = false
    await knocking
    assert.ok([...seen].every((text) => 'ab'.includes(text)))
    assert.match(String(answers[0]['text']), new RegExp(`~ listener ${at.text}: service one → two`))
    await early.write('still')
    await early.receiveText('astill')
  })

  it('new clients go by the new upstreams and keys; open connections keep theirs', async () => {
    const [a, b] = [await upstreamThat(greetThenEcho('a')), await upstreamThat(greetThenEcho('b'))]
    const daemon = await start({ services: [{ upstreams: [a.address.text] }] })
    const early = await Peer.connect(daemon.addressOf())
    await early.receiveText('a')
    const added = await reload(daemon, [{ upstreams: [b.address.text, a.address.text], connectTimeout: '1s' }])
    assert.match(String(added['text']), /\+ upstream [\s\S]*~ connectTimeout: 5s → 1s/)
    assert.equal(await greetingAt(daemon.addressOf()), 'b')
    await reload(daemon, [{ upstreams: [b.address.text] }])
    assert.equal(await greetingAt(daemon.addressOf()), 'b')
    await early.write('still')
    await early.receiveText('astill')
    early.finish()
    await early.receiveAll()
    assert.equal((await daemon.lineOf(early)).upstream, a.address.text)
    assert.equal((await daemon.metrics()).sum('tidegate_connections_total', { service: 'web' }), 3)
    await reload(daemon, [{ upstreams: [await closedText()], onFailure: 'close' }])
    const failed = await Peer.connect(daemon.addressOf())
    assert.equal((await failed.receiveAll()).ending, 'fin')
  })

  async function closedText(): Promise<string> {
    return (await closedAddress()).text
  }

  it(
    'a listener that stays takes on socket options that come and lets go of those that go',
    { skip: differs('socket-options', engine) },
    async () => {
      const upstream = await upstreamThat(echo)
      const web = { upstreams: [upstream.address.text] }
      const tuned = {
        ...web,
        socket: {
          client: {
            receiveBuffer: '64KiB',
            notSentLowWater: '16KiB',
            congestionControl: 'reno',
            windowClamp: '32KiB',
            keepAlive: '77s',
            userTimeout: '12s',
          },
        },
      }
      const daemon = await start({ services: [web] })
      const read = async (): Promise<Record<string, number | string>> => {
        const client = await Peer.connect(daemon.addressOf())
        await client.write('hello')
        await client.receiveText('hello')
        const here = socketBetween(client.remotePort, client.localPort)
        const option = (level: number, name: number): Buffer =>
          foreignSocketOption(here?.pid ?? -1, here?.fd ?? -1, level, name)
        return {
          receiveBuffer: option(SOL_SOCKET, SO_RCVBUF).readInt32LE(0),
          lowWater: option(IPPROTO_TCP, TCP_NOTSENT_LOWAT).readInt32LE(0),
          congestion: option(IPPROTO_TCP, TCP_CONGESTION).toString('latin1').replace(/\0.*/s, ''),
          clamped: option(IPPROTO_TCP, TCP_WINDOW_CLAMP).readInt32LE(0) <= 32 * 1024 ? 'yes' : 'no',
          keepIdle: option(IPPROTO_TCP, TCP_KEEPIDLE).readInt32LE(0),
          userTimeout: option(IPPROTO_TCP, TCP_USER_TIMEOUT).readInt32LE(0),
        }
      }
      const plain = await read()
      await reload(daemon, [tuned])
      assert.deepEqual(await read(), {
        receiveBuffer: 2 * 64 * 1024,
        lowWater: 16 * 1024,
        congestion: 'reno',
        clamped: 'yes',
        keepIdle: 77,
        userTimeout: 12_000,
      })
      await reload(daemon, [web])
      assert.deepEqual({ ...(await read()), receiveBuffer: plain['receiveBuffer'] }, plain)
    },
  )

  it('a wrong file changes nothing and says everything that is wrong, with its places', async () => {
    const upstream = await upstreamThat(greetThenEcho('a'))
    const web = { upstreams: [upstream.address.text] }
    const daemon = await start({ services: [web] })
    const sockets = daemon.socketCount()
    const { status, kind, text } = await failingReload(daemon, [
      { ...web, connectTimeout: '1x' },
      { name: 'other', upstreams: ['name.invalid:1'], colour: 'red' },
    ])
    assert.deepEqual([status, kind], [422, 'wrong-config'])
    assert.match(text, /tidegate\.yaml:\d+:\d+: services\[0\]\.connectTimeout: "1x" is not a duration/)
    assert.match(text, /E_CONFIG_UNKNOWN_KEY/)
    const line = await daemon.waitForLine('the refusal', ({ event }) => event === 'reload-failed')
    assert.deepEqual([line['by'], line['why'], (line['problems'] as unknown[]).length], ['admin', 'wrong-config', 2])
    const unresolved = await failingReload(daemon, [{ upstreams: ['name.invalid:1'] }])
    assert.match(unresolved.text, /E_CONFIG_UNRESOLVED/)
    assert.equal(await greetingAt(daemon.addressOf()), 'a')
    await daemon.waitForSocketCount(sockets)
  })

  it('a port that somebody else holds fails the whole reload: nothing new is open, and nothing old is gone', async () => {
    const [a, b, holder] = [
      await upstreamThat(greetThenEcho('a')),
      await upstreamThat(greetThenEcho('b')),
      await upstreamThat(echo),
    ]
    const daemon = await start({ services: [{ upstreams: [a.address.text] }] })
    const sockets = daemon.socketCount()
    const free = await closedAddress()
    const wanted = [
      { upstreams: [b.address.text] },
      { name: 'new', listen: [free.text, holder.address.text], upstreams: [b.address.text] },
    ]
    const { status, kind, text } = await failingReload(daemon, wanted)
    assert.deepEqual([status, kind], [503, 'failed'])
    const sentence = `Cannot listen on ${holder.address.text}: another process holds it`
    assert.ok(text.startsWith(sentence) && text.includes('listen of service new'), text)
    assert.ok(await refuses(free))
    assert.equal(await greetingAt(daemon.addressOf()), 'a')
    await daemon.waitForSocketCount(sockets)
    await holder.stopListening()
    await reload(daemon, wanted)
    assert.equal(await greetingAt(holder.address), 'b')
    assert.equal(await greetingAt(free), 'b')
    assert.equal(await greetingAt(daemon.addressOf()), 'b')
  })

  it('clients that connect all the while see no reload that adds and removes other listeners', async () => {
    const upstream = await upstreamThat(greetThenEcho('a'))
    const web = { upstreams: [upstream.address.text] }
    const daemon = await start({ services: [web] })
    const sockets = daemon.socketCount()
    let reloading = true
    let served = 0
    const knock = async (): Promise<void> => {
      while (reloading) {
        assert.equal(await greetingAt(daemon.addressOf()), 'a')
        served++
      }
    }
    const clients = [knock(), knock(), knock(), knock()]
    for (let i = 0; i < 20; i++) {
      const before = served
      const others = Array.from({ length: i % 4 }, (_, n) => ({
        ...web,
        name: `other-${n}`,
        listen: ['127.0.0.1:0', '*:0'],
      }))
      await reload(daemon, [web, ...others])
      await waitFor('clients between two reloads', () => served > before)
    }
    reloading = false
    await Promise.all(clients)
    assert.ok(served >= 20)
    await reload(daemon, [web])
    await daemon.waitForSocketCount(sockets)
  })

  it('listeners come and go without leaving a file open', async () => {
    const web = { upstreams: ['127.0.0.1:9'] }
    const daemon = await start({ services: [web] })
    const files = daemon.openFiles().length
    for (let i = 0; i < 10; i++) {
      await reload(daemon, [web, { ...web, name: 'other', listen: ['127.0.0.1:0', '127.0.0.1:0'] }])
      await reload(daemon, [web])
    }
    await waitFor('all files to be closed', () => daemon.openFiles().length <= files)
  })

  it('clients that the kernel has queued for a listener that goes are still served', async () => {
    const upstream = await upstreamThat(echo)
    const services = [
      { name: 'kept', upstreams: [upstream.address.text] },
      { name: 'gone', upstreams: [upstream.address.text] },
    ]
    const daemon = await start({ services })
    const at = daemon.addressOf('gone')
    rewrite(daemon, services.slice(0, 1))
    const clients = await daemon.frozen(async () => {
      const peers = await Promise.all(Array.from({ length: 10 }, () => Peer.connect(at)))
      daemon.signal('SIGHUP')
      return peers
    })
    for (const client of clients) client.socket.end('hello')
    for (const client of clients) assert.equal((await client.receiveAll()).bytes.toString(), 'hello')
    await daemon.waitForLine('the reload', ({ event }) => event === 'reloaded')
    assert.ok(await refuses(at))
  })

  it('a listener is narrowed and widened again on the same port', async () => {
    const upstream = await upstreamThat(greetThenEcho('a'))
    const { port } = await closedAddress()
    const services = (host: string): TestService[] => [
      { listen: [`${host}:${port}`], upstreams: [upstream.address.text] },
    ]
    const daemon = await start({ services: services('*') })
    for (const host of ['127.0.0.1', '0.0.0.0', '*']) {
      await reload(daemon, services(host))
      assert.equal(await greetingAt(address('127.0.0.1', port)), 'a')
      assert.equal(await refuses(address('::1', port)), host !== '*')
    }
  })

  it('SIGHUP reloads, a second one meanwhile loses nothing, and one with a wrong file ends nobody', async () => {
    const upstream = await upstreamThat(greetThenEcho('a'))
    const web = { upstreams: [upstream.address.text] }
    const daemon = await start({ services: [web] })
    rewrite(daemon, [web, { ...web, name: 'other' }])
    daemon.signal('SIGHUP')
    daemon.signal('SIGHUP')
    const line = await daemon.waitForLine('the reload', ({ event }) => event === 'reloaded')
    assert.deepEqual([line['by'], line['servicesAdded']], ['SIGHUP', ['other']])
    assert.equal(await greetingAt(daemon.addressOf('other')), 'a')
    writeFileSync(daemon.configFile, 'services: [')
    daemon.signal('SIGHUP')
    await daemon.waitForLine('the refusal', ({ event }) => event === 'reload-failed')
    assert.equal(await greetingAt(daemon.addressOf('other')), 'a')
  })

  it('a stop in the middle of a reload wins, and the daemon ends in order', async () => {
    const upstream = await upstreamThat(echo)
    const web = { upstreams: [upstream.address.text] }
    const daemon = await start({ services: [web], traffic: { drainTimeout: '1h' } })
    const client = await Peer.connect(daemon.addressOf())
    const others = Array.from({ length: 20 }, (_, i) => ({ ...web, name: `other-${i}` }))
    rewrite(daemon, [web, ...others], { traffic: { drainTimeout: '1h' } })
    await daemon.frozen(async () => {
      daemon.signal('SIGHUP')
      daemon.signal('SIGTERM')
    })
    await daemon.waitForLine('the drain', ({ event }) => event === 'draining')
    await daemon.waitForLine('the end of the reload', ({ event }) => event?.startsWith('reload') === true)
    for (const text of daemon.lines.filter(({ event }) => event === 'listening').map(({ address: at }) => String(at))) {
      const [host, port] = text.split(':')
      await waitFor('no listener to be left', () => refuses(address(host, Number(port))))
    }
    client.socket.end('hello')
    assert.equal((await client.receiveAll()).bytes.toString(), 'hello')
    assert.deepEqual(await daemon.exit(), { code: 0, signal: null })
  })

  it('who asks while a reload runs gets the answer of one that began after the question', async () => {
    const web = { upstreams: ['127.0.0.1:9'] }
    const daemon = await start({ services: [web] })
    rewrite(daemon, [web, { ...web, name: 'other' }])
    const answers = await Promise.all(Array.from({ length: 12 }, () => daemon.post(RELOAD)))
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200])
    assert.equal(daemon.listenerTexts('other').length, 1)
    const first = daemon.lines.find(({ event }) => event === 'reloaded')
    assert.deepEqual(first?.['servicesAdded'], ['other'])
  })

  it('tidegate reload: the difference, the answer as JSON, and an exit code for each end', async () => {
    const web = { upstreams: ['127.0.0.1:9'] }
    const daemon = await start({ services: [web] })
    const env = { TIDEGATE_ADMIN: daemon.adminAddress.text }
    rewrite(
      daemon,
      [
        { upstreams: ['127.0.0.1:10'], idleTimeout: 'off', socket: { client: { keepAlive: '90s' } } },
        { ...web, name: 'new' },
      ],
      {
        log: { connections: 'none' },
      },
    )
    const dry = await runTidegate(['reload', '--dry-run'], env)
    assert.equal(dry.code, 0)
    assert.deepEqual(dry.output.trimEnd().split('\n'), [
      '~ log.connections: all → none',
      '+ service new',
      '~ service web',
      '    - upstream 127.0.0.1:9',
      '    + upstream 127.0.0.1:10',
      '    ~ idleTimeout: 1h → off',
      '    ~ socket.client.keepAlive: 1m → 90s',
    ])
    assert.equal(daemon.listenerTexts('new').length, 0)
    const done = await runTidegate(['reload', '--json'], env)
    assert.equal(done.code, 0)
    assert.match(done.output, /"kind":"done".*"servicesAdded":\["new"\]/)
    assert.equal(daemon.listenerTexts('new').length, 1)
    assert.equal((await runTidegate(['reload', '--dry-run'], env)).output, 'Nothing changes.\n')
    writeFileSync(daemon.configFile, 'services: 7')
    const wrong = await runTidegate(['reload'], env)
    assert.equal(wrong.code, 2)
    assert.match(wrong.output, /E_CONFIG_TYPE[\s\S]*nothing has changed/)
    const nobody = await runTidegate(['reload'], { TIDEGATE_ADMIN: (await closedAddress()).text })
    assert.equal(nobody.code, 1)
    assert.match(nobody.output, /Cannot reach Tidegate.*SIGHUP/)
  })

  it('keys that are set up at the start are named, and nothing changes', async () => {
    const web = { upstreams: ['127.0.0.1:9'] }
    const daemon = await start({ services: [web] })
    const { status, kind, text } = await failingReload(daemon, [web, { ...web, name: 'new' }], {
      traffic: { workers: 1, maxConnections: 77 },
    })
    assert.deepEqual([status, kind], [409, 'needs-restart'])
    assert.match(text, /traffic\.workers \(2 → 1\), traffic\.maxConnections \(auto → 77\) need a restart/)
    assert.equal(daemon.listenerTexts('new').length, 0)
  })

  it('what and how the log says changes live, and so does drainTimeout', async () => {
    const upstream = await upstreamThat(greetThenEcho('a'))
    const web = { upstreams: [upstream.address.text] }
    const daemon = await start({ services: [web], log: { connections: 'none' } })
    await greetingAt(daemon.addressOf())
    await reload(daemon, [web], { traffic: { drainTimeout: '321ms' } })
    const client = await Peer.connect(daemon.addressOf())
    await client.receiveText('a')
    client.finish()
    await client.receiveAll()
    assert.equal((await daemon.lineOf(client)).reason, 'client-closed')
    assert.equal(daemon.connectionLines.length, 1)
    daemon.signal('SIGTERM')
    const draining = await daemon.waitForLine('draining', ({ event }) => event === 'draining')
    assert.equal(draining['drainTimeoutMs'], 321)
  })

  it('a changed file is taken over by itself where that is asked for; a half-written one is told of once', async () => {
    const upstream = await upstreamThat(greetThenEcho('a'))
    const web = { upstreams: [upstream.address.text] }
    const admin = { watchConfig: true }
    const daemon = await start({ services: [web], admin })
    const reloads = (): LogLine[] =>
      daemon.lines.filter(({ event }) => event === 'reloaded' || event === 'reload-failed')
    // In its place.
    rewrite(daemon, [web, { ...web, name: 'second' }], { admin })
    await waitFor('the second service', () => daemon.listenerTexts('second').length === 1)
    // Renamed into its place, as editors do.
    const beside = writeConfig(temporaryFolder(), {
      admin,
      traffic: { engine },
      services: [web, { ...web, name: 'third' }],
    })
    renameSync(beside, daemon.configFile)
    await waitFor('the third service', () => daemon.listenerTexts('third').length === 1)
    // Half of it.
    writeFileSync(daemon.configFile, 'services:\n  - { name: web, li')
    await waitFor('the refusal', () => reloads().length === 3)
    assert.equal(await greetingAt(daemon.addressOf('third')), 'a')
    rewrite(daemon, [web, { ...web, name: 'fourth' }])
    await waitFor('the fourth service', () => daemon.listenerTexts('fourth').length === 1)
    await waitFor('the last line', () => reloads().length === 4)
    assert.deepEqual(
      reloads().map(({ event, by }) => [event, by].join(' ')),
      ['reloaded watchConfig', 'reloaded watchConfig', 'reload-failed watchConfig', 'reloaded watchConfig'],
    )
  })

  it('who asks by another name than ours is told of admin.hosts, and is answered once it is there', async () => {
    const daemon = await start({ services: [{ upstreams: ['127.0.0.1:9'] }] })
    const byName = (host: string) => daemon.post(`${RELOAD}?dryRun=true`, { host })
    const refused = await byName('gate.example:9900')
    assert.equal(refused.status, 403)
    assert.match(refused.body, /gate\.example:9900.*admin\.hosts/)
    daemon.editConfig((text) => text.replace('"admin": {', '"admin": { "hosts": ["Gate.example"],'))
    assert.equal((await daemon.post(RELOAD)).status, 200)
    assert.equal((await byName('gate.example:9900')).status, 200)
    assert.equal((await byName('other.example:9900')).status, 403)
  })

  it('a web page in the browser of an operator can not reload us', async () => {
    const daemon = await start({ services: [{ upstreams: ['127.0.0.1:9'] }] })
    assert.equal((await daemon.post(RELOAD, { origin: 'http://example.com' })).status, 403)
    assert.equal((await daemon.post(RELOAD, { origin: 'null' })).status, 403)
    assert.equal((await daemon.post(RELOAD, { host: 'example.com' })).status, 403)
    assert.equal((await daemon.get(RELOAD)).status, 405)
    assert.ok(!daemon.lines.some(({ event }) => event === 'reloaded'))
  })
})

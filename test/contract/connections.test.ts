/** What is open can be listed, page by page and by what it is; one of it, or all that fits, can be ended, and nothing else is. */
import assert from 'node:assert/strict'
import { afterEach, it } from 'node:test'
import { CloseAnswer, ConnectionList, type ConnectionView, Problem } from '../../src/api/contract.ts'
import type { TestService } from '../harness/config.ts'
import { Daemon } from '../harness/daemon.ts'
import { waitFor } from '../harness/deadline.ts'
import { forEachEngine } from '../harness/engines.ts'
import { Peer } from '../harness/peer.ts'
import { buildV2, v4Addresses } from '../harness/proxy-header.ts'
import { echo, Upstream } from '../harness/upstream.ts'

const PATH = '/api/v1/connections'

forEachEngine((engine) => {
  const open: { stop(): void | Promise<void> }[] = []

  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one.stop()
  })

  async function upstream(): Promise<Upstream> {
    const one = await Upstream.listen({ onConnection: echo })
    open.push({ stop: () => one.close() })
    return one
  }

  async function start(services: Partial<TestService>[], workers = 2): Promise<Daemon> {
    const all = services.map((service) => ({ upstreams: [], ...service }))
    const daemon = await Daemon.start({ engine, traffic: { workers }, services: all })
    open.push(daemon)
    return daemon
  }

  async function openClient(daemon: Daemon, service = 'web', localAddress?: string): Promise<Peer> {
    const client = await Peer.connect(daemon.addressOf(service), localAddress === undefined ? {} : { localAddress })
    await client.write('hello')
    await client.receiveText('hello')
    return client
  }

  async function list(daemon: Daemon, query = ''): Promise<ConnectionList> {
    const { status, body } = await daemon.get(`${PATH}${query}`)
    assert.equal(status, 200, body)
    return ConnectionList.parse(JSON.parse(body))
  }

  async function pages(daemon: Daemon, limit: number): Promise<ConnectionView[][]> {
    const all: ConnectionView[][] = []
    for (let after: string | null = ''; after !== null;) {
      const page: ConnectionList = await list(daemon, `?limit=${limit}${after && `&after=${after}`}`)
      assert.ok(page.connections.length <= limit)
      all.push(page.connections)
      after = page.next
    }
    return all
  }

  async function close(daemon: Daemon, request: object): Promise<number> {
    const { status, body } = await daemon.ask('DELETE', PATH, { body: request })
    assert.equal(status, 200, body)
    return CloseAnswer.parse(JSON.parse(body)).closed
  }

  async function isOpen(client: Peer): Promise<boolean> {
    const before = client.received.length
    await client.write('again')
    await waitFor('an echo', () => client.received.length === before + 5)
    return true
  }

  it('a connection is told of with who, where to, how much and how long', async () => {
    const server = await upstream()
    const daemon = await start([{ upstreams: [{ address: server.address.text, name: 'first' }] }])
    const client = await openClient(daemon)
    const [one, ...others] = (await list(daemon)).connections
    assert.deepEqual(others, [])
    assert.deepEqual(
      [one.client, one.service, one.stage, one.upstream, one.upstreamAddress, one.bytesToUpstream, one.bytesToClient],
      [client.localText, 'web', 'relay', 'first', server.address.text, 5, 5],
    )
    assert.equal(one.listener, daemon.listenerTexts()[0])
    assert.ok(one.ageMs >= 0 && one.ageMs < 60_000)
    assert.equal(typeof one.clientRttMs, engine === 'linux' ? 'number' : 'object')
    client.finish()
    await client.receiveAll()
    assert.equal((await daemon.lineOf(client)).id, one.id)
    assert.deepEqual(await list(daemon), { connections: [], next: null })
  })

  it('pages name every connection once, over all workers', async () => {
    const server = await upstream()
    const daemon = await start([{ upstreams: [server.address.text] }], 3)
    const clients = await Promise.all(Array.from({ length: 300 }, () => openClient(daemon)))
    const wanted = clients.map(({ localText }) => localText).toSorted()
    for (const limit of [13, 100, 300, 1_000]) {
      const found = (await pages(daemon, limit)).flat()
      assert.deepEqual(found.map(({ client }) => client).toSorted(), wanted)
    }
  })

  it('while others come and go, who stays is named once', async () => {
    const server = await upstream()
    const daemon = await start([{ upstreams: [server.address.text] }])
    const stay: Peer[] = []
    let isOver = false
    const churn = async (): Promise<void> => {
      while (!isOver) {
        const client = await openClient(daemon)
        client.finish()
        await client.receiveAll()
      }
    }
    const churning = [churn(), churn(), churn()]
    for (let i = 0; i < 40; i++) stay.push(await openClient(daemon))
    for (let round = 0; round < 3; round++) {
      const told = (await pages(daemon, 5)).flat().map(({ client }) => client)
      for (const { localText } of stay) assert.equal(told.filter((client) => client === localText).length, 1)
    }
    isOver = true
    await Promise.all(churning)
  })

  it('only what fits is listed: service, upstream, client', async () => {
    const [first, second] = [await upstream(), await upstream()]
    const named = [
      { address: first.address.text, name: 'first' },
      { address: second.address.text, name: 'second' },
    ]
    const daemon = await start([
      { name: 'web', upstreams: named, balance: 'round-robin' },
      { name: 'mail', upstreams: [first.address.text] },
    ])
    const web = await Promise.all(Array.from({ length: 4 }, () => openClient(daemon)))
    const other = await openClient(daemon, 'mail', '127.0.3.9')
    const found = async (query: string) => (await list(daemon, query)).connections
    assert.equal((await found('?service=web')).length, web.length)
    const atSecond = await found('?service=web&upstream=second')
    assert.ok(atSecond.length === 2 && atSecond.every(({ upstream }) => upstream === 'second'))
    assert.deepEqual(
      (await found('?client=127.0.3.0/24')).map(({ client }) => client),
      [other.localText],
    )
    assert.equal((await found('?client=127.0.3.9&service=web')).length, 0)
    assert.equal((await found('?client=::/0')).length, 0)
  })

  it('one is ended by its id with a reset to both sides, and no other; a second time it is not there', async () => {
    const server = await upstream()
    const daemon = await start([{ upstreams: [server.address.text] }])
    const [goes, stays] = [await openClient(daemon), await openClient(daemon)]
    const all = (await list(daemon)).connections
    const { id } = all.find(({ client }) => client === goes.localText) as ConnectionView
    assert.equal((await daemon.ask('DELETE', `${PATH}/${id}`)).status, 200)
    assert.equal((await goes.receiveAll()).ending, 'reset')
    const line = await daemon.lineOf(goes)
    assert.deepEqual([line.reason, line.id, line.bytesToClient], ['operator-closed', id, 5])
    assert.ok(await isOpen(stays))
    for (const gone of [id, 'x', id.replace(/^./, (digit) => (digit === '0' ? '1' : '0'))]) {
      const { status, body } = await daemon.ask('DELETE', `${PATH}/${gone}`)
      assert.deepEqual([status, Problem.parse(JSON.parse(body)).code], [404, 'E_NOT_FOUND'])
    }
    await daemon.waitForMetric('tidegate_connections_closed_total', { reason: 'operator-closed' }, 1)
    const audited = daemon.lines.filter(({ event }) => event === 'audit')
    assert.equal(audited.length, 4)
  })

  it('all that fit are ended, on all workers, and nothing else', async () => {
    const server = await upstream()
    const daemon = await start([
      { name: 'web', upstreams: [server.address.text] },
      { name: 'mail', upstreams: [server.address.text] },
    ])
    const many = await Promise.all(Array.from({ length: 400 }, () => openClient(daemon, 'web', '127.0.4.1')))
    const sameService = await openClient(daemon, 'web', '127.0.5.1')
    const sameClient = await openClient(daemon, 'mail', '127.0.4.1')
    assert.equal(await close(daemon, { service: 'web', client: '127.0.4.0/24' }), many.length)
    for (const client of many) assert.equal((await client.receiveAll()).ending, 'reset')
    assert.ok((await isOpen(sameService)) && (await isOpen(sameClient)))
    await daemon.waitForMetric('tidegate_connections_open', {}, 2)
    assert.equal(await close(daemon, { all: true }), 2)
    await daemon.waitForMetric('tidegate_connections_open', {}, 0)
  })

  it('who waits in the queue is told of as waiting, and its place in it is free when it is ended', async () => {
    const server = await upstream()
    const queue = { max: 1, timeout: '1h' }
    const daemon = await start([{ upstreams: [server.address.text], maxConnections: 1, queue }])
    const served = await openClient(daemon)
    const waiting = await Peer.connect(daemon.addressOf())
    const one = await waitFor('one that waits', async () => {
      const { connections } = await list(daemon)
      return connections.find(({ stage }) => stage === 'waiting')
    })
    assert.deepEqual([one.client, one.upstream], [waiting.localText, null])
    assert.equal((await daemon.ask('DELETE', `${PATH}/${one.id}`)).status, 200)
    assert.equal((await waiting.receiveAll()).ending, 'reset')
    assert.equal((await daemon.lineOf(waiting)).reason, 'operator-closed')
    const next = await Peer.connect(daemon.addressOf())
    await waitFor('both', async () => (await list(daemon)).connections.length === 2)
    assert.equal(await close(daemon, { client: served.localText.replace(/:\d+$/, ''), service: 'web' }), 2)
    assert.equal((await next.receiveAll()).ending, 'reset')
  })

  it('a client is who its PROXY header says; one that has not said it is told of as its socket', async () => {
    const server = await upstream()
    const daemon = await start([{ upstreams: [server.address.text], acceptProxyFrom: ['127.0.0.0/8'] }])
    const silent = await Peer.connect(daemon.addressOf())
    const client = await Peer.connect(daemon.addressOf())
    await client.write(buildV2({ addresses: v4Addresses('192.0.2.7', 4000, '192.0.2.1', 443) }))
    await client.write('hello')
    await client.receiveText('hello')
    const found = await waitFor('both', async () => {
      const { connections } = await list(daemon)
      return connections.length === 2 ? connections : undefined
    })
    const told = found.map(({ client, stage, upstream }) => `${client} ${stage} ${upstream ?? 'none'}`).toSorted()
    const wanted = [`${silent.localText} hello none`, `192.0.2.7:4000 relay ${server.address.text}`]
    assert.deepEqual(told, wanted.toSorted())
    assert.equal(await close(daemon, { client: '192.0.2.0/24' }), 1)
    assert.equal((await client.receiveAll()).ending, 'reset')
    assert.equal(await close(daemon, { all: true }), 1)
    assert.equal((await silent.receiveAll()).ending, 'reset')
  })
})

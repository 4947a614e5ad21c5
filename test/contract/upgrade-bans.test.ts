/** No ban is lost in an upgrade, whichever process made it, and none spares the connections of the other one; so it is with what operators set. */
import assert from 'node:assert/strict'
import { afterEach, it } from 'node:test'
import {
  BanChangeAnswer,
  BanList,
  BANS_LISTED_MAX,
  NodeStatus,
  upstreamStatePath,
  BANS_PATH,
} from '../../src/api/contract.ts'
import { waitFor } from '../harness/deadline.ts'
import { isServed, openClient } from '../harness/echo-client.ts'
import { forEachEngine } from '../harness/engines.ts'
import { Peer } from '../harness/peer.ts'
import { echo, Upstream } from '../harness/upstream.ts'
import { Versions } from '../harness/versions.ts'

/** The strikes for unused connections that make one whole strike. */
const UNUSED_PER_STRIKE = 100
/** Kept from the beginning, so that the log says when the next version has read it. */
const FIRST = '127.0.1.1'

forEachEngine((engine) => {
  let versions: Versions
  let upstream: Upstream

  afterEach(async () => {
    await versions.stop()
    upstream.close()
  })

  async function start(rest: Record<string, unknown> = {}): Promise<void> {
    upstream = await Upstream.listen({ onConnection: echo })
    versions = await Versions.start({
      engine,
      protect: { allow: [], bans: { strikes: 1, within: '1h' }, firewall: { mode: 'off' } },
      services: [{ name: 'web', upstreams: [upstream.address.text], ...rest }],
    })
  }

  async function ask(method: 'POST' | 'DELETE', request: object): Promise<BanChangeAnswer> {
    const { body } = await versions.daemon.ask(method, BANS_PATH, { body: request })
    return BanChangeAnswer.parse(JSON.parse(body))
  }

  async function ban(prefix: string): Promise<void> {
    const { changed, stored } = await ask('POST', { prefixes: [prefix], ttlMs: 0 })
    assert.deepEqual([changed, stored], [1, true])
  }

  async function banned(): Promise<readonly string[]> {
    const { body } = await versions.daemon.get(`/api/v1/bans?limit=${BANS_LISTED_MAX}`)
    return BanList.parse(JSON.parse(body)).bans.map(({ prefix }) => prefix)
  }

  /** Opens and closes connections without a byte until it is banned for it: by one of two versions, in a change of them. */
  async function misbehave(localAddress: string): Promise<void> {
    const isBanned = () =>
      versions.daemon.lines.some(({ event, prefix }) => event === 'banned' && prefix === localAddress)
    for (let i = 0; i < 2 * UNUSED_PER_STRIKE && !isBanned(); i++) {
      const served = upstream.connections.length
      const client = await Peer.connect(versions.daemon.addressOf(), { localAddress })
      await waitFor('the upstream', () => upstream.connections.length > served || client.endingNow !== undefined)
      client.finish()
      await client.receiveAll()
    }
    await waitFor('the ban', isBanned)
  }

  it('bans that are made while the next version starts hold in it, and what is taken back is', async () => {
    await start()
    for (const prefix of [FIRST, '127.0.1.2', '127.0.1.3']) await ban(prefix)
    await versions.whileStarting('bans-read', async () => {
      await ban('127.0.1.4')
      await misbehave('127.0.1.5')
      assert.equal((await ask('DELETE', { prefixes: ['127.0.1.2'] })).changed, 1)
    })
    const expected = [FIRST, '127.0.1.3', '127.0.1.4', '127.0.1.5']
    assert.deepEqual([...(await banned())].sort(), expected)
    for (const address of expected) assert.equal(await isServed(versions.daemon, address), false, address)
    for (const address of ['127.0.1.2', '127.0.1.6'])
      assert.equal(await isServed(versions.daemon, address), true, address)
    // Also over the next start, which knows the file only.
    await versions.upgrade()
    assert.deepEqual([...(await banned())].sort(), expected)
  })

  it('an upstream that is taken out while the next version starts is out in it', async () => {
    upstream = await Upstream.listen({ onConnection: echo })
    const spare = { address: '127.0.0.1:9', name: 'spare', backup: true }
    versions = await Versions.start({
      engine,
      protect: { allow: [], firewall: { mode: 'off' } },
      services: [{ upstreams: [upstream.address.text, spare] }],
    })
    await ban(FIRST)
    await versions.whileStarting('bans-read', async () => {
      const { status } = await versions.daemon.ask('POST', upstreamStatePath('web', 'spare'), {
        body: { state: 'drain' },
      })
      assert.equal(status, 200)
    })
    const status = NodeStatus.parse(JSON.parse((await versions.daemon.get('/status.json')).body))
    assert.deepEqual(
      status.services[0].upstreams.map(({ wanted }) => wanted),
      ['up', 'drain'],
    )
  })

  it('who asks for bans in the moments of an upgrade has them, or is told that he has not', async () => {
    await start()
    await ban(FIRST)
    let isOver = false
    const made: string[] = []
    const banning = (async () => {
      for (let i = 1; !isOver && i < 250 * 250; i++) {
        const prefix = `127.2.${Math.floor(i / 250)}.${(i % 250) + 1}`
        const answer = await ask('POST', { prefixes: [prefix], ttlMs: 0 }).catch(() => undefined)
        if (answer?.changed === 1) made.push(prefix)
      }
    })()
    for (let i = 0; i < 3; i++) {
      const before = made.length
      await versions.upgrade()
      await waitFor('bans by the next version', () => made.length > before + 5)
    }
    isOver = true
    await banning
    const all = new Set(await banned())
    assert.deepEqual(
      made.filter((prefix) => !all.has(prefix)),
      [],
    )
  })

  it('a ban ends the connections that older versions have still open, by hand or for strikes', async () => {
    await start()
    const clients = [await openClient(versions.daemon, '127.0.1.7')]
    const other = await openClient(versions.daemon, '127.0.1.8')
    const striker = await openClient(versions.daemon, '127.0.1.9')
    await versions.upgrade()
    clients.push(await openClient(versions.daemon, '127.0.1.7'))
    await versions.upgrade()
    clients.push(await openClient(versions.daemon, '127.0.1.7'))
    await ban('127.0.1.7')
    for (const client of clients) {
      assert.equal((await client.receiveAll()).ending, 'reset')
      assert.equal((await versions.daemon.lineOf(client)).reason, 'banned')
    }
    await misbehave('127.0.1.9')
    assert.equal((await striker.receiveAll()).ending, 'reset')
    assert.equal((await versions.daemon.lineOf(striker)).reason, 'banned')
    await other.write('again')
    await other.receiveText('helloagain')
    other.destroy()
  })

  it('who misbehaves on a connection to an older version is banned in the one that serves', async () => {
    await start({ protect: { slowSend: { rule: 'on', bytes: '16KiB', within: '1s' } } })
    // Nobody answers: whoever goes on sending, and little, is too slow.
    upstream.onConnection = undefined
    const slow = await Peer.connect(versions.daemon.addressOf(), { localAddress: '127.0.1.10' })
    slow.socket.on('error', () => {})
    await versions.upgrade()
    assert.ok(versions.isRunning(versions.pids[0]))
    const sending = setInterval(() => slow.socket.write('.'), 20)
    await slow.receiveAll()
    clearInterval(sending)
    await waitFor('the ban', async () => (await banned()).includes('127.0.1.10'))
    assert.equal(await isServed(versions.daemon, '127.0.1.10'), false)
  })
})

/**
 * The real daemon while the kernel refuses what it asks for: strace makes chosen system calls of the worker fail, as on
 * a machine that is out of fds, memory or ports. Asserted: the right reason, no fd left behind, no spinning, and that
 * everybody is served again afterwards.
 */
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { CloseReason } from '../../src/traffic/close-reason.ts'
import { Daemon } from '../harness/daemon.ts'
import { waitFor, within } from '../harness/deadline.ts'
import { Peer } from '../harness/peer.ts'
import { Random } from '../harness/random.ts'
import { threadNamed, whyNoStrace, withFaultIn, type Fault } from '../harness/strace.ts'
import { StreamCheck, streamBytes, wholeStream } from '../harness/test-stream.ts'
import { closedAddress, echo, Upstream } from '../harness/upstream.ts'

/** Accepting is paused for so long each time [accept.ts ACCEPT_PAUSE_MS]. */
const PAUSE_MS = 100
/** More than there are idle pipes, so that new ones must be asked for. */
const STALLED = 20
/** What a worker may keep for the next bulk [engine.ts IDLE_PIPES_KEPT]. */
const IDLE_PIPE_FDS_MAX = 2 * 16

const skip = whyNoStrace()

describe('the kernel refuses', { skip }, () => {
  let upstream: Upstream
  let spare: Upstream
  let bulk: Upstream
  let daemon: Daemon
  let socketsAtStart: number
  let pipeFdsAtStart: number
  let workerThread: string

  before(async () => {
    upstream = await Upstream.listen({ onConnection: echo })
    spare = await Upstream.listen({ onConnection: echo })
    bulk = await Upstream.listen()
    const dead = await closedAddress()
    daemon = await Daemon.start({
      engine: 'linux',
      traffic: { workers: 1 },
      services: [
        { name: 'web', upstreams: [upstream.address.text, spare.address.text] },
        { name: 'forgetful', upstreams: [upstream.address.text, spare.address.text], retryFailedAfter: '0s' },
        { name: 'single', upstreams: [upstream.address.text], retryFailedAfter: '0s' },
        {
          name: 'bulk',
          upstreams: [bulk.address.text],
          idleTimeout: '5s',
          halfClosedTimeout: '5s',
          // A client that does not read is felt soon.
          socket: { client: { sendBuffer: '64KiB' } },
        },
        { name: 'header', upstreams: [upstream.address.text], acceptProxyFrom: ['127.0.0.1'] },
        { name: 'dead', upstreams: [dead.text], onFailure: 'close' },
      ],
    })
    workerThread = threadNamed(daemon.pid, 'tidegate-0')
    await exchange()
    upstream.forget()
    await waitFor('the first exchange to be over', () => daemon.connectionLines.length === 1)
    socketsAtStart = daemon.socketCount()
    pipeFdsAtStart = pipeFds()
  })
  after(async () => {
    await daemon.stop()
    for (const one of [upstream, spare, bulk]) one.close()
  })

  /** After every fault: nothing is left, and the next clients are served by the first upstream at the first attempt. */
  afterEach(async () => {
    for (const one of [upstream, spare, bulk]) one.forget()
    await daemon.waitForSocketCount(socketsAtStart)
    await waitFor('idle pipes to be closed', async () => {
      if (pipeFds() <= pipeFdsAtStart + IDLE_PIPE_FDS_MAX) return true
      // A loop without anything to do does not look after its pipes.
      await exchange('single')
      return false
    })
    for (const service of ['single', 'bulk']) await exchange(service)
    assert.equal((await daemon.metrics()).sum('tidegate_connections_open'), 0)
    daemon.assertNoInternalErrors()
  })

  function pipeFds(): number {
    return daemon.openFiles().filter((file) => file.startsWith('pipe:')).length
  }

  /** One connection that is served to its end. */
  async function exchange(service = 'web'): Promise<void> {
    if (service === 'bulk') return void (await download(300_000))
    const client = await Peer.connect(daemon.addressOf(service))
    await client.write('hello')
    await client.receiveText('hello')
    client.finish()
    assert.equal((await client.receiveAll()).ending, 'fin')
    const line = await daemon.lineOf(client)
    assert.equal(line.reason, 'client-closed')
    assert.equal(line.attempts, 1)
  }

  async function download(bytes: number): Promise<string> {
    const client = await Peer.connect(daemon.addressOf('bulk'))
    const check = new StreamCheck(17)
    client.onData = (chunk) => check.take(chunk)
    const server = await bulk.next()
    server.socket.end(wholeStream(17, bytes))
    assert.equal((await client.receiveAll()).ending, 'fin')
    check.assertComplete(bytes, 'download')
    client.finish()
    return (await daemon.lineOf(client)).reason
  }

  /** A client that the fault hits: it is reset, and the log says why. */
  async function failingClient(reason: CloseReason, service = 'web'): Promise<void> {
    const client = await Peer.connect(daemon.addressOf(service))
    client.socket.write('hello', () => {})
    const { ending, bytes } = await client.receiveAll()
    assert.equal(ending, 'reset')
    assert.equal(bytes.length, 0)
    assert.equal((await daemon.lineOf(client)).reason, reason)
  }

  /** `rule` is strace's, `accept4:error=EMFILE:when=1..3`; counted from here, in the worker's thread only. */
  function withFault(rules: string | readonly string[], during: (fault: Fault) => Promise<void>): Promise<number> {
    return withFaultIn(workerThread, rules, during)
  }

  for (const code of ['EMFILE', 'ENFILE', 'ENOMEM', 'ENOBUFS']) {
    it(`accept4 with ${code}: accepting pauses, nobody spins, the waiting are served afterwards`, async () => {
      const open = await Peer.connect(daemon.addressOf())
      await open.write('before')
      await open.receiveText('before')
      let waiting: Peer[] = []
      const shortageMs = 600
      await withFault(`accept4:error=${code}:when=1+`, async (fault) => {
        const cpuBeforeMs = daemon.cpuMs()
        waiting = await Promise.all(Array.from({ length: 20 }, () => Peer.connect(daemon.addressOf())))
        for (const client of waiting) await client.write('patience')
        await sleep(shortageMs)
        // Those who are in are served meanwhile.
        await open.write(' and during')
        await open.receiveText('before and during')
        assert.ok(waiting.every(({ bytesReceived, endingNow }) => bytesReceived === 0 && endingNow === undefined))
        assert.ok(fault.count() >= 2, `${fault.count()} tries`)
        assert.ok(fault.count() <= shortageMs / PAUSE_MS + 5, `${fault.count()} tries in ${shortageMs} ms`)
        assert.ok(daemon.cpuMs() - cpuBeforeMs < shortageMs / 2)
      })
      for (const client of waiting) await client.receiveText('patience')
      await daemon.waitForLine('the pause', (line) => line.event === 'accept-paused' && line['code'] === code)
      for (const client of [...waiting, open]) client.destroy()
    })
  }

  for (const code of ['ECONNABORTED', 'EPROTO', 'EINTR']) {
    it(`accept4 with ${code} once: the next one in the queue is taken at once`, async () => {
      const injected = await withFault(`accept4:error=${code}:when=1`, () => exchange())
      assert.equal(injected, 1)
    })
  }

  it('accept4 forbidden by a security module: nobody spins', async () => {
    const injected = await withFault('accept4:error=EPERM:when=1+', async (fault) => {
      const client = await Peer.connect(daemon.addressOf())
      await sleep(400)
      client.destroy()
      assert.ok(fault.count() >= 1)
    })
    assert.ok(injected <= 20, `${injected} tries in 400 ms`)
  })

  for (const code of ['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM']) {
    it(`socket with ${code}: that client is reset, and the upstream is not to blame`, async () => {
      await withFault(`socket:error=${code}:when=1`, async () => {
        await failingClient('out-of-memory')
        await exchange()
      })
      assert.equal(spare.connections.length, 0)
    })
  }

  it('connect with EADDRNOTAVAIL: no-source-port, and the upstream is not to blame', async () => {
    await withFault('connect:error=EADDRNOTAVAIL:when=1..2', async () => {
      await failingClient('no-source-port')
      await exchange()
    })
    assert.equal(spare.connections.length, 0)
  })

  for (const code of ['ENETUNREACH', 'EHOSTUNREACH', 'EACCES', 'ECONNREFUSED']) {
    it(`connect with ${code}: the next upstream serves, and the attempt is in the log`, async () => {
      await withFault(`connect:error=${code}:when=1`, async () => {
        const client = await Peer.connect(daemon.addressOf('forgetful'))
        await client.write('hello')
        await client.receiveText('hello')
        client.finish()
        await client.receiveAll()
        const line = await daemon.lineOf(client)
        assert.equal(line.attempts, 2)
        assert.equal(line.upstream, spare.address.text)
        assert.match(JSON.stringify(line.attemptErrors), new RegExp(code))
      })
    })
  }

  it('connect with ENETUNREACH for all: upstream-unreachable', async () => {
    await withFault('connect:error=ENETUNREACH:when=1+', () => failingClient('upstream-unreachable', 'forgetful'))
  })

  for (const [what, service, nth] of [
    ['of the upstream', 'web', 1],
    ['of the client', 'web', 2],
    ['of a client that owes a PROXY header', 'header', 1],
  ] as const) {
    it(`epoll_ctl with ENOMEM at the registration ${what}: out-of-memory, both sockets closed`, async () => {
      await withFault(`epoll_ctl:error=ENOMEM:when=${nth}`, async () => {
        const client = await Peer.connect(daemon.addressOf(service))
        assert.equal((await client.receiveAll()).ending, 'reset')
        assert.equal((await daemon.lineOf(client)).reason, 'out-of-memory')
        await exchange()
      })
    })
  }

  it('epoll_ctl with ENOSPC: out-of-memory, and the upstream is not to blame', async () => {
    await withFault('epoll_ctl:error=ENOSPC:when=1', async () => {
      const client = await Peer.connect(daemon.addressOf('single'))
      client.socket.write('hello', () => {})
      assert.equal((await client.receiveAll()).ending, 'reset')
      assert.equal((await daemon.lineOf(client)).reason, 'out-of-memory')
    })
  })

  for (const code of ['ENOBUFS', 'ENOMEM']) {
    it(`send with ${code}: out-of-memory, the client is reset`, async () => {
      // The upstream hears of nothing: the ACK that completes its handshake would have come with these bytes.
      await withFault(`sendto:error=${code}:when=1`, async () => {
        await failingClient('out-of-memory')
        await exchange()
      })
    })
    it(`recv with ${code}: out-of-memory, both sides reset`, async () => {
      // The first recv only looks whether the client has spoken already.
      await withFault(`recvfrom:error=${code}:when=2`, async () => {
        await failingClient('out-of-memory')
        await exchange()
      })
    })
  }

  it('send with ETIMEDOUT: the upstream is lost', async () => {
    await withFault('sendto:error=ETIMEDOUT:when=1', () => failingClient('upstream-lost'))
  })

  it('recv and epoll_wait interrupted again and again: no byte is lost', async () => {
    const faults = ['recvfrom:error=EINTR:when=1+2', 'epoll_wait:error=EINTR:when=1+3']
    await withFault(faults, async () => {
      for (let i = 0; i < 10; i++) await exchange()
      assert.equal(await download(2_000_000), 'upstream-closed')
    })
  })

  for (const [what, rule] of [
    ['splice at all', 'splice:error=EINVAL:when=1+'],
    ['a pipe (EMFILE)', 'pipe2:error=EMFILE:when=1+'],
    ['a pipe (ENFILE)', 'pipe2:error=ENFILE:when=1+'],
    ['a larger pipe', 'fcntl:error=EPERM:when=1+'],
    ['every socket option', 'setsockopt:error=ENOPROTOOPT:when=1+'],
  ]) {
    it(`${what}: bulk arrives to the last byte all the same`, async () => {
      await withFault(rule, async (fault) => {
        const downloads = await Promise.all(Array.from({ length: STALLED }, () => stalledDownload()))
        for (const finish of downloads) await finish()
        assert.ok(fault.count() > 0, 'the fault was never met')
      })
    })
  }

  /** A download that begins with a stall, so that it holds what it is carried in; returns what reads it to its end. */
  async function stalledDownload(): Promise<() => Promise<void>> {
    const client = await Peer.connect(daemon.addressOf('bulk'), { paused: true })
    const check = new StreamCheck(17)
    client.onData = (chunk) => check.take(chunk)
    const server = await bulk.next()
    server.socket.end(wholeStream(17, 3_000_000))
    return async () => {
      client.resume()
      assert.equal((await client.receiveAll()).ending, 'fin')
      check.assertComplete(3_000_000, 'download')
      client.finish()
      assert.equal((await daemon.lineOf(client)).bytesToClient, 3_000_000)
    }
  }

  it('TCP_INFO: the log line says null, and nothing else changes', async () => {
    await withFault('getsockopt:error=ENOPROTOOPT:when=1+', async () => {
      const client = await Peer.connect(daemon.addressOf())
      await client.write('hello')
      await client.receiveText('hello')
      client.finish()
      await client.receiveAll()
      const line = await daemon.lineOf(client)
      assert.deepEqual([line.reason, line.clientRttMs, line.upstreamRttMs], ['client-closed', null, null])
    })
  })

  it('everything now and then: every client ends, what arrived is right, and nothing is left', async () => {
    const faults = [
      'accept4:error=EMFILE:when=20+23',
      'socket:error=EMFILE:when=7+17',
      'connect:error=ENETUNREACH:when=5+13',
      'recvfrom:error=ENOMEM:when=40+61',
      'sendto:error=ENOBUFS:when=30+71',
      'splice:error=EINVAL:when=11+19',
      'pipe2:error=EMFILE:when=2+3',
    ]
    const endings = new Map<string, number>()
    let injected = 0
    injected = await withFault(faults, async () => {
      const random = new Random(5)
      for (let round = 0; round < 4; round++) {
        const some = Array.from({ length: 50 }, () => randomClient(1 + random.integer(120_000)))
        for (const ending of await Promise.all(some)) endings.set(ending, (endings.get(ending) ?? 0) + 1)
      }
    })
    assert.ok(injected >= 30, `${injected} faults`)
    assert.ok((endings.get('served') ?? 0) > 50, JSON.stringify([...endings]))
    assert.deepEqual([...endings.keys()].toSorted(), ['reset', 'served'])
  })

  /** Says `bytes` bytes and hears them again, or is reset; what it heard until then is right. */
  async function randomClient(bytes: number): Promise<string> {
    const client = await Peer.connect(daemon.addressOf('forgetful'))
    const check = new StreamCheck(bytes)
    client.onData = (chunk) => check.take(chunk)
    client.socket.end(streamBytes(bytes, 0, bytes))
    const ending = await within('the end of a client', client.ending)
    client.destroy()
    assert.equal(check.difference, undefined)
    await daemon.lineOf(client)
    return ending === 'fin' && check.bytes === bytes ? 'served' : ending
  }
})

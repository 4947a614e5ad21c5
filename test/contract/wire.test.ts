/** How a client behaves on the wire: those that are silent, trickle or stall end for the right reason, and slow honest ones don't. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Daemon } from '../harness/daemon.ts'
import { waitFor } from '../harness/deadline.ts'
import { forBothEnginesAtOnce } from '../harness/engines.ts'
import { NarrowReader } from '../harness/narrow-reader.ts'
import { Peer } from '../harness/peer.ts'
import { wholeStream } from '../harness/test-stream.ts'
import { echo, Upstream } from '../harness/upstream.ts'
import { differs } from './differences.ts'

const KIB = 1024
/** Timers may be kept in buckets, but never fire before their time. */
const EARLY_MS_MAX = 5
/** More than kernel buffers hold. */
const BIG_ANSWER = wholeStream(1, 16 * KIB * KIB)
/** Less than they hold. */
const SMALL_ANSWER = wholeStream(2, 100 * KIB)
const GREETING = '220 hello\r\n'

const slowSend = { rule: 'on', bytes: '1KiB', within: '1s' }
const slowRead = { rule: 'on', bytes: '512', within: '2s' }
const tinySegments = { rule: 'on', perSecond: 25, smallerThan: 16, within: '1s' }

function endWithClient(peer: Peer): void {
  void peer.ending.then(() => peer.destroy())
}

function saying(answer: string | Buffer): (peer: Peer) => void {
  return (peer) => {
    peer.socket.write(answer)
    endWithClient(peer)
  }
}

forBothEnginesAtOnce((engine) => {
  let silent: Upstream
  let echoing: Upstream
  let unused: Upstream
  let greeting: Upstream
  let big: Upstream
  let small: Upstream
  let daemon: Daemon
  let socketsAtStart: number

  before(async () => {
    silent = await Upstream.listen({ onConnection: endWithClient })
    echoing = await Upstream.listen({ onConnection: echo })
    unused = await Upstream.listen({ onConnection: echo })
    greeting = await Upstream.listen({ onConnection: saying(GREETING) })
    big = await Upstream.listen({ onConnection: saying(BIG_ANSWER) })
    small = await Upstream.listen({ onConnection: saying(SMALL_ANSWER) })
    const of = (upstream: Upstream): string[] => [upstream.address.text]
    daemon = await Daemon.start({
      engine,
      services: [
        { name: 'first', upstreams: of(silent), protect: { firstByteTimeout: '600ms' } },
        { name: 'greeting', upstreams: of(greeting), protect: { firstByteTimeout: '600ms' } },
        { name: 'send', upstreams: of(silent), protect: { slowSend } },
        { name: 'answered', upstreams: of(echoing), protect: { slowSend, slowRead, tinySegments } },
        { name: 'big', upstreams: of(big), protect: { slowRead } },
        { name: 'small', upstreams: of(small), protect: { slowRead } },
        { name: 'tiny', upstreams: of(silent), protect: { tinySegments } },
        { name: 'greeted', upstreams: of(greeting) },
        { name: 'unused', upstreams: of(unused) },
        {
          name: 'watched',
          upstreams: of(silent),
          protect: { slowSend: { ...slowSend, rule: 'watch' }, tinySegments: { ...tinySegments, rule: 'watch' } },
        },
      ],
    })
    socketsAtStart = daemon.socketCount()
  })
  after(async () => {
    for (const upstream of [silent, echoing, unused, greeting, big, small]) upstream.close()
    await daemon.stop()
  })

  const connect = (service: string, options: { paused?: boolean } = {}): Promise<Peer> =>
    Peer.connect(daemon.addressOf(service), options)

  /** Does `act` every so often until the client is cut. */
  async function until(client: { endingNow: string | undefined }, act: () => void, everyMs: number): Promise<void> {
    const untilMs = performance.now() + 15_000
    while (client.endingNow === undefined && performance.now() < untilMs) {
      act()
      await sleep(everyMs)
    }
  }

  /** Does `act` every so often for a while, in which nobody may be cut. */
  async function stays(client: Peer, forMs: number, act: () => unknown = () => {}, everyMs = 100): Promise<void> {
    const untilMs = performance.now() + forMs
    while (performance.now() < untilMs) {
      assert.equal(client.endingNow, undefined, 'an honest client was cut')
      await act()
      await sleep(everyMs)
    }
    assert.equal(client.endingNow, undefined, 'an honest client was cut')
    client.destroy()
  }

  // All of them wait most of the time; so they wait together.
  describe('on the wire', { concurrency: true }, () => {
    it('a client that sends nothing, to an upstream that says nothing, is closed after firstByteTimeout', async () => {
      const client = await connect('first')
      assert.equal((await client.receiveAll()).ending, 'reset')
      const line = await daemon.lineOf(client)
      assert.equal(line.reason, 'first-byte-timeout')
      assert.ok(line.durationMs >= 600 - EARLY_MS_MAX, `ended after ${line.durationMs} ms`)
      await daemon.waitForMetric('tidegate_strikes_total', { service: 'first', kind: 'first-byte' }, 1)
    })

    it('one byte is enough, and silence after it is no business of firstByteTimeout', async () => {
      const client = await connect('first')
      await client.write('.')
      await stays(client, 1500)
    })

    it('where the server speaks first, a silent client is not closed', async () => {
      const client = await connect('greeting')
      await client.receiveText(GREETING)
      await stays(client, 1500)
    })

    it('a client that trickles its request ends with slow-send', async () => {
      const client = await connect('send')
      client.socket.write('GET / HTTP/1.1\r\n')
      await until(client, () => client.socket.write('X'), 150)
      const line = await daemon.lineOf(client)
      assert.equal(line.reason, 'slow-send')
      assert.ok(line.durationMs >= 1000 - EARLY_MS_MAX, `ended after ${line.durationMs} ms`)
      await daemon.waitForMetric('tidegate_strikes_total', { service: 'send', kind: 'slow-send' }, 1)
    })

    it('a client that says little and waits for its answer is no slow sender', async () => {
      const client = await connect('send')
      await client.write('GET / HTTP/1.1\r\n')
      await client.write('Host: patience\r\n\r\n')
      await stays(client, 3000)
    })

    it('a client that sends slowly and steadily is no slow sender', async () => {
      const client = await connect('send')
      // Whole segments, as over a bad mobile network: 8 KiB a second.
      await stays(client, 3000, () => client.write(Buffer.alloc(1400)), 170)
    })

    it('typing that is answered, key by key, breaks no rule', async () => {
      const client = await connect('answered')
      await stays(client, 4000, () => client.write('k'), 60)
    })

    it('an idle connection that was used before breaks no rule', async () => {
      const client = await connect('answered')
      await client.write('one request')
      await client.receiveText('one request')
      await stays(client, 4000)
    })

    it('a client that does not read a big answer ends with slow-read', async () => {
      const client = await connect('big', { paused: true })
      const line = await daemon.lineOf(client)
      assert.equal(line.reason, 'slow-read')
      assert.ok(line.durationMs >= 2000 - EARLY_MS_MAX, `ended after ${line.durationMs} ms`)
      client.destroy()
    })

    it('a client that takes a few bytes now and then ends with slow-read', async () => {
      const reader = await NarrowReader.connect(daemon.addressOf('big'))
      // 100 bytes a second.
      await until(
        {
          get endingNow() {
            return reader.ending
          },
        },
        () => reader.take(10),
        100,
      )
      assert.equal(reader.ending, 'reset')
      assert.equal((await daemon.lineOf(reader.localText)).reason, 'slow-read')
      assert.ok(reader.bytesReceived > 0)
      reader.close()
    })

    it(
      'a client that does not read a small answer ends with slow-read',
      { skip: differs('acknowledged-bytes', engine) },
      async () => {
        const reader = await NarrowReader.connect(daemon.addressOf('small'))
        assert.equal((await daemon.lineOf(reader.localText)).reason, 'slow-read')
        reader.close()
      },
    )

    it(
      'a client that reads slowly and steadily is no slow reader',
      { skip: differs('acknowledged-bytes', engine) },
      async () => {
        const reader = await NarrowReader.connect(daemon.addressOf('big'))
        const untilMs = performance.now() + 6000
        // 8 KB a second at most, as over a bad mobile network.
        while (performance.now() < untilMs) {
          reader.take(400)
          assert.equal(reader.ending, undefined, 'an honest client was cut')
          await sleep(50)
        }
        assert.ok(reader.bytesReceived < BIG_ANSWER.length)
        reader.close()
      },
    )

    it('a client that reads a big answer in pieces gets all of it', async () => {
      const client = await connect('big', { paused: true })
      client.onData = () => {
        client.pause()
        setTimeout(() => client.resume(), 5)
      }
      client.resume()
      await client.receive(BIG_ANSWER.length).catch(() => {})
      assert.equal(client.bytesReceived, BIG_ANSWER.length)
      await stays(client, 2500)
    })

    it('a client that floods with tiny segments ends with tiny-segments', async () => {
      const client = await connect('tiny')
      await until(client, () => client.socket.write('.'), 4)
      assert.equal((await daemon.lineOf(client)).reason, 'tiny-segments')
      await daemon.waitForMetric('tidegate_strikes_total', { service: 'tiny', kind: 'tiny-segments' }, 1)
    })

    it('many segments that are not tiny, or tiny ones that are few, are as good as any', async () => {
      const [fast, few] = await Promise.all([connect('tiny'), connect('tiny')])
      await Promise.all([
        stays(fast, 2500, () => fast.write(Buffer.alloc(100)), 4),
        stays(few, 2500, () => few.write('.'), 80),
      ])
    })

    it('a rule on watch counts each connection once, and ends none', async () => {
      const client = await connect('watched')
      await stays(client, 4000, () => client.write('.'), 10)
      for (const reason of ['slow-send', 'tiny-segments']) {
        await daemon.waitForMetric('tidegate_watched_total', { service: 'watched', reason }, 1)
      }
      await daemon.waitForMetric('tidegate_strikes_total', { service: 'watched' }, 0)
    })

    it('a connection that never carried a byte is a strike; one that did is none', async () => {
      const used = await connect('unused')
      await used.write('hello')
      await used.receiveText('hello')
      const greeted = await connect('greeted')
      await greeted.receiveText(GREETING)
      const [finishing, resetting] = await Promise.all([connect('unused'), connect('unused')])
      // Until then it is the upstream that a client may be tired of waiting for.
      await waitFor('both to be connected', () => unused.connections.length === 3)
      await daemon.waitForMetric('tidegate_upstream_connections_open', { service: 'unused' }, 3)
      for (const client of [used, greeted, finishing]) client.finish()
      resetting.reset()
      await Promise.all([used, greeted, finishing, resetting].map((client) => daemon.lineOf(client)))
      await daemon.waitForMetric('tidegate_strikes_total', { kind: 'unused' }, 2)
    })
  })

  it('nothing is left open', () => daemon.waitForSocketCount(socketsAtStart))
})

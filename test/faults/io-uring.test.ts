/**
 * io_uring is refused, at once or later, or fails now and then: strace makes its calls fail in the real daemon. Nothing
 * depends on the ring: every byte arrives, and log and doctor say what is the matter.
 */
import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { WORKER_FD_RESERVE } from '../../src/control/limits/node-limits.ts'
import { Daemon } from '../harness/daemon.ts'
import { waitFor } from '../harness/deadline.ts'
import { ENGINES } from '../harness/engines.ts'
import { Peer } from '../harness/peer.ts'
import { ringFacts } from '../harness/ring-facts.ts'
import { answerOf, TIDEGATE } from '../harness/started-program.ts'
import { threadNamed, whyNoStrace, withFaultIn } from '../harness/strace.ts'
import { StreamCheck, streamBytes } from '../harness/test-stream.ts'
import { echo, Upstream } from '../harness/upstream.ts'

const CLIENTS = 120
const ROUNDS = 6
/** How long each wait for events is held after it has its answer. */
const HELD_MS = 200

/** Refuses from the program's first call on, in all its threads; Node's own loops do without a ring then, too. */
function refusingSetup(code: string): string[] {
  const rule = ['-e', 'trace=io_uring_setup', '-e', `inject=io_uring_setup:error=${code}`]
  return ['strace', '-f', '-qq', '--seccomp-bpf', '-o', '/dev/null', ...rule]
}

describe('io_uring', { skip: whyNoStrace() }, () => {
  let upstream: Upstream
  let daemon: Daemon

  before(async () => {
    upstream = await Upstream.listen({ onConnection: echo })
  })
  afterEach(async () => {
    upstream.forget()
    await daemon.waitForMetric('tidegate_connections_open', {}, 0)
    daemon.assertNoInternalErrors()
  })
  after(async () => {
    upstream.close()
    await daemon.stop()
  })

  async function start(ioUring: string, prefix: readonly string[] = []): Promise<void> {
    // The one before, if there is one.
    await (daemon as Daemon | undefined)?.stop()
    const services = [{ upstreams: [upstream.address.text] }]
    daemon = await Daemon.start({ engine: 'linux', prefix, traffic: { workers: 1, ioUring }, services })
  }

  function withFault(rules: readonly string[], during: () => Promise<void>): Promise<number> {
    return withFaultIn(threadNamed(daemon.pid, 'tidegate-0'), rules, during)
  }

  /** All speak in the same turn, several times, and hear every byte again. */
  async function crowdIsEchoed(): Promise<void> {
    const clients = await Promise.all(Array.from({ length: CLIENTS }, () => Peer.connect(daemon.addressOf())))
    const checks = clients.map((client, i) => {
      const check = new StreamCheck(i)
      client.onData = (chunk) => check.take(chunk)
      return check
    })
    let bytes = 0
    for (let round = 0; round < ROUNDS; round++) {
      const piece = round % 2 === 0 ? 700 : 20_000
      await daemon.frozen(() => Promise.all(clients.map((client, i) => client.write(streamBytes(i, bytes, piece)))))
      bytes += piece
      await waitFor('every echo', () => checks.every((check) => check.bytes >= bytes))
    }
    for (const client of clients) client.finish()
    for (const [i, client] of clients.entries()) {
      assert.equal((await client.receiveAll()).ending, 'fin')
      checks[i].assertComplete(bytes, 'echo')
      assert.equal((await daemon.lineOf(client)).reason, 'client-closed')
    }
  }

  function warnings(): unknown[] {
    return daemon.lines.filter(({ event }) => event === 'worker-warning')
  }

  async function doctorSays(prefix: readonly string[]): Promise<string> {
    const [command, ...words] = [...prefix, process.execPath, TIDEGATE, 'doctor', '--json']
    const { findings } = JSON.parse((await answerOf(command, words)).stdout) as {
      findings: { id: string; level: string; sentence: string }[]
    }
    const finding = findings.find(({ id }) => id === 'io-uring')
    return `${finding?.level}: ${finding?.sentence}`
  }

  for (const code of ['EPERM', 'ENOSYS', 'ENOMEM', 'EMFILE']) {
    it(`io_uring_setup with ${code}: everybody is served without a ring, and doctor says so`, async () => {
      const prefix = refusingSetup(code)
      await start('auto', prefix)
      assert.equal(ringFacts(daemon.pid).rings, 0)
      await crowdIsEchoed()
      assert.match(await doctorSays(prefix), new RegExp(`^warn: .*io_uring_setup: ${code}`))
    })
  }

  describe('now and then', () => {
    before(() => start('auto'))

    for (const code of ['EAGAIN', 'EBUSY', 'ENOMEM', 'EINTR']) {
      // Calls to receive and calls to send take turns as long as none fails: both kinds meet the error.
      for (const when of ['1+2', '2+2', '1+3']) {
        it(`io_uring_enter with ${code} at calls ${when}: every byte arrives`, async () => {
          const injected = await withFault([`io_uring_enter:error=${code}:when=${when}`], crowdIsEchoed)
          assert.ok(injected >= ROUNDS, `${injected} calls failed`)
          assert.deepEqual(warnings(), [])
        })
      }
    }
  })

  it('ends and resets that come between the wait and the read: each connection ends for its own reason, and whole', async () => {
    await start('auto')
    const clients = await Promise.all(Array.from({ length: 60 }, () => Peer.connect(daemon.addressOf())))
    const said = 500
    for (const [i, client] of clients.entries()) await client.write(streamBytes(i, 0, 1))
    for (const client of clients) await client.receive(1)
    const hold = `epoll_wait:delay_exit=${HELD_MS * 1000}`
    await withFaultIn(threadNamed(daemon.pid, 'tidegate-0'), hold, async () => {
      await Promise.all(clients.map((client, i) => client.write(streamBytes(i, 1, said))))
      // The first of them ended a wait that is held now; the wait after it tells of all the others, and is held too.
      await sleep(HELD_MS * 1.5)
      for (const [i, client] of clients.entries()) {
        if (i % 3 === 0) client.finish()
        if (i % 3 === 1) client.reset()
      }
      await waitFor('every echo', () => {
        return clients.every(({ bytesReceived }, i) => i % 3 === 1 || bytesReceived === 1 + said)
      })
      for (const client of clients) client.finish()
      for (const [i, client] of clients.entries()) {
        const line = await daemon.lineOf(client)
        assert.deepEqual(
          [line.reason, line.bytesToUpstream],
          [i % 3 === 1 ? 'client-reset' : 'client-closed', 1 + said],
        )
        if (i % 3 === 1) continue
        const { bytes, ending } = await client.receiveAll()
        assert.equal(ending, 'fin')
        assert.ok(bytes.equals(streamBytes(i, 0, 1 + said)))
      }
    })
  })

  it('io_uring_enter refused from some time on: the worker says it once and goes on without', async () => {
    await start('auto')
    assert.equal(await withFault(['io_uring_enter:error=EPERM:when=5+'], crowdIsEchoed), 1)
    assert.match(JSON.stringify(warnings()), /^\[[^[]*io_uring_enter: EPERM[^{]*\]$/)
    await crowdIsEchoed()
  })

  for (const ioUring of ['auto', 'off']) {
    it(`send and recv interrupted now and then, ioUring ${ioUring}: every byte arrives`, async () => {
      await start(ioUring)
      const rules = ['sendto:error=EINTR:when=2+2', 'recvfrom:error=EINTR:when=2+3']
      const ring = ioUring === 'auto' ? ['io_uring_enter:error=EAGAIN:when=2+2'] : []
      const injected = await withFault([...rules, ...ring], crowdIsEchoed)
      assert.ok(injected >= CLIENTS, `${injected} calls failed`)
    })
  }
})

describe(
  'rings of many workers',
  { skip: ENGINES.includes('linux') ? false : 'the linux engine is not asked for' },
  () => {
    async function filesWith(workers: number): Promise<{ files: number; rings: number }> {
      const services = [{ upstreams: ['127.0.0.1:9'] }]
      const daemon = await Daemon.start({ engine: 'linux', traffic: { workers }, services })
      const found = { files: daemon.openFiles().length, rings: ringFacts(daemon.pid).rings }
      await daemon.stop()
      return found
    }

    it('are one for each worker, within what is kept back for it of the file limit', async () => {
      const one = await filesWith(1)
      const nine = await filesWith(9)
      if (one.rings > 0) assert.deepEqual([one.rings, nine.rings], [1, 9])
      // Beside its reserve a worker has a listener.
      const each = (nine.files - one.files) / 8 - 1
      assert.ok(each <= WORKER_FD_RESERVE / 2, `${each} files for each worker`)
    })
  },
)

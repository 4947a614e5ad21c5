/**
 * An upstream is killed, frozen or cut off under load, in a network of our own, and comes back. Nobody fails who could
 * have been served; it leaves with the first check that begins after the fault, and returns with the first one after.
 *
 * Who could have been served:
 *   killed     Everybody but those whose connection to it was made when it was killed: these are cut, with whatever
 *              they had said, and nobody may say it again elsewhere. Streams too.
 *   frozen     Everybody. Its kernel goes on accepting, so clients are sent there until a check finds out; these wait,
 *              and are served when it thaws, if they are patient (ours are). Whoever comes later does not meet it.
 *   cut off    Everybody. A connect gets no answer and after connectTimeout the next upstream is tried; streams wait.
 */
import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { after, afterEach, before, describe, it, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type ConnectionLine, Daemon, type LogLine } from '../harness/daemon.ts'
import { waitFor, within } from '../harness/deadline.ts'
import { forEachEngine } from '../harness/engines.ts'
import { FreezableServer } from '../harness/health-server.ts'
import { clearFirewall, cutOff, prepareFirewall } from '../harness/own-network.ts'
import type { ClientSeen, CrowdPlan, CrowdSeen } from './crowd-of-clients.ts'

const skip = prepareFirewall() ?? false

/** Not those that go by the number of open connections: with one stream more than the others, an upstream gets nobody. */
const METHODS = ['ordered', 'round-robin', 'source-hash']
const CHECK = { intervalMs: 300, jitterPercent: 10, timeoutMs: 500, failures: 2 }
/** The longest time to leave and to return: the rest of an interval, and a whole check. */
const NOTICED_MS_MAX = CHECK.intervalMs * (1 + CHECK.jitterPercent / 100) + CHECK.failures * CHECK.timeoutMs
/** What a busy machine may add before a timer or a process gets its turn. What is proven is in rounds, not in this. */
const LATE_MS_MAX = 2_000
/** Both clocks are cut to whole milliseconds. */
const ROUNDING_MS = 2
const CROWD = { streamsPerService: 12, clientsPerSecond: 100 }
/** So many clients of each service must be seen before the next step. */
const CLIENTS_SEEN = 25

interface Fault {
  readonly name: string
  readonly lose: (first: FreezableServer) => void | Promise<void>
  /** Returns the server that is there from now on. */
  readonly giveBack: (first: FreezableServer) => FreezableServer | Promise<FreezableServer>
  readonly reason: RegExp
}

const FAULTS: readonly Fault[] = [
  {
    name: 'killed',
    lose: (first) => first.kill(),
    giveBack: (first) => FreezableServer.start('first', first.address),
    reason: /refused|reset|closed|hang up/,
  },
  {
    name: 'frozen',
    lose: (first) => first.freeze(),
    giveBack: (first) => {
      first.thaw()
      return first
    },
    reason: /no (connection|answer) within 500ms/,
  },
  {
    name: 'cut off',
    lose: (first) => cutOff(first.address.port),
    giveBack: (first) => {
      clearFirewall()
      return first
    },
    reason: /no (connection|answer) within 500ms/,
  },
]

class Crowd {
  readonly #process

  constructor(plan: CrowdPlan) {
    const file = fileURLToPath(new URL('crowd-of-clients.ts', import.meta.url))
    const env = { ...process.env, NODE_TEST_CONTEXT: '', NODE_OPTIONS: '' }
    this.#process = fork(file, [JSON.stringify(plan)], { env })
  }

  async ready(): Promise<void> {
    await within('the streams to open', once(this.#process, 'message'))
  }

  async finish(): Promise<CrowdSeen> {
    const seen = once(this.#process, 'message') as Promise<[CrowdSeen]>
    this.#process.send('finish')
    return (await within('the crowd to be served', seen))[0]
  }

  stop(): void {
    this.#process.kill('SIGKILL')
  }
}

/** One fault from before to after, as it was seen from outside and as the log tells it. */
interface Story {
  /** Since 1970: when it was done, not when it was begun. */
  readonly lostMs: number
  readonly backMs: number
  /** By service. */
  readonly down: ReadonlyMap<string, LogLine>
  readonly up: ReadonlyMap<string, LogLine>
  readonly seen: CrowdSeen
  /** By the address of the client. */
  readonly lines: ReadonlyMap<string, ConnectionLine>
}

forEachEngine((engine) => {
  describe('an upstream is lost under load', { skip }, () => {
    const servers: FreezableServer[] = []
    let daemon: Daemon
    let crowd: Crowd | undefined
    let crowds = 0

    before(async () => {
      for (const [i, name] of ['first', 'second', 'third'].entries()) {
        servers.push(await FreezableServer.start(name, { host: `127.0.1.${i + 1}` }))
      }
      const upstreams = servers.map(({ address }, i) => ({
        name: ['first', 'second', 'third'][i],
        address: address.text,
      }))
      const { intervalMs, jitterPercent, timeoutMs, failures } = CHECK
      const check = {
        interval: `${intervalMs}ms`,
        jitter: `${jitterPercent}%`,
        timeout: `${timeoutMs}ms`,
        attempts: { failures },
      }
      const rest = { connectTimeout: '500ms', retryFailedAfter: '0s', outlier: { failures: 5 }, check, upstreams }
      daemon = await Daemon.start({ engine, services: METHODS.map((balance) => ({ name: balance, balance, ...rest })) })
    })

    afterEach(() => {
      crowd?.stop()
      clearFirewall()
    })
    after(async () => {
      for (const server of servers) await server.stop()
      await daemon?.stop()
    })

    /** Every service has given so many clients who came after that time to that upstream, or to another one. */
    async function someClients(sinceMs: ReadonlyMap<string, number>, isWanted: (upstream: string | null) => boolean) {
      const counts = new Map(METHODS.map((method) => [method, 0]))
      let next = 0
      await waitFor(`${CLIENTS_SEEN} clients of each service`, () => {
        for (; next < daemon.lines.length; next++) {
          const line = daemon.lines[next] as ConnectionLine
          if (line.event !== 'connection' || line.bytesToClient === 0 || !isWanted(line.upstream)) continue
          if (acceptedMs(line) <= sinceMs.get(line.service)!) continue
          counts.set(line.service, counts.get(line.service)! + 1)
        }
        return [...counts.values()].every((count) => count >= CLIENTS_SEEN)
      })
    }

    async function said(event: string, after: number): Promise<Map<string, LogLine>> {
      const news = new Map<string, LogLine>()
      for (const service of METHODS) {
        const matches = (line: LogLine): boolean =>
          line.event === event && line['service'] === service && line['upstream'] === 'first' && timeOf(line) >= after
        news.set(service, await daemon.waitForLine(`${event} of ${service}`, matches))
      }
      return news
    }

    async function run({ lose, giveBack }: Fault): Promise<Story> {
      const { length } = daemon.connectionLines
      crowd = new Crowd({ ...CROWD, net: 8 + ++crowds, services: METHODS.map((service) => daemon.addressOf(service)) })
      await crowd.ready()
      const beginMs = Date.now()
      await someClients(new Map(METHODS.map((service) => [service, beginMs])), (name) => name === 'first')

      const loseMs = Date.now()
      await lose(servers[0])
      const lostMs = Date.now()
      const down = await said('upstream-down', loseMs)
      await someClients(timesOf(down), (name) => name !== 'first')

      servers[0] = await giveBack(servers[0])
      const backMs = Date.now()
      const up = await said('upstream-up', lostMs)
      await someClients(timesOf(up), (name) => name === 'first')

      const seen = await crowd.finish()
      const expected = seen.clients.length + seen.streams.length
      await waitFor('the lines of all clients', () => daemon.connectionLines.length >= length + expected)
      const lines = daemon.connectionLines.slice(length)
      assert.equal(lines.length, expected, 'one line for each connection')
      return { lostMs, backMs, down, up, seen, lines: new Map(lines.map((line) => [line.client.split(':')[0], line])) }
    }

    for (const fault of FAULTS) {
      it(`${fault.name}: nobody fails who could have been served; it leaves, and returns`, async (t) => {
        const story = await run(fault).catch((error: Error) => {
          const events = daemon.lines.filter(({ event }) => event !== 'connection')
          const recent = events.slice(-25).map((line) => JSON.stringify(line))
          throw new Error([error.message, ...recent].join('\n'), { cause: error })
        })
        assertNoticed(t, story, fault)
        assertNobodySentThere(story)
        assertServed(t, story, fault)
      })
    }
  })
})

/** It left with the first check that began after the fault, and came back with the first one after that was over. */
function assertNoticed(t: TestContext, { lostMs, backMs, down, up }: Story, { reason }: Fault): void {
  for (const [service, left] of down) {
    const back = up.get(service)!
    for (const [line, sinceMs, what] of [
      [left, lostMs, 'left'],
      [back, backMs, 'returned'],
    ] as const) {
      const tookMs = timeOf(line) - sinceMs
      const lastBeganMs = timeOf(line) - Number(line['sinceLastCheckMs'])
      const said = `${service}: it ${what} after ${tookMs} ms, ${Number(line['sinceLastCheckMs'])} ms after the last check began`
      t.diagnostic(`${said}, with a check of ${Number(line['ms'])} ms`)
      assert.ok(lastBeganMs <= sinceMs + ROUNDING_MS, `${said}, which was ${lastBeganMs - sinceMs} ms after the fault`)
      assert.ok(tookMs <= NOTICED_MS_MAX + LATE_MS_MAX, said)
    }
    assert.match(String(left['reason']), reason)
    assert.ok(Number(back['downForMs']) > 0)
  }
}

/** Whoever came after it left, and was served before it returned, was served by another one. */
function assertNobodySentThere({ seen, lines, down, up }: Story): void {
  let clients = 0
  for (const client of seen.clients) {
    const line = lineOf(lines, client)
    if (client.startMs <= timeOf(down.get(line.service)!) || client.endMs >= timeOf(up.get(line.service)!)) continue
    clients++
    assert.notEqual(line.upstream, 'first', JSON.stringify({ client, line }))
    const tried = (line.attemptErrors ?? []) as readonly { upstream: string }[]
    assert.ok(!tried.some(({ upstream }) => upstream === 'first'), `it was tried: ${JSON.stringify(line)}`)
  }
  assert.ok(clients >= CLIENTS_SEEN * METHODS.length, `${clients} clients came while it was down`)
}

function assertServed(t: TestContext, { seen, lines, lostMs, backMs }: Story, { name }: Fault): void {
  const count = { served: 0, byAnother: 0, late: 0, cut: 0 }
  const failed: string[] = []
  for (const client of seen.clients) {
    const line = lineOf(lines, client)
    const isCut = name === 'killed' && line.upstream === 'first' && client.startMs <= lostMs
    if (client.failure === undefined) {
      count.served++
      if (line.attempts > 1) count.byAnother++
      if (client.startMs < backMs && client.endMs >= backMs && line.upstream === 'first') count.late++
    } else if (isCut) count.cut++
    else failed.push(JSON.stringify({ ...client, line }))
  }
  const broken = seen.streams.filter(({ fault }) => fault !== undefined)
  const atFirst = seen.streams.filter(({ ip }) => lines.get(ip)?.upstream === 'first')
  t.diagnostic(
    `${count.served} clients served, ${count.byAnother} of them after a failed connect, ${count.late} when it was back; ` +
      `cut with it: ${count.cut}; failed: ${failed.length}. Streams: ${seen.streams.length}, ` +
      `${atFirst.length} at the first, broken ${broken.length}`,
  )
  assert.deepEqual(
    failed.slice(0, 5),
    [],
    `${failed.length} of ${seen.clients.length} failed who could have been served`,
  )
  assert.ok(atFirst.length > 0)
  assert.deepEqual(
    broken.map(({ ip }) => ip),
    name === 'killed' ? atFirst.map(({ ip }) => ip) : [],
    `streams that broke: ${JSON.stringify(broken.slice(0, 5))}`,
  )
}

function lineOf(lines: Story['lines'], { ip }: ClientSeen): ConnectionLine {
  const line = lines.get(ip)
  assert.ok(line !== undefined, `no line of the client ${ip}`)
  return line
}

function timeOf({ time }: LogLine): number {
  return Date.parse(String(time))
}

function timesOf(news: ReadonlyMap<string, LogLine>): Map<string, number> {
  return new Map([...news].map(([service, line]) => [service, timeOf(line)]))
}

function acceptedMs(line: ConnectionLine): number {
  return timeOf(line) - line.durationMs
}

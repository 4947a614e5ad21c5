/** An upstream is killed, frozen or cut off while clients keep coming: none of them fails that could have been served. */
import assert from 'node:assert/strict'
import { after, afterEach, describe, it } from 'node:test'
import { Daemon, type LogLine } from '../harness/daemon.ts'
import { waitFor } from '../harness/deadline.ts'
import { forEachEngine } from '../harness/engines.ts'
import { FreezableServer } from '../harness/health-server.ts'
import { clearFirewall, cutOff, prepareFirewall } from '../harness/own-network.ts'
import { Peer } from '../harness/peer.ts'

const skip = prepareFirewall() ?? false

/** Clients at once, each again and again. */
const CLIENTS = 4

/** One request; the name of the upstream that answered, or how the connection ended without an answer. */
async function visit(daemon: Daemon): Promise<{ client: string; answer: string | undefined; ending: string }> {
  const peer = await Peer.connect(daemon.addressOf())
  await peer.write('GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n').catch(() => {})
  const { bytes, ending } = await peer.receiveAll()
  peer.destroy()
  return { client: peer.localText, answer: /^HTTP\/1\.1 200[\s\S]*(first|spare)/.exec(bytes.toString())?.[1], ending }
}

class Visitors {
  readonly answers: Record<string, number> = { first: 0, spare: 0 }
  readonly failed: { client: string; ending: string }[] = []
  #going = true
  readonly #ended: Promise<unknown>

  constructor(daemon: Daemon) {
    this.#ended = Promise.all(Array.from({ length: CLIENTS }, () => this.#run(daemon)))
  }

  async #run(daemon: Daemon): Promise<void> {
    while (this.#going) {
      const { client, answer, ending } = await visit(daemon)
      if (answer === undefined) this.failed.push({ client, ending })
      else this.answers[answer]++
    }
  }

  async end(): Promise<void> {
    this.#going = false
    await this.#ended
  }
}

forEachEngine((engine) => {
  describe('an upstream is lost under load', { skip }, () => {
    const open: { stop(): void | Promise<void> }[] = []

    afterEach(async () => {
      clearFirewall()
      for (const one of open.splice(0).reverse()) await one.stop()
    })
    after(() => clearFirewall())

    for (const [name, lose, giveBack, why] of [
      [
        'killed',
        (server: FreezableServer) => server.kill(),
        async (server: FreezableServer) => FreezableServer.start('first', server.address.port),
        /refused|reset|closed|hang up/,
      ],
      [
        'frozen',
        async (server: FreezableServer) => server.freeze(),
        async (server: FreezableServer) => {
          server.thaw()
          return server
        },
        /no answer within 500ms/,
      ],
      [
        'cut off',
        async (server: FreezableServer) => cutOff(server.address.port),
        async (server: FreezableServer) => {
          clearFirewall()
          return server
        },
        /no (connection|answer) within 500ms/,
      ],
    ] as const) {
      it(`${name}: clients leave it, and come back`, async () => {
        const [first, spare] = [await FreezableServer.start('first'), await FreezableServer.start('spare')]
        open.push(first, spare)
        const daemon = await Daemon.start({
          engine,
          services: [
            {
              upstreams: [
                { name: 'first', address: first.address.text },
                { name: 'spare', address: spare.address.text },
              ],
              connectTimeout: '500ms',
              check: { interval: '200ms', timeout: '500ms', attempts: { failures: 2 } },
            },
          ],
        })
        open.push(daemon)
        const said = (event: string): Promise<LogLine> =>
          daemon.waitForLine(event, (line) => line.event === event && line['upstream'] === 'first')
        const visitors = new Visitors(daemon)
        await waitFor('clients at the first', () => visitors.answers['first'] > 50)

        await lose(first)
        const down = await said('upstream-down')
        assert.match(String(down['reason']), why)
        for (let i = 0; i < 20; i++) assert.equal((await visit(daemon)).answer, 'spare')

        const back = await giveBack(first)
        if (back !== first) open.push(back)
        const up = await said('upstream-up')
        assert.ok(Number(up['downForMs']) > 0)
        const before = visitors.answers['first']
        await waitFor('clients at the first again', () => visitors.answers['first'] > before + 50)
        await visitors.end()

        // Who was connected to a server that was killed can't be served by another one; everybody else was.
        for (const { client } of visitors.failed) {
          const { upstream, reason } = await daemon.lineOf(client)
          assert.equal(name, 'killed', `${client} failed with ${reason}`)
          assert.equal(upstream, 'first')
        }
        assert.deepEqual(
          daemon.connectionLines.filter(({ reason }) => reason === 'upstream-unreachable'),
          [],
        )
      })
    }
  })
})

/** Thousands of connections at once, and not an fd left afterwards. */
import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { Daemon } from '../harness/daemon.ts'
import { forEachEngine } from '../harness/engines.ts'
import { holdConnections, startLoadUpstream, type LoadPeer } from '../harness/load.ts'
import { enterOwnNetwork } from '../harness/own-network.ts'

// Ports of its own for 10,000 connections; without rights the test runs beside the others all the same.
enterOwnNetwork()

const CONNECTIONS = 5000
const BYTES_EACH = 2000

forEachEngine((engine) => {
  let upstream: { peer: LoadPeer; address: { text: string } }
  let daemon: Daemon

  before(async () => {
    upstream = await startLoadUpstream('echo')
    daemon = await Daemon.start({ engine, services: [{ upstreams: [upstream.address.text] }] })
  })
  after(async () => {
    upstream.peer.stop()
    await daemon.stop()
  })

  it(`${CONNECTIONS} connections at once each move bytes, and all fds come back`, async () => {
    // Before the first question to admin, whose sockets would be counted.
    const socketsAtStart = daemon.socketCount()
    // Pipes are pooled and stay: let some be made before counting.
    const { peer: warmUp } = await holdConnections(daemon.addressOf(), 50, 100_000)
    warmUp.send({ kind: 'close' })
    await daemon.waitForMetric('tidegate_connections_open', {}, 0)
    await daemon.waitForSocketCount(socketsAtStart)
    const othersAtStart = daemon.openFiles().length - socketsAtStart

    const { peer, wrong } = await holdConnections(daemon.addressOf(), CONNECTIONS, BYTES_EACH)
    assert.equal(wrong, 0)
    await daemon.waitForMetric('tidegate_connections_open', {}, CONNECTIONS)
    await daemon.waitForSocketCount(socketsAtStart + 2 * CONNECTIONS)
    peer.send({ kind: 'run', rounds: 2 })
    assert.equal((await peer.report('ran')).echoes, 2 * CONNECTIONS)
    peer.send({ kind: 'close' })

    await daemon.waitForSocketCount(socketsAtStart)
    await daemon.waitForMetric('tidegate_connections_open', {}, 0)
    const others = daemon.openFiles().length - daemon.socketCount()
    assert.ok(others <= othersAtStart + pipesAllowed(), `${others} other files are open, ${othersAtStart} at the start`)
    await daemon.waitForMetric(
      'tidegate_bytes_total',
      { direction: 'to_client' },
      50 * 100_000 + 3 * CONNECTIONS * BYTES_EACH,
    )
    const closed = (await daemon.metrics()).sum('tidegate_connections_closed_total')
    assert.equal(closed, CONNECTIONS + 50)
  })

  /** ARCHITECTURE.md: at most 256 pipes a worker stay in the pool of the linux engine, two fds each. */
  function pipesAllowed(): number {
    return engine === 'linux' ? 2 * 256 * 2 : 0
  }

  it('all of them at once again: places are given back', async () => {
    const { peer, wrong } = await holdConnections(daemon.addressOf(), CONNECTIONS, 100)
    assert.equal(wrong, 0)
    peer.send({ kind: 'close' })
    await daemon.waitForMetric('tidegate_connections_open', {}, 0)
  })
})

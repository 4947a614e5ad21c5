/** The kernel's part in refusing, with nftables for real: a network of our own, and a cable to another one. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createServer, type Server } from 'node:net'
import type { AddressInfo } from 'node:net'
import { after, afterEach, before, describe, test } from 'node:test'
import { runNft, type RunNft } from '../../src/kernel/nftables.ts'
import { parseNetwork, type Network } from '../../src/lib/ip.ts'
import { Firewall } from '../../src/control/shield/firewall.ts'
import type { FirewallConfig } from '../../src/control/shield/firewall-config.ts'
import type { Tables } from '../../src/traffic/tables.ts'
import { capturedLog } from '../harness/captured-log.ts'
import { waitFor } from '../harness/deadline.ts'
import { ForeignNetwork, NEAR } from '../harness/foreign-network.ts'

const CONFIG: FirewallConfig = {
  mode: 'auto',
  table: 'tidegate',
  keep: false,
  loopback: false,
  entriesMax: 65_536,
  synsPerSecond: 0,
  dropInvalid: false,
  synproxy: false,
}
const SOURCE = '10.99.0.2'
const OTHER = '10.99.1.2'
const SOURCE_6 = 'fd99:0:0:1::2'

const network = await ForeignNetwork.open()
const skip = typeof network === 'string' ? network : nftProblem()
const foreign = network as ForeignNetwork

function nft(command: string): string {
  return execFileSync('nft', command.split(' '), { encoding: 'utf8', stdio: 'pipe' })
}

function nftProblem(): string | false {
  try {
    nft('list tables')
    return false
  } catch (error) {
    return `nft does not work here: ${(error as Error).message}`
  }
}

const prefix = (text: string): Network => parseNetwork(text)!

describe('firewall', { skip }, () => {
  let server: Server
  let otherServer: Server
  let ports: { listener: number; other: number }
  const firewalls: Firewall[] = []

  before(async () => {
    for (const address of [SOURCE, OTHER, SOURCE_6]) await foreign.addAddress(address)
    ;[server, otherServer] = [createServer(), createServer()]
    for (const each of [server, otherServer]) {
      await new Promise<void>((resolve) => each.listen({ host: '::', port: 0 }, resolve))
    }
    const [listener, other] = [server, otherServer].map((each) => (each.address() as AddressInfo).port)
    ports = { listener, other }
  })

  afterEach(async () => {
    for (const firewall of firewalls.splice(0)) await firewall.close()
    nft('flush ruleset')
  })

  after(() => {
    server.close()
    otherServer.close()
    foreign.close()
  })

  async function open(config: Partial<FirewallConfig> = {}, run: RunNft = runNft, hasPredecessor = false) {
    const { log, records } = capturedLog()
    const firewall = new Firewall({ config: { ...CONFIG, ...config }, log, run, pollMs: 100, hasPredecessor })
    firewalls.push(firewall)
    firewall.setAllowed([])
    firewall.useTables(tablesFor(ports.listener))
    await firewall.start()
    const events = (): unknown[] => records().map(({ event }) => event)
    const isSettled = async (): Promise<void> => {
      await waitFor('the table', () => firewall.view().state.kind === 'active')
    }
    return { firewall, events, records, isSettled }
  }

  function tablesFor(port: number): Tables {
    const listeners = [{ index: 0, address: { family: 6, address: '::', port }, dualStack: true }]
    return { version: 1, services: [{ listeners, acceptProxyFrom: [] }] } as unknown as Tables
  }

  const isConnected = async (from: string, to = NEAR.ipv4 as string, port = ports.listener): Promise<void> => {
    const connect = foreign.connect(from, to, port)
    await waitFor(`a connection from ${from}`, () => connect.state() === 'connected')
    connect.end()
  }

  test('a ban drops packets, counts them, and ends by itself', async () => {
    const { firewall, isSettled } = await open()
    await isConnected(SOURCE)
    firewall.change({ add: [{ prefix: prefix(SOURCE), timeoutMs: 2_000 }] })
    await isSettled()
    const banned = foreign.connect(SOURCE, NEAR.ipv4, ports.listener)
    await waitFor('dropped packets', () => firewall.view().rules.ban.packets > 0)
    assert.equal(banned.state(), 'trying')
    // Everybody else is served, and the banned one everywhere else.
    await isConnected(OTHER)
    await isConnected(SOURCE, NEAR.ipv4, ports.other)
    await waitFor('the end of the ban', () => banned.state() === 'connected')
    banned.end()
  })
})

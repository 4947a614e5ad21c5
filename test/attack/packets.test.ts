/**
 * Attacks by packets, from addresses that nobody has, over a cable of their own: two network namespaces with veth
 * between them. What answers them is the kernel; what is asserted is that the daemon leaves it to it and serves on.
 */
import assert from 'node:assert/strict'
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { floodWithPackets, SteadyClients } from '../../bench/run/attacks.ts'
import { temporaryFolder } from '../harness/config.ts'
import { DEADLINE_MS, waitFor } from '../harness/deadline.ts'
import { enterOwnNetwork } from '../harness/own-network.ts'
import { assertAllServed, assertServedFor, Siege } from './siege.ts'

const HERE = '10.77.0.1'
const THERE = '10.77.0.2'
const PACKETS = 100_000
const GROWTH_BYTES_MAX = 48 * 1024 * 1024

const why = enterOwnNetwork()

describe('packets', { skip: why ?? false }, () => {
  let siege: Siege
  let outside: ChildProcess
  let clients: SteadyClients
  let fromOutside: { readonly dir: string; readonly prefix: readonly string[] }

  before(async () => {
    outside = spawn('unshare', ['--net', 'sleep', '600'], { stdio: 'ignore' })
    const { pid } = outside
    // Until then it is still in our network, and the cable would end where it began.
    await waitFor('a network of its own', () => networkOf(pid) !== networkOf(process.pid))
    const prefix = ['nsenter', `--net=/proc/${pid}/ns/net`]
    fromOutside = { dir: temporaryFolder(), prefix }
    run(`ip link add cable0 type veth peer name cable1 netns ${pid}`)
    run(`ip address add ${HERE}/16 dev cable0`)
    run('ip link set cable0 up')
    for (const words of [`address add ${THERE}/16 dev cable1`, 'link set cable1 up', 'link set lo up']) {
      run(`${prefix.join(' ')} ip ${words}`)
    }
    for (let i = 1; i <= 20; i++) run(`${prefix.join(' ')} ip address add 10.77.${i}.1/16 dev cable1`)
    // Answers to addresses that nobody has leave by the cable, and end there.
    run(`ip route add default via ${THERE}`)
    siege = await Siege.start({
      engine: 'linux',
      services: [{ listen: [`${HERE}:0`] }],
    })
    const { host, port } = siege.daemon.addressOf()
    const sources = { first: '10.77.1.1', count: 20, step: 256 }
    clients = new SteadyClients({ host, port, perSecond: 50, sources, patienceMs: DEADLINE_MS }, fromOutside)
  })

  after(async () => {
    outside.kill()
    await clients.stop()
    await siege.assertAllBack()
    siege.assertMemoryWithin(GROWTH_BYTES_MAX)
    await siege.stop()
  })

  async function flood(kind: 'syn' | 'ack'): Promise<void> {
    const { host, port } = siege.daemon.addressOf()
    const plan = { kind, host, port, count: PACKETS, perSecond: 50_000 } as const
    const { sent } = await floodWithPackets(plan, fromOutside)
    assert.ok(sent > PACKETS / 2, `only ${sent} packets were sent`)
  }

  async function admitted(): Promise<number> {
    return (await siege.daemon.metrics()).sum('tidegate_connections_total')
  }

  it('a SYN flood from random addresses: cookies for all, and every client is served', async () => {
    await clients.mark()
    const [before, cookiesBefore] = [await admitted(), kernelCount('SyncookiesSent')]
    await flood('syn')
    const visits = await assertAllServed(clients)
    assert.ok(kernelCount('SyncookiesSent') > cookiesBefore, 'the kernel sent no cookies: it was no flood')
    // Whoever came meanwhile, and a few before and after the marks; not one of the random ones.
    assert.ok((await admitted()) - before <= 2 * visits + 200)
  })

  it('ACKs that belong to no connection are answered by the kernel, and nobody hears of them', async () => {
    await clients.mark()
    const [before, resetsBefore] = [await admitted(), kernelCount('OutRsts')]
    await flood('ack')
    const visits = await assertAllServed(clients)
    assert.ok(kernelCount('OutRsts') - resetsBefore > PACKETS / 4)
    assert.ok((await admitted()) - before <= 2 * visits + 200)
    await assertServedFor(clients, 20)
  })
})

function run(words: string): void {
  const [command, ...args] = words.split(' ')
  execFileSync(command, args, { stdio: 'pipe' })
}

function networkOf(pid: number | undefined): string {
  return execFileSync('readlink', [`/proc/${pid}/ns/net`], { encoding: 'utf8' })
}

/** Of this network, from /proc/net/netstat and /proc/net/snmp: a line of names, a line of numbers. */
function kernelCount(name: string): number {
  for (const file of ['/proc/self/net/netstat', '/proc/self/net/snmp']) {
    const lines = readFileSync(file, 'utf8').split('\n')
    for (let i = 0; i + 1 < lines.length; i += 2) {
      const at = lines[i].split(' ').indexOf(name)
      if (at !== -1) return Number(lines[i + 1].split(' ')[at])
    }
  }
  throw new Error(`the kernel does not count ${name}`)
}

/**
 * What it costs to keep out who is banned: a flood of handshakes from banned addresses, refused by each proxy or dropped
 * by nftables for it, and what a client on a kept connection notices of it. A fresh process for each round.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { HandshakeFloodReport } from '../load/handshake-flood.ts'
import { SourceRound, type Sources } from '../load/sources.ts'
import { BANNING_PEERS, type BanningPeer } from '../peers/banning.ts'
import { HandshakeFlood, KeptClient } from '../run/banned.ts'
import { Cables, FIRST_BANNED, LISTEN_HOST } from '../run/cables.ts'
import { BenchFailure } from '../run/failure.ts'
import { readKernelCounts, turnedAwayBetween } from '../run/kernel-counts.ts'
import type { Lab } from '../run/lab.ts'
import { isInOwnNetwork } from '../run/own-network.ts'
import { freePort, untilListening } from '../run/ports.ts'
import { start, type Running } from '../run/processes.ts'
import type { Measure, Preparation, Row, Sample } from './measure.ts'

const BANNED: Sources = { first: FIRST_BANNED, count: 10_000, step: 1 }
/** The first is little enough for every proxy to refuse all of it. */
const FLOODS = [
  { words: '10,000/s', perSecond: 10_000 },
  { words: 'flat out', perSecond: undefined },
] as const
/** Until a flood has reached its speed, JavaScript's included. */
const BEGINNING_SECONDS = 1
const IN_KERNEL_WITHIN_MS = 30_000
const LEAVING_WITHIN_MS = 10_000
/** Of connections made, those that must be ended again by the proxy; some of the last are still under way. */
const ENDED_SHARE_MIN = 0.5

interface Trial {
  readonly lab: Lab
  readonly cables: Cables
  readonly peer: BanningPeer
  readonly perSecond: number | undefined
}

async function prepare(lab: Lab): Promise<Preparation> {
  if (!isInOwnNetwork()) return notRun('it lays cables between networks, which needs --own-network, as root')
  let cables: Cables
  try {
    cables = await Cables.lay(lab.dir, lab.placement)
  } catch (error) {
    if (error instanceof BenchFailure) return notRun(error.message)
    throw error
  }
  const peers = BANNING_PEERS.filter(({ peer }) => lab.peers.some(({ name }) => name === peer))
  const rows: Row[] = FLOODS.flatMap(({ words, perSecond }) =>
    peers.map((peer) => ({
      name: `${peer.name}, ${words}`,
      peer: peer.peer,
      comparedWith: `haproxy, ${words}`,
      round: (seconds: number) => measureOnce({ lab, cables, peer, perSecond }, seconds),
    })),
  )
  return { rows, notes: notesOf(lab), close: () => cables.cut() }
}

function notRun(why: string): Preparation {
  return { rows: [], notes: [`Not run: ${why}.`] }
}

function notesOf({ placement }: Lab): string[] {
  const count = BANNED.count.toLocaleString('en')
  const what = `${count} banned addresses. "Turned away" are packets that nftables dropped, or handshakes that were completed and refused by the program. The client has one kept connection to an echo server; calm is the same flood, aimed at nobody.`
  if (placement.proxy !== undefined) return [what]
  return [what, 'Nothing is pinned: packets are received on the CPU of their sender, and nothing is said of CPU time.']
}

async function measureOnce(trial: Trial, seconds: number): Promise<Sample> {
  const { lab, cables, peer, perSecond } = trial
  const port = await freePort()
  const proxy = await startBanning(trial, port)
  const outside = { dir: lab.dir, cpus: lab.placement.load, prefix: cables.prefix }
  const client = new KeptClient({ host: LISTEN_HOST, port }, outside)
  const flood = (end: Cables['toProxy']): HandshakeFlood => {
    const plan = { ...end, host: LISTEN_HOST, port, sources: BANNED, seconds: 3 * (BEGINNING_SECONDS + seconds) + 30 }
    return new HandshakeFlood({ ...plan, ...(perSecond !== undefined && { perSecond }) }, outside)
  }
  try {
    const atNobody = flood(cables.toNobody)
    const calm = await requestsPerSecond(client, seconds)
    await atNobody.stop()
    const atProxy = flood(cables.toProxy)
    const under = await requestsPerSecond(client, seconds)
    await client.stop()
    const { sent, ...alone } = await countAlone(atProxy, trial, seconds)
    await atProxy.stop()
    return { ...alone, sentPerSecond: sent, requestsPerSecond: under, ofCalm: under / calm }
  } finally {
    await client.stop()
    await leave(proxy, peer)
  }
}

/** Its start is in the time before counting: the flood is younger than that. */
async function requestsPerSecond(client: KeptClient, seconds: number): Promise<number> {
  await sleep(BEGINNING_SECONDS * 1000)
  await client.mark()
  await sleep(seconds * 1000)
  const report = await client.mark()
  return report.requests / report.seconds
}

async function countAlone(flood: HandshakeFlood, { lab, peer }: Trial, seconds: number) {
  const cpu = lab.placement.proxy
  await sleep(BEGINNING_SECONDS * 1000)
  await flood.mark()
  const before = readKernelCounts(cpu)
  await sleep(seconds * 1000)
  const after = readKernelCounts(cpu)
  const turnedAway = turnedAwayBetween(before, after)
  const report = await flood.mark()
  requireRefusal(report, after.passiveOpens - before.passiveOpens, peer)
  return { ...turnedAway, sent: report.sent / report.seconds }
}

/**
 * A table of who is kept out is worth nothing where they come in. Of handshakes that the kernel answers many are never
 * connections: where no more can wait to be accepted it lets their last packets go.
 */
function requireRefusal({ sent, handshakes, ends }: HandshakeFloodReport, opened: number, peer: BanningPeer): void {
  const { name, table } = peer
  if (sent === 0) throw new BenchFailure('the flood sent nothing')
  if (table !== undefined && handshakes > 0) {
    throw new BenchFailure(`${name}: ${handshakes} of ${sent} banned got a handshake`)
  }
  if (ends >= opened * ENDED_SHARE_MIN) return
  throw new BenchFailure(`${name}: of ${opened} connections of the banned ${ends} were refused`)
}

async function startBanning({ lab, peer }: Trial, port: number): Promise<Running> {
  const dir = mkdtempSync(join(lab.dir, 'banning-'))
  const banned = addressesOf(BANNED)
  const route = { listenHost: LISTEN_HOST, listenPort: port, upstreamPort: lab.echoPort, banned }
  for (const [path, text] of Object.entries(peer.files(route))) {
    mkdirSync(dirname(join(dir, path)), { recursive: true, mode: 0o700 })
    writeFileSync(join(dir, path), text)
  }
  const proxy = start(peer.command, { label: `banning-${port}`, dir, cpus: lab.placement.proxy })
  try {
    await untilListening(port, proxy, LISTEN_HOST)
    if (peer.table !== undefined) await untilInKernel(peer.table, banned.length, proxy)
  } catch (error) {
    await leave(proxy, peer)
    throw error
  }
  return proxy
}

function addressesOf(sources: Sources): string[] {
  const round = new SourceRound(sources)
  return Array.from({ length: sources.count }, () => {
    const number = round.next()
    return [24, 16, 8, 0].map((shift) => (number >>> shift) & 0xff).join('.')
  })
}

async function untilInKernel(table: string, count: number, proxy: Running): Promise<void> {
  const deadlineMs = performance.now() + IN_KERNEL_WITHIN_MS
  for (;;) {
    const { status, stdout, error } = spawnSync('nft', ['--json', 'list', 'set', 'inet', table, 'banned4'], {
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
    })
    if (error !== undefined) throw new BenchFailure('there is no nft (Debian: apt install nftables)')
    if (status === 0 && elementsIn(stdout) >= count) return
    const refusal = /"event":"firewall-refused","why":"([^"]*)"/.exec(proxy.output(Infinity))
    if (refusal !== null) throw new BenchFailure(`nothing is dropped in the kernel: ${refusal[1]}`)
    if (performance.now() > deadlineMs) {
      throw new BenchFailure(`the bans did not come to be in the kernel:\n${proxy.output()}`)
    }
    await sleep(100)
  }
}

function elementsIn(json: string): number {
  const { nftables } = JSON.parse(json) as { nftables: readonly { set?: { elem?: readonly unknown[] } }[] }
  return nftables.find(({ set }) => set !== undefined)?.set?.elem?.length ?? 0
}

/** By its own hand, so that it takes its table away; where it doesn't, that is done for it. */
async function leave(proxy: Running, { table }: BanningPeer): Promise<void> {
  if (table !== undefined && !proxy.ended()) {
    process.kill(proxy.pid, 'SIGTERM')
    const deadlineMs = performance.now() + LEAVING_WITHIN_MS
    while (!proxy.ended() && performance.now() < deadlineMs) await sleep(50)
  }
  await proxy.stop()
  if (table !== undefined) spawnSync('nft', ['delete', 'table', 'inet', table])
}

export const banned: Measure = {
  name: 'banned',
  title: `banned: a flood from ${BANNED.count.toLocaleString('en')} banned addresses`,
  needs: [],
  metrics: [
    { key: 'sentPerSecond', label: 'SYNs/s', better: 'more', digits: 0, informative: true },
    { key: 'perSecond', label: 'turned away/s', better: 'more', digits: 0 },
    { key: 'cpuMsPerThousand', label: 'CPU ms per 1,000', better: 'less', digits: 2 },
    { key: 'softirqShare', label: 'of it softirq', better: 'less', digits: 2, informative: true },
    { key: 'requestsPerSecond', label: "client's requests/s", better: 'more', digits: 0, informative: true },
    { key: 'ofCalm', label: 'of calm', better: 'more', digits: 2 },
  ],
  warmUpSeconds: 0,
  hasOwnTable: true,
  others: 'processes',
  prepare,
}

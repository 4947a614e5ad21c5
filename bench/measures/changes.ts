/**
 * Configuration changes and upgrades while 500 streams are open and 2,000 clients come each second: how many of them
 * notice. Each change adds a listener that nobody uses, or takes it away again. A fresh process each round.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { ThroughChangesLoad, ThroughChangesMessage, ThroughChangesReport } from '../load/through-changes.ts'
import type { Peer, Route } from '../peers/peer.ts'
import { BenchFailure } from '../run/failure.ts'
import type { Lab } from '../run/lab.ts'
import { freePort, untilListening } from '../run/ports.ts'
import { start, type Running } from '../run/processes.ts'
import type { Measure, Preparation, Row, Sample } from './measure.ts'

const GENERATOR = fileURLToPath(new URL('../load/through-changes.ts', import.meta.url))
const STREAMS = 500
const CONNECTIONS_PER_SECOND = 2000
const RELOADS = 20
const UPGRADES = 2
const BETWEEN_CHANGES_MS = 250
const PATIENCE_MS = 30_000

interface Change {
  readonly words: string
  readonly peer: Peer['name']
  readonly times: number
  /** The command where the ordinary one has no master process to talk to. */
  readonly command?: (configPath: string) => readonly string[]
  /** Tells the process; resolves when the change is made, where the process says so. */
  readonly tell: (proxy: Running) => Promise<void>
}

const byHangup = async (proxy: Running): Promise<void> => void process.kill(proxy.pid, 'SIGHUP')

const CHANGES: readonly Change[] = [
  {
    words: 'reload',
    peer: 'haproxy',
    times: RELOADS,
    // Master and worker: since 1.8 the way to reload without losing clients.
    command: (path) => ['haproxy', '-W', '-db', '-f', path],
    tell: async (proxy) => void process.kill(proxy.pid, 'SIGUSR2'),
  },
  { words: 'reload', peer: 'nginx', times: RELOADS, tell: byHangup },
  { words: 'reload', peer: 'tidegate', times: RELOADS, tell: reload },
  { words: 'upgrade', peer: 'tidegate', times: UPGRADES, tell: upgrade },
]

async function reload(proxy: Running): Promise<void> {
  const before = eventsOf(proxy, 'reloaded').length
  process.kill(proxy.pid, 'SIGHUP')
  await until('reload', () => eventsOf(proxy, 'reloaded').length > before)
}

/** The newest version is the one to ask next. */
async function upgrade(proxy: Running): Promise<void> {
  const upgrades = eventsOf(proxy, 'upgraded')
  process.kill((upgrades.at(-1)?.['pid'] as number | undefined) ?? proxy.pid, 'SIGUSR2')
  await until('upgrade', () => eventsOf(proxy, 'upgraded').length > upgrades.length)
}

function eventsOf(proxy: Running, event: string): Record<string, unknown>[] {
  const lines = proxy
    .output(Infinity)
    .split('\n')
    .filter((line) => line.includes(`"event":"${event}"`))
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>)
}

async function until(what: string, isDone: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + PATIENCE_MS
  while (!isDone()) {
    if (performance.now() > deadlineMs) throw new BenchFailure(`no ${what} within ${PATIENCE_MS / 1000} s`)
    await sleep(20)
  }
}

async function prepare(lab: Lab): Promise<Preparation> {
  const rows: Row[] = CHANGES.flatMap((change) => {
    const peer = lab.peers.find(({ name }) => name === change.peer)
    if (peer === undefined) return []
    return [{ name: `${peer.name}, ${change.words}`, peer: peer.name, round: () => measureOnce(lab, peer, change) }]
  })
  return { rows, notes: [`${RELOADS} reloads or ${UPGRADES} upgrades a round.`] }
}

async function measureOnce(lab: Lab, peer: Peer, change: Change): Promise<Sample> {
  const route: Route = { listenPort: await freePort(), upstreamPort: lab.echoPort, header: 'none' }
  const extra: Route = { ...route, listenPort: await freePort() }
  const launch = (routes: readonly Route[]) => {
    const made = peer.launch?.(routes, false)
    if (made === undefined) throw new BenchFailure(`${peer.name} can't be started`)
    return made
  }
  const { configName, command } = launch([route])
  const configPath = join(lab.dir, `changes-${peer.name}-${configName}`)
  writeFileSync(configPath, launch([route]).config)
  const label = `changes-${peer.name}-${route.listenPort}`
  const proxy = start((change.command ?? command)(configPath), { label, dir: lab.dir, cpus: lab.placement.proxy })
  await untilListening(route.listenPort, proxy)
  const clients = await startClients(lab, route.listenPort)
  try {
    for (let i = 0; i < change.times; i++) {
      await sleep(BETWEEN_CHANGES_MS)
      writeFileSync(configPath, launch(i % 2 === 0 ? [route, extra] : [route]).config)
      await change.tell(proxy)
    }
    await sleep(BETWEEN_CHANGES_MS)
    return sampleOf(await report(clients))
  } finally {
    await clients.stop()
    await proxy.stop()
  }
}

async function startClients(lab: Lab, port: number): Promise<Running> {
  const load: ThroughChangesLoad = { port, streams: STREAMS, connectionsPerSecond: CONNECTIONS_PER_SECOND }
  const options = { label: `clients-${port}`, dir: lab.dir, cpus: lab.placement.load, channel: true }
  const clients = start([process.execPath, GENERATOR, JSON.stringify(load)], options)
  await message(clients, 'ready')
  return clients
}

async function report(clients: Running): Promise<ThroughChangesReport> {
  const answer = message(clients, 'report')
  clients.process.send('stop')
  return (await answer) as ThroughChangesReport
}

function message(clients: Running, kind: ThroughChangesMessage['kind']): Promise<ThroughChangesMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<ThroughChangesMessage>()
  const timer = setTimeout(() => reject(new BenchFailure(`the clients did not say ${kind}`)), PATIENCE_MS)
  clients.process.once('message', resolve)
  clients.process.once('exit', () => reject(new BenchFailure(`the clients ended:\n${clients.output()}`)))
  return promise.finally(() => clearTimeout(timer))
}

function sampleOf({
  connections,
  failedConnections,
  brokenStreams,
  errors,
  milliseconds,
}: ThroughChangesReport): Sample {
  for (const [error, times] of Object.entries(errors)) console.error(`  ${times} × ${error}`)
  return { failedConnections, brokenStreams, connectionsPerSecond: (connections * 1000) / milliseconds }
}

export const changes: Measure = {
  name: 'changes',
  title: `changes: ${STREAMS} streams and ${CONNECTIONS_PER_SECOND} new connections/s while the proxy is reloaded or upgraded`,
  needs: [],
  metrics: [
    { key: 'failedConnections', label: 'failed connections', better: 'less', digits: 0, informative: true },
    { key: 'brokenStreams', label: 'broken streams', better: 'less', digits: 0, informative: true },
    { key: 'connectionsPerSecond', label: 'connections/s', better: 'more', digits: 0, informative: true },
  ],
  warmUpSeconds: 0,
  countsOnly: true,
  prepare,
}

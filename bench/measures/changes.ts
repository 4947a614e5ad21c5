/**
 * 100 reloads and 10 upgrades while 500 streams are open and 2,200 clients come each second: how many of them notice.
 * Each reload adds a listener that nobody uses, or takes it away again. A fresh process.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ThroughChangesReport } from '../load/through-changes.ts'
import type { Peer, Route } from '../peers/peer.ts'
import { BenchFailure } from '../run/failure.ts'
import type { Exercise, Lab } from '../run/lab.ts'
import { freePort, untilListening } from '../run/ports.ts'
import { processTree } from '../run/process-cost.ts'
import { start, type Running } from '../run/processes.ts'
import { Clients } from '../run/through-changes.ts'
import type { Measure, Preparation, Row, Sample } from './measure.ts'

const STREAMS = 500
/** Opened after each upgrade. */
const STREAMS_MORE = 20
/** Over the 2,000 of the goal, for the generator may be late. */
const CONNECTIONS_PER_SECOND = 2200
const BETWEEN_CHANGES_MS = 250
const PATIENCE_MS = 30_000

/** How a proxy is changed; both resolve when the change is made. */
interface Changed {
  readonly peer: Peer['name']
  /** The command where the ordinary one has no master process to talk to. */
  readonly command?: (configPath: string) => readonly string[]
  readonly reload: (proxy: Running) => Promise<void>
  readonly upgrade?: (proxy: Running) => Promise<void>
}

const CHANGED: readonly Changed[] = [
  {
    peer: 'haproxy',
    // Master and worker: since 1.8 the way to reload without losing clients.
    command: (path) => ['haproxy', '-W', '-db', '-f', path],
    reload: byNewWorker('SIGUSR2'),
  },
  { peer: 'nginx', reload: byNewWorker('SIGHUP') },
  { peer: 'tidegate', reload, upgrade },
  { peer: 'tidegate-node', reload, upgrade },
]

/** A master answers with a new worker. */
function byNewWorker(signal: NodeJS.Signals): Changed['reload'] {
  return async (proxy) => {
    const before = new Set(processTree(proxy.pid))
    process.kill(proxy.pid, signal)
    await until('new worker', () => processTree(proxy.pid).some((pid) => !before.has(pid)))
  }
}

async function reload(proxy: Running): Promise<void> {
  const before = eventsOf(proxy, 'reloaded').length
  process.kill(newestPid(proxy), 'SIGHUP')
  await until('reload', () => eventsOf(proxy, 'reloaded').length > before)
}

async function upgrade(proxy: Running): Promise<void> {
  const before = eventsOf(proxy, 'upgraded').length
  process.kill(newestPid(proxy), 'SIGUSR2')
  await until('upgrade', () => eventsOf(proxy, 'upgraded').length > before)
}

/** The newest version is the one to ask next. */
function newestPid(proxy: Running): number {
  return (eventsOf(proxy, 'upgraded').at(-1)?.['pid'] as number | undefined) ?? proxy.pid
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
  const { reloads, upgrades } = lab.exercise
  const rows: Row[] = CHANGED.flatMap((changed) => {
    const peer = lab.peers.find(({ name }) => name === changed.peer)
    if (peer === undefined) return []
    const times =
      changed.upgrade === undefined ? `${reloads + upgrades} reloads` : `${reloads} reloads, ${upgrades} upgrades`
    return [{ name: `${peer.name}, ${times}`, peer: peer.name, round: () => measureOnce(lab, peer, changed) }]
  })
  return {
    rows,
    notes: [
      `One round. ${STREAMS} streams are open from before the first change until after the last; ${STREAMS_MORE} more are opened after every ${Math.ceil(reloads / upgrades)} reloads, so that older and newer processes hold some, and all end with the round. They are served by the process that accepted them, which stays as long as they do. A reload of HAProxy starts its program anew and is its upgrade too; nginx is only reloaded.`,
    ],
  }
}

async function measureOnce(lab: Lab, peer: Peer, changed: Changed): Promise<Sample> {
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
  const proxy = start((changed.command ?? command)(configPath), { label, dir: lab.dir, cpus: lab.placement.proxy })
  await untilListening(route.listenPort, proxy)
  const load = { port: route.listenPort, connectionsPerSecond: CONNECTIONS_PER_SECOND }
  const clients = new Clients(load, { dir: lab.dir, cpus: lab.placement.load })
  try {
    await clients.openStreams(STREAMS)
    clients.come()
    await makeChanges(lab.exercise, clients, proxy, changed, (i) =>
      writeFileSync(configPath, launch(i % 2 === 0 ? [route, extra] : [route]).config),
    )
    return sampleOf(await clients.leave())
  } finally {
    await clients.stop()
    await proxy.stop()
  }
}

/** The upgrades are spread over the reloads, the last change is one of them. Who has none is reloaded instead. */
async function makeChanges(
  { reloads, upgrades }: Exercise,
  clients: Clients,
  proxy: Running,
  { reload, upgrade }: Changed,
  rewriteConfig: (round: number) => void,
): Promise<void> {
  let upgraded = 0
  for (let i = 0; i < reloads; i++) {
    await sleep(BETWEEN_CHANGES_MS)
    rewriteConfig(i)
    await reload(proxy)
    for (; upgraded < Math.floor(((i + 1) * upgrades) / reloads); upgraded++) {
      await sleep(BETWEEN_CHANGES_MS)
      await (upgrade ?? reload)(proxy)
      await clients.openStreams(STREAMS_MORE)
    }
  }
  await sleep(BETWEEN_CHANGES_MS)
}

function sampleOf(report: ThroughChangesReport): Sample {
  for (const [error, times] of Object.entries(report.errors)) console.error(`  ${times} × ${error}`)
  const { connections, failedConnections, streams, brokenStreams, streamBytes, seconds } = report
  return {
    seconds,
    connections,
    connectionsPerSecond: connections / seconds,
    failedConnections,
    longestVisitMs: report.longestVisitMs,
    streams,
    streamMegabytes: streamBytes / 1e6,
    brokenStreams,
    longestStreamWaitMs: report.longestStreamWaitMs,
    longestPauseMs: report.longestPauseMs,
  }
}

export const changes: Measure = {
  name: 'changes',
  title: `changes: ${STREAMS} streams and ${CONNECTIONS_PER_SECOND} new connections/s while the proxy is reloaded and upgraded`,
  needs: [],
  metrics: [
    { key: 'seconds', label: 'seconds', better: 'less', digits: 0, informative: true },
    { key: 'connections', label: 'new connections', better: 'more', digits: 0, informative: true },
    { key: 'connectionsPerSecond', label: 'a second', better: 'more', digits: 0, informative: true },
    { key: 'failedConnections', label: 'failed', better: 'less', digits: 0, informative: true },
    { key: 'longestVisitMs', label: 'longest ms', better: 'less', digits: 0, informative: true },
    { key: 'streams', label: 'streams', better: 'more', digits: 0, informative: true },
    { key: 'streamMegabytes', label: 'MB', better: 'more', digits: 0, informative: true },
    { key: 'brokenStreams', label: 'broken', better: 'less', digits: 0, informative: true },
    { key: 'longestStreamWaitMs', label: 'longest gap ms', better: 'less', digits: 0, informative: true },
    { key: 'longestPauseMs', label: 'generator paused ms', better: 'less', digits: 0, informative: true },
  ],
  warmUpSeconds: 0,
  countsOnly: true,
  roundsMax: 1,
  prepare,
}

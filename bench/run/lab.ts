/** Everything that runs for a bench: the origin, the echo upstream, the proxies; and how to start one more proxy. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Header, Peer, PeerName, Route } from '../peers/peer.ts'
import { startOrigin, type Origin } from './origin.ts'
import { place, type Pinning, type Placement } from './placement.ts'
import { freePort, untilListening } from './ports.ts'
import { start, type Running } from './processes.ts'

export interface Lab {
  readonly dir: string
  readonly placement: Placement
  readonly seconds: number
  readonly exercise: Exercise
  readonly peers: readonly Peer[]
  readonly origin: Origin
  readonly echoPort: number
  readonly proxies: ReadonlyMap<PeerName, RunningPeer>
}

/** How often each proxy is changed in `changes`. */
export interface Exercise {
  readonly reloads: number
  readonly upgrades: number
}

export interface LabOptions {
  readonly peers: readonly Peer[]
  readonly seconds: number
  readonly exercise: Exercise
  readonly pinning: Pinning
}

export interface RunningPeer {
  /** `undefined` for `direct`, which has no process. */
  readonly running: Running | undefined
  readonly routes: readonly Route[]
}

export interface Wanted {
  readonly upstreamPort: number
  readonly header: Header
}

export interface StartPeerOptions {
  readonly dir: string
  readonly placement: Placement
  readonly connectionLog?: boolean
}

const ECHO_PROGRAM = fileURLToPath(new URL('../load/echo.ts', import.meta.url))

export async function openLab({ peers, seconds, exercise, pinning }: LabOptions): Promise<Lab> {
  const dir = mkdtempSync(join(tmpdir(), 'tidegate-bench-'))
  process.on('exit', () => rmSync(dir, { recursive: true, force: true }))
  const placement = place(pinning)
  const origin = await startOrigin(dir, placement.origin)
  const echoPort = await startEcho(dir, placement.origin)
  const proxies = new Map<PeerName, RunningPeer>()
  for (const peer of peers) {
    const wanted: Wanted[] = peer.headers.map((header) => ({ header, upstreamPort: originPort(origin, header) }))
    wanted.push({ header: 'none', upstreamPort: echoPort })
    proxies.set(peer.name, await startPeer(peer, wanted, { dir, placement }))
  }
  return { dir, placement, seconds, exercise, peers, origin, echoPort, proxies }
}

export function originPort(origin: Origin, header: Header): number {
  return header === 'none' ? origin.plainPort : origin.proxyProtocolPort
}

/** Starts one more process of `peer` with one route per wanted upstream. */
export async function startPeer(
  peer: Peer,
  wanted: readonly Wanted[],
  options: StartPeerOptions,
): Promise<RunningPeer> {
  if (peer.launch === undefined) {
    return { running: undefined, routes: wanted.map((route) => ({ ...route, listenPort: route.upstreamPort })) }
  }
  const { dir, placement, connectionLog = false } = options
  const routes: Route[] = []
  for (const route of wanted) routes.push({ ...route, listenPort: await freePort() })
  const launch = peer.launch(routes, connectionLog)
  const label = `${peer.name}-${routes[0].listenPort}`
  const configPath = join(dir, `${label}-${launch.configName}`)
  writeFileSync(configPath, launch.config)
  const stdout = connectionLog ? 'discard' : 'file'
  const running = start(launch.command(configPath), { label, dir, cpus: placement.proxy, stdout })
  for (const { listenPort } of routes) await untilListening(listenPort, running)
  return { running, routes }
}

/** An upstream that sends back what it gets; returns its port. */
export async function startEcho(dir: string, cpus: string | undefined): Promise<number> {
  const port = await freePort()
  const running = start([process.execPath, ECHO_PROGRAM, String(port)], { label: 'echo', dir, cpus })
  await untilListening(port, running)
  return port
}

/** The peers that take part in a measure, each with its running process. */
export function peersIn(lab: Lab, measureName: string): readonly { peer: Peer; proxy: RunningPeer }[] {
  const taking = lab.peers.filter((peer) => peer.onlyIn === undefined || peer.onlyIn.includes(measureName))
  return taking.map((peer) => ({ peer, proxy: lab.proxies.get(peer.name) as RunningPeer }))
}

/** Where clients of this proxy connect to reach that upstream. */
export function portTo(proxy: RunningPeer, upstreamPort: number, header: Header = 'none'): number {
  const route = proxy.routes.find((each) => each.upstreamPort === upstreamPort && each.header === header)
  if (route === undefined) throw new Error(`no route with header ${header} to ${upstreamPort}`)
  return route.listenPort
}

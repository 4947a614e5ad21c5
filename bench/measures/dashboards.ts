/** New connections while 100 dashboards are open, against none: what watching costs the clients. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { DashboardsMessage } from '../load/dashboards.ts'
import { launchServices } from '../peers/tidegate.ts'
import { BenchFailure } from '../run/failure.ts'
import { peersIn, type Lab, type RunningPeer } from '../run/lab.ts'
import { nextMessage } from '../run/messages.ts'
import { SMALL_PATH } from '../run/origin.ts'
import { freePort, LOOPBACK, untilListening } from '../run/ports.ts'
import { start, type Running } from '../run/processes.ts'
import { loadHttp, rateMetrics, SMALL_LOAD_CONNECTIONS } from './http-load.ts'
import type { Measure, Preparation } from './measure.ts'

const DASHBOARDS = 100
const PROGRAM = fileURLToPath(new URL('../load/dashboards.ts', import.meta.url))

/** The same twice: as far as its ratio is from 1, the other may be by chance. */
const ROWS = [
  { words: 'no dashboard', count: 0 },
  { words: 'no dashboard, again', count: 0 },
  { words: `${DASHBOARDS} dashboards`, count: DASHBOARDS },
]

async function prepare(lab: Lab): Promise<Preparation> {
  if (!peersIn(lab, 'dashboards').some(({ peer }) => peer.name === 'tidegate')) return { rows: [] }
  const { proxy, port, adminPort } = await startWithAdmin(lab)
  const load = { port, path: SMALL_PATH, connections: SMALL_LOAD_CONNECTIONS, closeEach: true }
  const rows = ROWS.map(({ words, count }) => ({
    name: `tidegate, ${words}`,
    peer: 'tidegate' as const,
    comparedWith: `tidegate, ${ROWS[0].words}`,
    round: async (seconds: number) => {
      const dashboards = count === 0 ? undefined : await openDashboards(lab, adminPort, count)
      const { ratePerSecond, perCpuSecond, proxyCpuSeconds } = await loadHttp(lab, proxy, load, seconds)
      if (dashboards?.ended() === true) throw new BenchFailure(`The dashboards ended:\n${dashboards.output()}`)
      await dashboards?.stop()
      return { ratePerSecond, perCpuSecond, cpuShare: proxyCpuSeconds / seconds }
    },
  }))
  return { rows, close: async () => proxy.running?.stop() }
}

async function startWithAdmin(lab: Lab): Promise<{ proxy: RunningPeer; port: number; adminPort: number }> {
  const [port, adminPort] = [await freePort(), await freePort()]
  const service = `  - name: web
    listen: [ "${LOOPBACK}:${port}" ]
    upstreams: [ "${LOOPBACK}:${lab.origin.plainPort}" ]`
  const { config, command } = launchServices('linux', [service])
  const admin = `admin: { listen: "${LOOPBACK}:${adminPort}", stateDir: ${JSON.stringify(join(lab.dir, 'watched'))} }`
  const path = join(lab.dir, 'watched.yaml')
  writeFileSync(path, config.replace('admin: { listen: off }', admin))
  const running = start(command(path), { label: 'watched', dir: lab.dir, cpus: lab.placement.proxy })
  for (const one of [port, adminPort]) await untilListening(one, running)
  return { proxy: { running, routes: [] }, port, adminPort }
}

async function openDashboards(lab: Lab, port: number, count: number): Promise<Running> {
  const token = readFileSync(join(lab.dir, 'watched', 'admin-token'), 'utf8').trim()
  const options = { label: 'dashboards', dir: lab.dir, cpus: lab.placement.load, channel: true }
  const running = start([process.execPath, PROGRAM, JSON.stringify({ port, token, count })], options)
  await nextMessage<DashboardsMessage>(running)
  return running
}

export const dashboards: Measure = {
  name: 'dashboards',
  title: `dashboards: new connections with ${DASHBOARDS} dashboards open, against none`,
  needs: ['wrk'],
  metrics: rateMetrics('connections'),
  warmUpSeconds: 1,
  prepare,
}

/**
 * What a balance method costs through the whole proxy: new connections with 100 upstreams, against `ordered` with one.
 * The upstreams are ports of one nginx worker, so that only the choice differs. One process of each engine has a
 * service for each row: they share its heap and its compiled code, and differ in the configuration of the service.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BALANCE_METHOD_NAMES } from '../../src/traffic/tables.ts'
import type { PeerName } from '../peers/peer.ts'
import { launchServices } from '../peers/tidegate.ts'
import { peersIn, type Lab, type RunningPeer } from '../run/lab.ts'
import { SMALL_PATH, startManyOrigins } from '../run/origin.ts'
import { freePort, LOOPBACK, untilListening } from '../run/ports.ts'
import { start } from '../run/processes.ts'
import { loadHttp, rateMetrics, SMALL_LOAD_CONNECTIONS } from './http-load.ts'
import type { Measure, Preparation, Row } from './measure.ts'

const UPSTREAMS = 100

interface Form {
  readonly words: string
  readonly balance: string
  readonly upstreams: number
  /** More lines of the service, and more keys of each upstream. */
  readonly service?: string
  readonly upstream?: (i: number) => string
}

const BASE: Form = { words: 'ordered, 1 upstream', balance: 'ordered', upstreams: 1 }

const FORMS: readonly Form[] = [
  BASE,
  // The same once more: as far as its ratio is from 1, others may be by chance.
  { ...BASE, words: `${BASE.words}, again` },
  ...BALANCE_METHOD_NAMES.map((balance) => of(balance, '')),
  of('least-connections', ' + weights 1 to 5', { upstream: (i) => `, weight: ${1 + (i % 5)}` }),
  of('round-robin', ' + maxConnections', { upstream: () => ', maxConnections: 1000' }),
  of('round-robin', ' + affinity', { service: 'affinity: {}' }),
]

function of(balance: string, with_: string, more: Pick<Form, 'service' | 'upstream'> = {}): Form {
  return { words: `${balance}, ${UPSTREAMS} upstreams${with_}`, balance, upstreams: UPSTREAMS, ...more }
}

const ENGINES: Partial<Record<PeerName, 'linux' | 'node'>> = { tidegate: 'linux', 'tidegate-node': 'node' }

async function prepare(lab: Lab): Promise<Preparation> {
  const origins = await startManyOrigins(lab.dir, lab.placement.origin, UPSTREAMS)
  const rows: Row[] = []
  const closers: (() => Promise<void>)[] = [() => origins.running.stop()]
  for (const { peer } of peersIn(lab, 'methods')) {
    const engine = ENGINES[peer.name]
    if (engine === undefined) continue
    const { proxy, ports } = await startWithForms(lab, engine, origins.ports)
    closers.push(async () => proxy.running?.stop())
    for (const [i, { words }] of FORMS.entries()) {
      const load = { port: ports[i], path: SMALL_PATH, connections: SMALL_LOAD_CONNECTIONS, closeEach: true }
      const round = async (seconds: number) => {
        const { ratePerSecond, perCpuSecond, proxyCpuSeconds } = await loadHttp(lab, proxy, load, seconds)
        return { ratePerSecond, perCpuSecond, cpuShare: proxyCpuSeconds / seconds }
      }
      const comparedWith = `${peer.name}, ${BASE.words}`
      rows.push({ name: `${peer.name}, ${words}`, peer: peer.name, comparedWith, round })
    }
  }
  const close = async () => {
    for (const closer of closers) await closer()
  }
  return {
    rows,
    close,
    notes: ['All from one client address; with source-hash and with affinity it has one upstream.'],
  }
}

/** One process, a port for each form. */
async function startWithForms(
  lab: Lab,
  engine: 'linux' | 'node',
  upstreamPorts: readonly number[],
): Promise<{ proxy: RunningPeer; ports: number[] }> {
  const ports: number[] = []
  for (const _ of FORMS) ports.push(await freePort())
  const services = FORMS.map((form, i) => service(form, ports[i], upstreamPorts))
  const { config, configName, command } = launchServices(engine, services)
  const configPath = join(lab.dir, `methods-${configName}`)
  writeFileSync(configPath, config)
  const options = { label: `methods-${engine}`, dir: lab.dir, cpus: lab.placement.proxy }
  const running = start(command(configPath), options)
  for (const port of ports) await untilListening(port, running)
  return { proxy: { running, routes: [] }, ports }
}

function service(
  { balance, upstreams, service, upstream }: Form,
  port: number,
  upstreamPorts: readonly number[],
): string {
  const lines = upstreamPorts.slice(0, upstreams).map((upstreamPort, i) => {
    return `      - { address: "${LOOPBACK}:${upstreamPort}"${upstream?.(i) ?? ''} }`
  })
  return `  - name: port-${port}
    listen: [ "${LOOPBACK}:${port}" ]
    mode: raw
    balance: ${balance}
${service === undefined ? '' : `    ${service}\n`}    upstreams:
${lines.join('\n')}`
}

export const methods: Measure = {
  name: 'methods',
  title: `methods: a new connection for each small request, balanced over ${UPSTREAMS} upstreams, against ordered with one`,
  needs: ['wrk'],
  metrics: rateMetrics('connections'),
  warmUpSeconds: 1,
  prepare,
}

/**
 * New connections with every limit for sources on, and with a deny list of a million, countries and ASes besides, against
 * the same without: what admission costs where it refuses nobody.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { formatIp } from '../../src/lib/ip.ts'
import { Random } from '../../test/harness/random.ts'
import { madeDatabase } from '../made-database.ts'
import { tidegateWith } from '../peers/tidegate.ts'
import { peersIn, portTo, startPeer, type Lab } from '../run/lab.ts'
import { SMALL_PATH } from '../run/origin.ts'
import { loadHttp, rateMetrics, SMALL_LOAD_CONNECTIONS } from './http-load.ts'
import type { Measure, Preparation, Row } from './measure.ts'

/** More than wrk opens: each rule looks, and none refuses. */
const PLENTY = 'rate: 1000000/s, burst: 1000000'
const LIMITS = `perAddress: { rule: on, connections: 10000, ${PLENTY} }, perPrefix: { rule: on, connections: 10000, ${PLENTY} }, newConnections: { rule: on, ${PLENTY} }`
const NETWORKS = `countries: { deny: [AQ], unknown: admit }, asns: { deny: [4294967295] }, perAsn: { rule: on, connections: 10000, ${PLENTY} }`
const EVERY_RULE = 'every rule on'
const RULES: Readonly<Record<string, string>> = {
  'limits off': '{ perAddress: { rule: off }, perPrefix: { rule: off } }',
  'limits on': `{ ${LIMITS} }`,
  [EVERY_RULE]: `{ ${LIMITS}, ${NETWORKS} }`,
}
/** As many as all lists may have. wrk comes from 127.0.0.1, which is none of them. */
const LISTED = 1_000_000

/** A deny list, and a database in which wrk has a country and an AS that nobody keeps out. */
function listsIn(dir: string): string[] {
  const random = new Random(1)
  const list = Array.from({ length: LISTED }, () => {
    return formatIp(
      Uint8Array.of(128 + random.integer(96), random.integer(256), random.integer(256), random.integer(256)),
    )
  })
  writeFileSync(join(dir, 'deny.txt'), list.join('\n'))
  const record = { country: { iso_code: 'DE' }, autonomous_system_number: 64_496 }
  writeFileSync(join(dir, 'networks.mmdb'), madeDatabase(random, { '127.0.0.0/8': record }))
  return ['lists: [{ action: deny, file: deny.txt }]', 'countryDatabase: networks.mmdb', 'asnDatabase: networks.mmdb']
}

async function prepare(lab: Lab): Promise<Preparation> {
  const rows: Row[] = []
  const closers: (() => Promise<void>)[] = []
  const comparedWith = 'tidegate, limits off'
  if (!peersIn(lab, 'shield').some(({ peer }) => peer.name === 'tidegate')) return { rows }
  for (const [words, protect] of Object.entries(RULES)) {
    const { dir, placement, origin } = lab
    const peer = tidegateWith(protect, words === EVERY_RULE ? listsIn(dir) : [])
    const proxy = await startPeer(peer, [{ header: 'none', upstreamPort: origin.plainPort }], { dir, placement })
    closers.push(async () => proxy.running?.stop())
    const port = portTo(proxy, origin.plainPort)
    const load = { port, path: SMALL_PATH, connections: SMALL_LOAD_CONNECTIONS, closeEach: true }
    const round = async (seconds: number) => {
      const { ratePerSecond, perCpuSecond, proxyCpuSeconds } = await loadHttp(lab, proxy, load, seconds)
      return { ratePerSecond, perCpuSecond, cpuShare: proxyCpuSeconds / seconds }
    }
    rows.push({ name: `tidegate, ${words}`, peer: 'tidegate', comparedWith, round })
  }
  const close = async () => {
    for (const closer of closers) await closer()
  }
  return { rows, close }
}

export const shield: Measure = {
  name: 'shield',
  title: 'shield: new connections with limits for sources, and with every rule, against none',
  needs: ['wrk'],
  metrics: rateMetrics('connections'),
  warmUpSeconds: 1,
  prepare,
}

/**
 * Clients that come at a steady rate: how many are served, and how fast, in the calm and under each attack. A fresh
 * process for each attack and round, so that nobody profits from who was banned before.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ATTACKS, OPEN_MAX, type PlannedAttack } from '../load/attackers/plans.ts'
import type { Sources } from '../load/sources.ts'
import type { SteadyClientsReport } from '../load/steady-clients.ts'
import { CONNECTIONS_MAX, GUARDED_PEERS, type GuardedPeer } from '../peers/guarded.ts'
import { Attack, startAnswering, SteadyClients } from '../run/attacks.ts'
import type { Lab } from '../run/lab.ts'
import { freePort, untilListening } from '../run/ports.ts'
import { start } from '../run/processes.ts'
import type { Measure, Preparation, Row, Sample } from './measure.ts'

const CLIENTS_PER_SECOND = 200
/** Each in a /24 of its own; each comes every second. */
const CLIENTS: Sources = { first: '127.200.0.1', count: 200, step: 256 }
/** Whoever waits longer has gone elsewhere. */
const PATIENCE_MS = 2000
/** From the first connection of an attack until it counts: what ends attackers by how they behave must see them first. */
const BEGINNING_SECONDS = 10
const WARM_UP_SECONDS = 1

async function prepare(lab: Lab): Promise<Preparation> {
  const { placement, dir } = lab
  const { port, running } = await startAnswering({ dir, cpus: placement.origin })
  const peers = GUARDED_PEERS.filter(({ name }) => lab.peers.some((peer) => peer.name === name))
  const rows: Row[] = ATTACKS.flatMap((attack) =>
    peers.map((peer) => ({
      name: `${peer.name}, ${attack.name}`,
      peer: peer.name,
      comparedWith: `haproxy, ${attack.name}`,
      round: (seconds: number) => measureOnce(lab, peer, attack, port, seconds),
    })),
  )
  return {
    rows,
    notes: [
      `${CLIENTS_PER_SECOND} clients a second from ${CLIENTS.count} addresses, each a connection, a request, an answer of 2,000 bytes; who is not served within ${PATIENCE_MS / 1000} s has failed. Each proxy takes ${CONNECTIONS_MAX} connections, attackers want ${OPEN_MAX}. "Under attack" begins ${BEGINNING_SECONDS} s after the attack; "as it begins" is what is before.`,
    ],
    close: () => running.stop(),
  }
}

async function measureOnce(
  lab: Lab,
  peer: GuardedPeer,
  planned: PlannedAttack,
  upstreamPort: number,
  seconds: number,
): Promise<Sample> {
  const { dir, placement } = lab
  const { attack: name, sources, openMax, perSecond } = planned
  const port = await freePort()
  const { configName, config, command } = peer.launch({ listenPort: port, upstreamPort })
  const configPath = join(dir, `${port}-${configName}`)
  writeFileSync(configPath, config)
  const proxy = start(command(configPath), { label: `guarded-${peer.name}-${port}`, dir, cpus: placement.proxy })
  await untilListening(port, proxy)
  const at = { host: '127.0.0.1', port }
  const place = { dir, cpus: placement.load }
  const load = { ...at, perSecond: CLIENTS_PER_SECOND, sources: CLIENTS, patienceMs: PATIENCE_MS }
  const clients = new SteadyClients(load, place)
  try {
    await clients.mark()
    await sleep(WARM_UP_SECONDS * 1000)
    await clients.mark()
    await sleep(seconds * 1000)
    const calm = await clients.mark()
    const plan = { ...at, sources, openMax, perSecond, connections: 1e9, seconds: 2 * (BEGINNING_SECONDS + seconds) }
    const attack = new Attack(name, plan, place)
    await sleep(BEGINNING_SECONDS * 1000)
    const beginning = await clients.mark()
    await sleep(seconds * 1000)
    const under = await clients.mark()
    const { connections, endings } = await attack.stop()
    console.error(
      `  ${peer.name}, ${planned.name}: ${connections} attackers ${JSON.stringify(endings)}, clients ${faultsOf(under)}`,
    )
    return sampleOf(calm, beginning, under)
  } finally {
    await clients.stop()
    await proxy.stop()
  }
}

function faultsOf({ served, visits, faults }: SteadyClientsReport): string {
  return `${served} of ${visits} ${JSON.stringify(faults)}`
}

function sampleOf(calm: SteadyClientsReport, beginning: SteadyClientsReport, under: SteadyClientsReport): Sample {
  const share = ({ served, visits }: SteadyClientsReport) => served / Math.max(1, visits)
  return {
    ofCalm: share(under) / share(calm),
    beginningOfCalm: share(beginning) / share(calm),
    calmP99Ms: calm.p99Ms,
    // Nobody served is not fast.
    underP99Ms: under.served === 0 ? PATIENCE_MS : Math.min(PATIENCE_MS, under.p99Ms),
  }
}

export const attack: Measure = {
  name: 'attack',
  title: `attack: ${CLIENTS_PER_SECOND} clients a second, calm and under attack, the same thresholds everywhere`,
  needs: GUARDED_PEERS.flatMap(({ needs }) => needs),
  metrics: [
    { key: 'ofCalm', label: 'served under attack, of calm', better: 'more', digits: 2, ofMedians: true },
    { key: 'beginningOfCalm', label: 'as it begins', better: 'more', digits: 2, informative: true },
    { key: 'calmP99Ms', label: 'p99 ms, calm', better: 'less', digits: 1, informative: true },
    { key: 'underP99Ms', label: 'p99 ms, under attack', better: 'less', digits: 1, informative: true },
  ],
  warmUpSeconds: 0,
  hasOwnTable: true,
  countsOnly: true,
  roundsMax: 3,
  prepare,
}

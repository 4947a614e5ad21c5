/**
 * Each attack of the bench for a longer time: `npm run soak -- --part attack --engine linux --seconds 45`. Clients must
 * be served as soon as the attack has shown itself; memory must stay, and files come back.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { ATTACKS, type PlannedAttack } from '../../bench/load/attackers/plans.ts'
import { CONNECTIONS_MAX } from '../../bench/peers/guarded.ts'
import type { SteadyClientsReport } from '../../bench/load/steady-clients.ts'
import { Siege } from '../attack/siege.ts'
import type { EngineName } from '../harness/engines.ts'

/** What ends attackers by how they behave must see them first. */
const BEGINNING_SECONDS = 10
const CALM_SECONDS = 4
const SERVED_MIN = 0.95
const GROWTH_BYTES_MAX = 128 * 1024 * 1024

export interface AttacksSoak {
  readonly engine: EngineName
  /** For each attack. */
  readonly seconds: number
  /** Of those whose name begins so; all where it is empty. */
  readonly only: string
}

/** Throws when clients were kept out, memory grew or files stayed open; says what happened under each attack. */
export async function soakAttacks({ engine, seconds, only }: AttacksSoak, say: (line: string) => void): Promise<void> {
  const failures: string[] = []
  for (const attack of ATTACKS.filter(({ name }) => name.startsWith(only))) {
    const under = await besiege(engine, attack, seconds)
    const text = `${engine}, ${attack.name}: ${under.served} of ${under.visits} served, p99 ${under.p99Ms.toFixed(1)} ms`
    say(text)
    if (under.served < SERVED_MIN * under.visits) failures.push(text)
  }
  if (failures.length > 0) throw new Error(`clients were kept out: ${failures.join('; ')}`)
}

async function besiege(engine: EngineName, planned: PlannedAttack, seconds: number): Promise<SteadyClientsReport> {
  const { attack: name, sources, openMax, perSecond } = planned
  const siege = await Siege.start({
    engine,
    traffic: { maxConnections: CONNECTIONS_MAX },
    protect: { bans: { strikes: 1 } },
    services: [
      {
        protect: {
          perAddress: { rule: 'on', connections: 20, rate: '20/s', burst: 20 },
          perPrefix: { rule: 'on', connections: 40, rate: 'off' },
          dialOn: 'first-byte',
          firstByteTimeout: '2s',
          slowSend: { rule: 'on', bytes: '1KiB', within: '2s' },
          slowRead: { rule: 'on', bytes: '16KiB', within: '2s' },
          tinySegments: { rule: 'on', perSecond: 50, smallerThan: '64', within: '2s' },
        },
      },
    ],
  })
  const clients = siege.clients('web', { perSecond: 100, sources: { first: '127.200.0.1', count: 200, step: 256 } })
  // In the calm each comes twice, and is known from then on.
  await sleep(CALM_SECONDS * 1000)
  const plan = { sources, openMax, perSecond, connections: 1e9, seconds: 2 * (seconds + BEGINNING_SECONDS) }
  const attack = siege.attack(name, 'web', plan)
  try {
    await sleep(BEGINNING_SECONDS * 1000)
    await clients.mark()
    await sleep(seconds * 1000)
    const under = await clients.mark()
    await attack.stop()
    await clients.stop()
    await siege.assertAllBack()
    siege.assertMemoryWithin(GROWTH_BYTES_MAX)
    return under
  } finally {
    await attack.stop()
    await clients.stop()
    await siege.stop()
  }
}

/**
 * User-space memory of the whole proxy process for each idle connection, on a fresh process each round.
 * Two numbers, because neither alone is fair to a program with a collected heap: the slope between two counts
 * is too low for it (new connections first fill heap that is there already), all growth since the start is too
 * high (it counts compiled code). What a connection really takes lies between.
 */
import { fileURLToPath } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'
import type { HolderAnswer, HolderCommand } from '../load/holder.ts'
import { BenchFailure } from '../run/failure.ts'
import { peersIn, portTo, startPeer, type Lab } from '../run/lab.ts'
import type { Peer } from '../peers/peer.ts'
import { freePort } from '../run/ports.ts'
import { userMemoryBytes } from '../run/process-cost.ts'
import { start, type Running } from '../run/processes.ts'
import { median } from '../run/statistics.ts'
import type { Measure, Preparation, Row, Sample } from './measure.ts'

const HOLDER = fileURLToPath(new URL('../load/holder.ts', import.meta.url))
/** The slope is between these: the first thousand pays for what a process allocates once. */
const FEW_CONNECTIONS = 1000
const MANY_CONNECTIONS = 6000
/** Short connections before, one at a time: compiles the code and fills what is kept for reuse, without making room for many. */
const WARM_UP_CONNECTIONS = 5000
const SETTLE_MS = 1000
const SAMPLES = 5
const SAMPLE_EVERY_MS = 100
const COMMAND_LIMIT_MS = 60_000
const MEBIBYTE = 1024 * 1024

async function prepare(lab: Lab): Promise<Preparation> {
  const upstreamPort = await freePort()
  const options = { label: 'holder', dir: lab.dir, cpus: lab.placement.load, channel: true }
  const holder = start([process.execPath, HOLDER, String(upstreamPort)], options)
  const rows: Row[] = peersIn(lab, 'memory')
    .filter(({ peer }) => peer.launch !== undefined)
    .map(({ peer }) => ({
      name: peer.name,
      peer: peer.name,
      round: () => measureOnce(lab, peer, holder, upstreamPort),
    }))
  return { rows, close: () => holder.stop() }
}

async function measureOnce(lab: Lab, peer: Peer, holder: Running, upstreamPort: number): Promise<Sample> {
  const wanted = [{ header: 'none' as const, upstreamPort }]
  const proxy = await startPeer(peer, wanted, { dir: lab.dir, placement: lab.placement })
  const running = proxy.running as Running
  const proxyPort = portTo(proxy, upstreamPort)
  try {
    const fresh = await settledMemory(running.pid)
    await tell(holder, { kind: 'churn', proxyPort, count: WARM_UP_CONNECTIONS })
    await tell(holder, { kind: 'hold', proxyPort, count: FEW_CONNECTIONS })
    const few = await settledMemory(running.pid)
    await tell(holder, { kind: 'hold', proxyPort, count: MANY_CONNECTIONS })
    const many = await settledMemory(running.pid)
    return {
      bytesPerConnection: (many - few) / (MANY_CONNECTIONS - FEW_CONNECTIONS),
      bytesSinceStart: (many - fresh) / MANY_CONNECTIONS,
      mebibytesAtStart: fresh / MEBIBYTE,
      mebibytesAtMany: many / MEBIBYTE,
    }
  } finally {
    await tell(holder, { kind: 'close-all' })
    await running.stop()
  }
}

async function settledMemory(pid: number): Promise<number> {
  await sleep(SETTLE_MS)
  const samples: number[] = []
  for (let i = 0; i < SAMPLES; i++) {
    samples.push(userMemoryBytes(pid))
    await sleep(SAMPLE_EVERY_MS)
  }
  return median(samples)
}

/** Sends a command and waits until it is done. */
function tell(holder: Running, command: HolderCommand): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = (failure?: string) => {
      clearTimeout(timer)
      holder.process.off('message', onMessage)
      holder.process.off('exit', onExit)
      if (failure === undefined) resolve()
      else reject(new BenchFailure(`holding connections: ${failure}`))
    }
    const onMessage = (answer: HolderAnswer) => finish(answer.kind === 'failed' ? answer.message : undefined)
    const onExit = () => finish(`the holder ended:\n${holder.output()}`)
    const timer = setTimeout(() => finish(`no answer within ${COMMAND_LIMIT_MS / 1000} s`), COMMAND_LIMIT_MS)
    holder.process.on('message', onMessage)
    holder.process.once('exit', onExit)
    holder.process.send(command)
  })
}

export const memory: Measure = {
  name: 'memory',
  title: `memory: user space for each idle connection, between ${FEW_CONNECTIONS} and ${MANY_CONNECTIONS}`,
  needs: [],
  metrics: [
    { key: 'bytesPerConnection', label: 'bytes per connection', better: 'less', digits: 0 },
    { key: 'bytesSinceStart', label: 'with all growth since start', better: 'less', digits: 0 },
    { key: 'mebibytesAtStart', label: 'MiB of the process at start', better: 'less', digits: 1, informative: true },
    { key: 'mebibytesAtMany', label: `MiB at ${MANY_CONNECTIONS}`, better: 'less', digits: 1, informative: true },
  ],
  warmUpSeconds: 0,
  countsOnly: true,
  prepare,
}

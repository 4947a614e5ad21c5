/**
 * Reloads under load: `npm run soak -- --part reloads --engine linux`. 100 reloads that add, move and remove other
 * services, and change keys of the one that is used, while 500 long streams go on and 2,000 clients a second come new.
 * Not one of them may notice.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { writeConfig, type TestService } from '../harness/config.ts'
import { Daemon } from '../harness/daemon.ts'
import { waitFor, within } from '../harness/deadline.ts'
import type { EngineName } from '../harness/engines.ts'
import { startLoadUpstream } from '../harness/load.ts'
import { closedAddress } from '../harness/upstream.ts'
import type { LoadSeen } from './reload-load.ts'

export interface ReloadSoak {
  readonly engine: EngineName
  readonly reloads: number
  readonly seconds: number
  readonly streams: number
  readonly connectsPerSecond: number
}

const LOAD_DEADLINE_MS = 60_000

/** Throws when a reload, a connection or a stream failed, or files stay open. */
export async function soakReloads(soak: ReloadSoak): Promise<string> {
  const upstream = await startLoadUpstream('echo')
  const moving = await closedAddress()
  const servicesOf = (round: number): TestService[] => {
    const to = { upstreams: [upstream.address.text] }
    const web = { ...to, connectTimeout: `${5 + (round % 3)}s` }
    const others = Array.from({ length: round % 4 }, (_, i) => ({
      ...to,
      name: `other-${i}`,
      listen: i === round % 3 ? ['127.0.0.1:0', moving.text] : ['127.0.0.1:0', '*:0'],
    }))
    return [web, ...others]
  }
  const traffic = { engine: soak.engine }
  const log = { connections: 'none' }
  const daemon = await Daemon.start({ engine: soak.engine, log, services: servicesOf(0) })
  const files = daemon.openFiles().length
  const at = daemon.addressOf()
  const words = [at.host, at.port, soak.streams, soak.connectsPerSecond].map(String)
  const load = fork(join(dirname(fileURLToPath(import.meta.url)), 'reload-load.ts'), words)
  try {
    await within('the streams to open', once(load, 'message'), LOAD_DEADLINE_MS)
    let slowestMs = 0
    for (let round = 1; round <= soak.reloads; round++) {
      writeConfig(dirname(daemon.configFile), {
        traffic,
        log,
        services: servicesOf(round === soak.reloads ? 0 : round),
      })
      const startedMs = performance.now()
      const { status, body } = await daemon.post('/api/v1/reload')
      if (status !== 200) throw new Error(`reload ${round}: ${body}`)
      slowestMs = Math.max(slowestMs, performance.now() - startedMs)
      await sleep(Math.max(0, (soak.seconds * 1000) / soak.reloads - (performance.now() - startedMs)))
    }
    const answered = once(load, 'message') as Promise<[LoadSeen]>
    load.send('finish')
    const [seen] = await within('the load to end', answered, LOAD_DEADLINE_MS)
    const text = resultText(soak, seen, slowestMs)
    if (seen.brokenStreams.length > 0 || Object.keys(seen.failures).length > 0) throw new Error(text)
    await waitFor('all files to be closed again', () => daemon.openFiles().length <= files, LOAD_DEADLINE_MS)
    await daemon.stop()
    return text
  } finally {
    load.kill('SIGKILL')
    upstream.peer.stop()
    daemon.kill()
  }
}

function resultText(soak: ReloadSoak, seen: LoadSeen, slowestMs: number): string {
  const failed = Object.entries(seen.failures).map(([why, count]) => `${count} ${why}`)
  return [
    `${soak.engine}: ${soak.reloads} reloads in ${seen.seconds.toFixed(0)} s (slowest ${slowestMs.toFixed(0)} ms)`,
    `${seen.served} new connections (${(seen.served / seen.seconds).toFixed(0)}/s), failed: ${failed.join(', ') || 'none'}`,
    `${seen.streams} streams with ${(seen.streamBytes / 1e6).toFixed(0)} MB, broken: ${seen.brokenStreams.length}${seen.brokenStreams.length > 0 ? ` (${seen.brokenStreams[0]})` : ''}`,
  ].join('; ')
}

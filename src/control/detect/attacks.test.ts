import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { capturedLog } from '../../../test/harness/captured-log.ts'
import { temporaryFolder } from '../../../test/harness/config.ts'
import { waitFor } from '../../../test/harness/deadline.ts'
import { SERVICE } from '../../traffic/counters.ts'
import { serviceForTest } from '../../traffic/service-for-test.ts'
import { parseConfig } from '../config/load.ts'
import { SharedMemory } from '../workers/shared-memory.ts'
import { AttackFiles } from './attack-files.ts'
import { Attacks, CALM_SERVICES_MAX } from './attacks.ts'

/** Called after a second with five clients, and never over. */
const QUICK = { startAfter: '1s', endAfter: '1h', learnFor: '0s', floors: { newConnections: '4/s' } }

test('what is calm is kept for services that are watched; of those that are gone the oldest are forgotten', async () => {
  const files = new AttackFiles(temporaryFolder())
  const { log } = capturedLog()
  const minutes = { 'connection-flood': [3], distributed: [2], unused: [0] }
  const names = ['web', ...Array.from({ length: CALM_SERVICES_MAX }, (_, i) => `gone-${i}`)]
  const stored = { records: [], calm: new Map(names.map((name) => [name, minutes])) }
  const services = [{ name: 'web', listen: ['*:443'], upstreams: ['203.0.113.1:443'] }]
  const bans = { view: () => ({ made: {} }) as never }
  const memory = new SharedMemory(1, { services: 1, upstreams: 1 }, 1)
  const attacks = new Attacks({ memory, log, files, stored, bans })
  const tables = { version: 1, logConnections: 'all' as const, services: [serviceForTest([], { name: 'web' })] }
  attacks.start(parseConfig(JSON.stringify({ services }), 'tidegate.yaml', {}), tables)
  await attacks.close()
  const { calm } = await files.read(log)
  assert.deepEqual(
    [calm.size, calm.has('web'), calm.has('gone-0'), calm.has('gone-1')],
    [CALM_SERVICES_MAX, true, false, true],
  )
})

test('an attack that outlasts its daemon is ended in the log by the next one, once, and by nobody else', async () => {
  const folder = temporaryFolder()
  const files = new AttackFiles(folder)
  const upstreams = ['203.0.113.1:443']
  const services = [{ name: 'web', listen: ['*:443'], upstreams, protect: { attack: QUICK } }]
  const config = parseConfig(JSON.stringify({ services }), 'tidegate.yaml', {})
  const tables = { version: 1, logConnections: 'all' as const, services: [serviceForTest([], { name: 'web' })] }
  const start = async () => {
    const memory = new SharedMemory(1, { services: 1, upstreams: 1 }, 1)
    const { log, records } = capturedLog()
    const bans = { view: () => ({ made: {} }) as never }
    const attacks = new Attacks({ memory, log, files, stored: await files.read(log), bans })
    attacks.start(config, tables)
    const ended = () => records().filter(({ event }) => event === 'attack-ended')
    return { attacks, ended, services: memory.workers[0].counters.services }
  }
  const first = await start()
  await waitFor('the attack', () => {
    first.services[SERVICE.newcomers] += 100
    return first.attacks.isUnderAttack(0)
  })
  // As an upgrade does it: what the next version reads is on the disk, then it serves and the old one leaves.
  await first.attacks.store()
  const second = await start()
  first.attacks.leave()
  await first.attacks.close()
  assert.deepEqual([first.ended(), second.ended().map(({ attack, ended }) => [attack, ended])], [[], [[1, 'restart']]])
  await waitFor('the closed record', () => !readFileSync(join(folder, 'attacks.jsonl'), 'utf8').includes('"end":null'))
  second.attacks.leave()
  const third = await start()
  assert.deepEqual(third.ended(), [])
  assert.deepEqual(
    third.attacks.list().map(({ id, ended }) => [id, ended]),
    [[1, 'restart']],
  )
  third.attacks.leave()
})

import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { capturedLog } from '../../../test/harness/captured-log.ts'
import { temporaryFolder } from '../../../test/harness/config.ts'
import type { AttackRecord } from './attack.ts'
import { AttackFiles, ATTACKS_MAX } from './attack-files.ts'
import { AttackStore } from './attack-store.ts'

const LEVELS = { 'connection-flood': 1, distributed: 2, unused: 0.5 }
const MINUTES = { 'connection-flood': [1, 2], distributed: [3], unused: [] }
const TIME = '2026-11-21T15:00:00.000Z'

function recordOf(id: number): AttackRecord {
  const peak = { newPerSecond: 9, sources: 8, prefixes: 7, unusedShare: 0, connectFailuresPerSecond: 0, open: 6 }
  const numbers = { newcomers: 5, admitted: 4, unused: 0, served: 3, bytes: 2, bansMade: 1 }
  const what = { id, service: 'web', kind: 'distributed' as const, kinds: ['distributed'] }
  const times = { start: TIME, end: null, ended: null, updated: TIME }
  const sources = { addresses: [{ source: '192.0.2.1', newConnections: 5, refused: 1 }], prefixes: [], asns: [] }
  return {
    ...what,
    ...times,
    calm: LEVELS,
    limits: LEVELS,
    peak,
    ...numbers,
    refused: { 'refused-attack': 1 },
    ...sources,
  }
}

test('what was written is read again: the newest attacks, and what is calm', async () => {
  const { log } = capturedLog()
  const files = new AttackFiles(join(temporaryFolder(), 'state'))
  assert.deepEqual(await files.read(log), { records: [], calm: new Map() })
  const records = Array.from({ length: ATTACKS_MAX + 5 }, (_, i) => recordOf(i + 1))
  assert.equal(await files.writeAttacks(records, log), true)
  assert.equal(await files.writeCalm(new Map([['web', MINUTES]]), log), true)
  assert.deepEqual(await files.read(log), { records: records.slice(5), calm: new Map([['web', MINUTES]]) })
})

test('a damaged file is moved aside and told, and what stood before the damage is kept', async () => {
  const { log, records } = capturedLog()
  const folder = temporaryFolder()
  const file = join(folder, 'attacks.jsonl')
  writeFileSync(file, `${JSON.stringify(recordOf(1))}\n{"id":`)
  writeFileSync(join(folder, 'calm.json'), '[]')
  const read = await new AttackFiles(folder).read(log)
  assert.deepEqual([read.records.map(({ id }) => id), read.calm.size], [[1], 0])
  assert.deepEqual(
    records().map(({ event, movedTo }) => [event, movedTo]),
    [
      ['attacks-not-read', `${file}.damaged`],
      ['attacks-not-read', join(folder, 'calm.json.damaged')],
    ],
  )
  assert.ok(!existsSync(file))
})

test('a file that cannot be written is told, and stops nothing', async () => {
  const { log, records } = capturedLog()
  const folder = join(temporaryFolder(), 'taken')
  writeFileSync(folder, '')
  assert.equal(await new AttackFiles(folder).writeAttacks([recordOf(1)], log), false)
  assert.deepEqual(
    records().map(({ event }) => event),
    ['attacks-not-stored'],
  )
})

test('what changes while it is written is written as well, and nothing after it is left to another process', async () => {
  const { log } = capturedLog()
  const folder = temporaryFolder()
  mkdirSync(folder, { recursive: true })
  let records = [recordOf(1)]
  const store = new AttackStore(new AttackFiles(folder), log, { records: () => records, calm: () => new Map() })
  const first = store.write({ attacks: true })
  records = [recordOf(1), recordOf(2)]
  await Promise.all([first, store.write({ attacks: true })])
  const linesOf = (): number => readFileSync(join(folder, 'attacks.jsonl'), 'utf8').trim().split('\n').length
  assert.equal(linesOf(), 2)
  store.leave()
  records = []
  await store.write({ attacks: true })
  assert.equal(linesOf(), 2)
})

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { mmdb } from '../../../test/harness/mmdb.ts'
import { parseConfig } from '../config/load.ts'
import { databaseFacts, databasesFinding } from './databases.ts'
import type { Facts } from './facts.ts'

const BUILT_AT_MS = 1_700_000_000_000
const DAY_MS = 24 * 60 * 60 * 1000

async function found(lines: string, nowMs: number) {
  const service = 'services: [{ name: web, listen: ["127.0.0.1:1"], upstreams: ["203.0.113.1:1"] }]'
  const config = parseConfig(`${lines}\n${service}\n`, 'tidegate.yaml', {})
  return databasesFinding({ databases: await databaseFacts(config, nowMs) } as unknown as Facts)
}

test('databases: none is no finding, a fresh one is well, an old one a warning, one that cannot be read a failure', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'doctor-'))
  try {
    const file = join(folder, 'country.mmdb')
    writeFileSync(file, mmdb({ '192.0.2.0/24': { country: 'DE' } }, { type: 'Lite', builtAtMs: BUILT_AT_MS }))
    const lines = `protect: { countryDatabase: ${file}, asnDatabase: ${file} }`
    assert.equal(await found('', BUILT_AT_MS), undefined)
    const fresh = await found(lines, BUILT_AT_MS + DAY_MS)
    assert.deepEqual([fresh?.level, fresh?.sentence], ['ok', `${file} ("Lite") was built 1 day ago.`])
    assert.equal((await found(lines, BUILT_AT_MS + 91 * DAY_MS))?.level, 'warn')
    writeFileSync(file, 'not found')
    const broken = await found(lines, BUILT_AT_MS)
    assert.deepEqual([broken?.level, broken?.sentence], ['fail', `${file} is no MaxMind DB file.`])
  } finally {
    rmSync(folder, { recursive: true })
  }
})

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, test } from 'node:test'
import { mmdb } from '../../../test/harness/mmdb.ts'
import { countryNumber } from '../../lib/country-code.ts'
import { parseIp } from '../../lib/ip.ts'
import { ConfigError } from '../config/problem.ts'
import { entangledMmdb } from './entangled-mmdb-for-test.ts'
import { NetworkDatabases } from './network-databases.ts'

const CLIENT = parseIp('192.0.2.1')!
const DAY_MS = 24 * 60 * 60 * 1000

describe('databases in force', () => {
  const folders: string[] = []

  afterEach(() => {
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
  })

  function fileWith(bytes: Buffer): string {
    const folder = mkdtempSync(join(tmpdir(), 'databases-'))
    folders.push(folder)
    const file = join(folder, 'country.mmdb')
    writeFileSync(file, bytes)
    return file
  }

  function configFor(files: { country?: string; asn?: string }) {
    const config = (key: string, file: string | undefined) =>
      file === undefined ? undefined : { file, at: { file: 'tidegate.yaml', line: 2, column: 3, key } }
    return {
      countryDatabase: config('protect.countryDatabase', files.country),
      asnDatabase: config('protect.asnDatabase', files.asn),
    }
  }

  const german = mmdb({ '192.0.2.0/24': { country: 'DE', asn: 'AS64496' } })
  const french = mmdb({ '192.0.2.0/24': { country: 'FR' } })

  test('one file may be both', async () => {
    const file = fileWith(german)
    const databases = await NetworkDatabases.read(configFor({ country: file, asn: file }))
    assert.equal(databases.lookUp('country', CLIENT), countryNumber('DE'))
    assert.equal(databases.lookUp('asn', CLIENT), 64_496)
    assert.equal(databases.lookUp('asn', parseIp('2001:db8::1')!), 0)
  })

  test('without a database nothing is looked up', async () => {
    const databases = await NetworkDatabases.read(configFor({}))
    assert.equal(databases.lookUp('country', CLIENT), undefined)
    assert.equal(databases.memory, undefined)
  })

  test('a file that is as it was is not read again; another one is', async () => {
    const file = fileWith(german)
    const first = await NetworkDatabases.read(configFor({ country: file }))
    const second = await NetworkDatabases.read(configFor({ country: file }), first)
    assert.equal(second.memory, first.memory)
    writeFileSync(file, french)
    const third = await NetworkDatabases.read(configFor({ country: file }), second)
    assert.equal(third.lookUp('country', CLIENT), countryNumber('FR'))
    assert.equal(first.lookUp('country', CLIENT), countryNumber('DE'))
  })

  test('two files: one that is as it was is joined with another one that is not', async () => {
    const [country, asn] = [fileWith(german), fileWith(german)]
    const config = configFor({ country, asn })
    const first = await NetworkDatabases.read(config)
    const second = await NetworkDatabases.read(config, first)
    assert.equal(second.memory, first.memory)
    writeFileSync(country, french)
    const third = await NetworkDatabases.read(config, second)
    assert.equal(third.lookUp('country', CLIENT), countryNumber('FR'))
    assert.equal(third.lookUp('asn', CLIENT), 64_496)
    assert.equal(third.of('asn')?.memory, first.of('asn')?.memory)
  })

  test('two files that are too much together are an error, and later keep what was read before', async () => {
    const [country, asn] = [fileWith(entangledMmdb(1)), fileWith(entangledMmdb(2))]
    const config = configFor({ country, asn })
    await assert.rejects(NetworkDatabases.read(config), (error: unknown) => {
      const text = error instanceof ConfigError ? error.format() : ''
      return [
        ['countryDatabase', asn],
        ['asnDatabase', country],
      ].every(([key, other]) => new RegExp(`protect.${key}: .* together with ${other}, .*fetch both again`).test(text))
    })
    writeFileSync(country, german)
    const first = await NetworkDatabases.read(config)
    writeFileSync(country, entangledMmdb(1))
    const second = await NetworkDatabases.read(config, first)
    assert.match(second.of('country')?.problem ?? '', new RegExp(`together with ${asn},`))
    assert.equal(second.lookUp('country', CLIENT), countryNumber('DE'))
    assert.equal(second.of('asn')?.problem, undefined)
    // It stays so as long as they do; either file may be what mends it.
    const third = await NetworkDatabases.read(config, second)
    assert.deepEqual([third.memory, third.of('country')?.problem], [first.memory, second.of('country')?.problem])
    const problems = ({ all }: NetworkDatabases) => all.map(({ problem }) => problem)
    writeFileSync(asn, german)
    const fourth = await NetworkDatabases.read(config, third)
    assert.deepEqual([...problems(fourth), fourth.lookUp('asn', CLIENT)], [undefined, undefined, 64_496])
    writeFileSync(asn, entangledMmdb(2))
    writeFileSync(country, french)
    const last = await NetworkDatabases.read(config, third)
    assert.deepEqual([...problems(last), last.lookUp('country', CLIENT)], [undefined, undefined, countryNumber('FR')])
  })

  test('a damaged file keeps what was read before, until it is right again', async () => {
    const file = fileWith(german)
    const first = await NetworkDatabases.read(configFor({ country: file }))
    writeFileSync(file, german.subarray(0, 100))
    const second = await NetworkDatabases.read(configFor({ country: file }), first)
    assert.equal(second.of('country')?.problem, 'is no MaxMind DB file')
    assert.equal(second.lookUp('country', CLIENT), countryNumber('DE'))
    rmSync(file)
    const third = await NetworkDatabases.read(configFor({ country: file }), second)
    assert.match(third.of('country')?.problem ?? '', /there is no such file/)
    writeFileSync(file, french)
    const last = await NetworkDatabases.read(configFor({ country: file }), third)
    assert.deepEqual([last.of('country')?.problem, last.lookUp('country', CLIENT)], [undefined, countryNumber('FR')])
  })

  test('a damaged file that was never read is an error with its place, and so is another file', async () => {
    const file = fileWith(german)
    const first = await NetworkDatabases.read(configFor({ country: file }))
    const isConfigError = (error: unknown): boolean =>
      error instanceof ConfigError &&
      /^tidegate\.yaml:2:3: protect\.countryDatabase: .*E_CONFIG_DATABASE/.test(error.format())
    const missing = configFor({ country: '/nowhere/country.mmdb' })
    await assert.rejects(NetworkDatabases.read(missing), isConfigError)
    await assert.rejects(NetworkDatabases.read(missing, first), isConfigError)
  })

  test('from 90 days on a database is old', async () => {
    const builtAtMs = 1_700_000_000_000
    const file = fileWith(mmdb({ '192.0.2.0/24': { country: 'DE' } }, { builtAtMs }))
    const databases = await NetworkDatabases.read(configFor({ country: file }))
    assert.deepEqual(databases.warnings(builtAtMs + 90 * DAY_MS), [])
    assert.deepEqual(databases.warnings(builtAtMs + 90 * DAY_MS + 1), [
      `${file} was built 90 days ago (2023-11-14); its vendor has a newer one`,
    ])
  })
})

import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { capturedLog } from '../../../test/harness/captured-log.ts'
import { monotonicMs } from '../../lib/clock.ts'
import { parseIp } from '../../lib/ip.ts'
import { KNOWN_FOR_MS, KnownClients, makeKnownClientsMemory } from '../../traffic/admit/known-clients.ts'
import { KnownClientsFile, readKnownClients } from './known-clients-file.ts'
import { KnownClientsStore } from './known-clients-store.ts'

const root = mkdtempSync(join(tmpdir(), 'tidegate-known-'))
after(() => rmSync(root, { recursive: true }))
let folders = 0
const newFile = () => new KnownClientsFile(join(root, String(++folders)))

/** Clients that were useful so long ago, asked in words. */
function tableOf(clientsMax = 1000) {
  const known = new KnownClients(makeKnownClientsMemory(clientsMax))
  const at = (text: string): [Uint8Array, 4 | 6] => {
    const bytes = parseIp(text)!
    return [bytes, bytes.length === 4 ? 4 : 6]
  }
  return {
    known,
    add: (text: string, ageMs = 0): void => {
      const [bytes, family] = at(text)
      known.add(bytes, 0, family, monotonicMs() - ageMs)
    },
    has: (text: string, inMs = 0): boolean => {
      const [bytes, family] = at(text)
      return known.has(bytes, 0, family, monotonicMs() + inMs)
    },
  }
}

async function readAgain(file: KnownClientsFile, clientsMax?: number) {
  const again = tableOf(clientsMax)
  const { log, records } = capturedLog()
  await readKnownClients(file, again.known, log)
  return { ...again, events: records().map(({ event }) => event) }
}

test('who was known is known again, for as long as it would have been', async () => {
  const file = newFile()
  const { known, add } = tableOf()
  add('192.0.2.1')
  add('192.0.2.2', KNOWN_FOR_MS - 60_000)
  add('2001:db8:1:2::3', 5_000)
  await file.write(known)
  assert.equal(statSync(file.path).mode & 0o777, 0o600)
  const again = await readAgain(file)
  assert.deepEqual(again.events, ['known-clients-read'])
  for (const client of ['192.0.2.1', '192.0.2.2', '2001:db8:1:2:ffff::']) assert.ok(again.has(client), client)
  for (const client of ['192.0.2.3', '2001:db8:1:3::3', '32.1.13.184']) assert.ok(!again.has(client), client)
  assert.ok(!again.has('192.0.2.2', 62_000), 'its week is over')
  assert.ok(again.has('192.0.2.1', KNOWN_FOR_MS - 60_000))
  assert.equal(again.known.count, 3)
})

test('nobody is known without a file, nor with one of nobody', async () => {
  const file = newFile()
  assert.deepEqual((await readAgain(file)).events, [])
  await file.write(tableOf().known)
  const again = await readAgain(file)
  assert.deepEqual([again.events, again.known.count], [[], 0])
})

test('100,000 are written in pieces and read again; a smaller table keeps those of last', async () => {
  const file = newFile()
  const { known } = tableOf(100_000)
  const nowMs = monotonicMs()
  const bytes = new Uint8Array(16)
  const client = (i: number): Uint8Array => {
    bytes.set([32, 1, i >> 16, i >> 8, i, 1, 2, 3])
    return bytes
  }
  for (let i = 0; i < 100_000; i++) known.add(client(i), 0, i % 2 === 0 ? 4 : 6, nowMs - (100_000 - i) * 1000)
  const before = known.count
  await file.write(known)
  const { known: again } = await readAgain(file, 100_000)
  const lost = before - again.count
  assert.ok(lost < before / 1000, `${lost} of ${before}`)
  const { known: small } = await readAgain(file, 1000)
  let recent = 0
  for (let i = 99_900; i < 100_000; i++) if (small.has(client(i), 0, i % 2 === 0 ? 4 : 6, nowMs)) recent++
  // IPv4 addresses repeat here: their last 16 bits are beyond the 32 that count.
  assert.ok(recent > 90, `${recent} of the last 100`)
})

test('damaged in any way it is moved aside, nobody is known by it, and the log says why', async () => {
  const damages: ((path: string) => void)[] = [
    (path) => writeFileSync(path, ''),
    (path) => writeFileSync(path, 'something else that is long enough to be one'),
    (path) => truncateSync(path, statSync(path).size - 1),
    (path) => truncateSync(path, statSync(path).size - 9),
    (path) => writeFileSync(path, Buffer.concat([readFileSync(path), Buffer.alloc(9)])),
    (path) => {
      const bytes = readFileSync(path)
      bytes[14] ^= 1
      writeFileSync(path, bytes)
    },
  ]
  for (const damage of damages) {
    const file = newFile()
    const { known, add } = tableOf()
    add('192.0.2.1')
    await file.write(known)
    damage(file.path)
    const again = await readAgain(file)
    assert.deepEqual([again.events, again.known.count], [['known-clients-not-read'], 0], String(damage))
    assert.deepEqual(readdirSync(join(file.path, '..')), ['known-clients.bin.damaged'])
  }
})

test('a restored client pushes out nobody who was useful after it, and is not made older', async () => {
  const file = newFile()
  const old = tableOf(1)
  for (let i = 0; i < 10; i++) old.add(`192.0.2.${i}`, 100_000 + i * 1000)
  await file.write(old.known)
  const again = tableOf(1)
  for (let i = 0; i < 9; i++) again.add(`198.51.100.${i}`)
  again.add('192.0.2.3')
  await file.readInto(again.known)
  assert.ok(again.has('192.0.2.3', KNOWN_FOR_MS - 2000))
  for (let i = 0; i < 9; i++) assert.ok(again.has(`198.51.100.${i}`))
  assert.equal(again.known.count, 10)
})

test('nothing is written before the file is ours, nor after the end; at the end it is', async () => {
  const file = newFile()
  const { known, add } = tableOf()
  const store = new KnownClientsStore(file, known, capturedLog().log)
  await store.write()
  assert.throws(() => statSync(file.path), /ENOENT/)
  store.own()
  add('192.0.2.1')
  await store.close()
  assert.ok((await readAgain(file)).has('192.0.2.1'))
  add('192.0.2.2')
  await store.write()
  assert.ok(!(await readAgain(file)).has('192.0.2.2'))
})

test('a folder that can not be made is told once, until it can', async () => {
  const folder = join(root, String(++folders))
  writeFileSync(folder, '')
  const { log, records } = capturedLog()
  const store = new KnownClientsStore(new KnownClientsFile(folder), tableOf().known, log)
  store.own()
  await store.write()
  await store.write()
  rmSync(folder)
  await store.write()
  await store.close()
  assert.deepEqual(
    records().map(({ event }) => event),
    ['known-clients-not-stored'],
  )
  assert.deepEqual(readdirSync(folder), ['known-clients.bin'])
})

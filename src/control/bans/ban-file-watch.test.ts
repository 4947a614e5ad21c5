import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseNetwork } from '../../lib/ip.ts'
import { makeBan } from './ban.ts'
import { BanFile } from './ban-file.ts'
import { BanFileWatch } from './ban-file-watch.ts'

const banOf = (prefix: string) => {
  const rest = { sinceMs: 1, untilMs: Infinity, why: 'x', by: 'y', repeated: 0, isWatched: false }
  return makeBan(parseNetwork(prefix)!, { ...rest, origin: 'manual' })
}

test('each file that is put in its place is read; one that is no file of bans is passed over', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'tidegate-ban-watch-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = new BanFile(folder)
  await file.write([banOf('192.0.2.1')])
  const seen = new EventTarget()
  const watch = new BanFileWatch(
    file,
    (bans) => seen.dispatchEvent(new CustomEvent('read', { detail: bans.map(({ text }) => text) })),
    1,
  )
  t.after(() => watch.close())
  // The timer of the watch holds up nobody; the test has to.
  const alive = setInterval(() => {}, 1000)
  t.after(() => clearInterval(alive))
  const next = async () => ((await once(seen, 'read')) as CustomEvent[])[0].detail as string[]
  assert.deepEqual(await next(), ['192.0.2.1'])
  const second = next()
  await file.write([banOf('192.0.2.1'), banOf('192.0.2.2')])
  assert.deepEqual(await second, ['192.0.2.1', '192.0.2.2'])
  const third = next()
  writeFileSync(file.path, 'damaged')
  assert.deepEqual(await third, [])
})

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type News, NewsReader, NewsWriter } from './news.ts'
import { startSuccessor } from './successor.ts'

const BAN = { prefix: '192.0.2.1', origin: 'manual', since: '2026-11-21T00:00:00.000Z', until: null, why: 'x', by: 'y' }
const BANNED: News = { kind: 'banned', bans: [{ ...BAN, origin: 'manual', repeated: 0 }] }
const UNBANNED: News = { kind: 'unbanned', prefixes: ['192.0.2.1'] }

/** A next version that writes what it hears on its pipe, into its answer. */
const LISTENER = `
import { writeSync } from 'node:fs'
import { NewsReader } from ${JSON.stringify(new URL('news.ts', import.meta.url).href)}
const { readyFd, newsFd } = JSON.parse(process.env.TIDEGATE_HANDOVER)
const reader = new NewsReader(newsFd)
const heard = []
reader.follow((news) => heard.push(news))
const end = await reader.handedOver()
writeSync(readyFd, JSON.stringify({ ready: false, why: JSON.stringify({ end, heard }) }))
process.exit()
`

async function heardBy(news: NewsWriter): Promise<{ end: string; heard: News[] }> {
  const command = [process.execPath, '--input-type=module', '-e', LISTENER]
  const outcome = await startSuccessor({ command, listeners: [], admin: undefined, news })
  assert.equal(outcome.kind, 'failed')
  return JSON.parse(outcome.why)
}

test('what is said before the next version is there, and after, arrives in order, up to the hand-over', async () => {
  const news = new NewsWriter()
  news.say(BANNED)
  const heard = heardBy(news)
  news.say(UNBANNED)
  news.say({ kind: 'handed-over' })
  assert.deepEqual(await heard, { end: 'handed-over', heard: [BANNED, UNBANNED] })
})

test('an old version that ends without the word is lost, and nothing of what it said is', async () => {
  const news = new NewsWriter()
  const many = Array.from({ length: 2000 }, () => BANNED)
  for (const one of many) news.say(one)
  const heard = heardBy(news)
  news.close()
  assert.deepEqual(await heard, { end: 'lost', heard: many })
})

test('what nobody hears any more is dropped without a word', async () => {
  const news = new NewsWriter()
  const outcome = await startSuccessor({ command: ['/bin/true'], listeners: [], admin: undefined, news })
  assert.equal(outcome.kind, 'failed')
  for (let i = 0; i < 10; i++) news.say(BANNED)
})

test('an old version that stands still is not waited for without end, and what it says later is still heard', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'tidegate-news-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'pipe')
  execFileSync('mkfifo', [path])
  const writer = openSync(path, 'r+')
  t.after(() => closeSync(writer))
  const reader = new NewsReader(openSync(path, 'r'), 1)
  const heard: News[] = []
  const arrived = new EventTarget()
  reader.follow((news) => {
    heard.push(news)
    arrived.dispatchEvent(new Event('news'))
  })
  assert.equal(await reader.handedOver(), 'silent')
  const next = once(arrived, 'news')
  writeSync(writer, `no news\n{"kind":"later"}\n${JSON.stringify(UNBANNED)}\n`)
  await next
  assert.deepEqual(heard, [UNBANNED])
})

/** What an operator does at the dashboard, in Chromium, with traffic flowing: every page, a new upstream, a ban, the file. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import type { Page } from 'playwright-core'
import { Daemon } from '../harness/daemon.ts'
import { waitFor } from '../harness/deadline.ts'
import { Peer } from '../harness/peer.ts'
import { echo, Upstream } from '../harness/upstream.ts'
import { DESK, PAGES, PHONE, Walker, why } from './walker.ts'

const BAD = '127.0.1.7'
const LOOKS = [
  { name: 'light', colorScheme: 'light', viewport: DESK },
  { name: 'dark', colorScheme: 'dark', viewport: DESK },
  { name: 'phone', colorScheme: 'light', viewport: PHONE },
] as const
/** Those that ask again by themselves, and what. */
const WATCHING = [
  ['lists', '/api/v1/bans'],
  ['lists/all', '/api/v1/lists'],
  ['attacks', '/api/v1/attacks'],
  ['notifications', '/api/v1/notifications'],
] as const

describe('a walk through the dashboard', { skip: why, timeout: 280_000 }, () => {
  let daemon: Daemon
  let first: Upstream
  let walker: Walker
  let page: Page

  before(async () => {
    first = await Upstream.listen({ onConnection: echo })
    daemon = await Daemon.start({
      engine: process.platform === 'linux' ? 'linux' : 'node',
      protect: { allow: [] },
      services: [{ name: 'web', upstreams: [first.address.text] }],
    })
    walker = await Walker.logIn(daemon, { refusals: /status of 4\d\d/ })
    page = walker.page
  })
  after(async () => {
    await walker?.stop()
    await daemon?.stop()
    first?.close()
  })

  for (const { name, ...look } of LOOKS) {
    it(`every page can be used: ${name}`, async () => {
      const at = await walker.another(look)
      for (const path of PAGES) {
        await walker.open(path, at)
        await walker.assertUsable(`${path}, ${name}`, at)
        await walker.takePicture(`${path.replace('/', '-')}-${name}`, at)
      }
      await at.context().close()
    })
  }

  it('the first page is painted soon', async (t) => {
    const at = await walker.another({ viewport: DESK })
    await at.goto(walker.url)
    await walker.settled(at)
    const paints = await waitFor('the first paint', async () => {
      const entries = await at.evaluate<{ name: string; startTime: number }[]>(
        `performance.getEntriesByType('paint').map(({ name, startTime }) => ({ name, startTime }))`,
      )
      return entries.length > 0 && entries
    })
    // A word to who reads, no assertion: the machine may be busy.
    for (const { name, startTime } of paints) t.diagnostic(`${name} from loopback after ${startTime.toFixed(0)} ms`)
    await at.context().close()
  })

  it('a page that asks again by itself says so: nobody stays logged in by an open page', async () => {
    const looks = WATCHING.map(async ([path, asked]) => {
      const at = await walker.another({ viewport: DESK })
      const hows: (string | undefined)[] = []
      at.on('request', (request) => {
        if (new URL(request.url()).pathname === asked) hows.push(request.headers()['x-tidegate'])
      })
      await walker.open(path, at)
      await waitFor(`${asked} to be asked again`, () => hows.length > 1)
      await at.context().close()
      return [asked, hows.slice(0, 2)]
    })
    assert.deepEqual(
      await Promise.all(looks),
      WATCHING.map(([, asked]) => [asked, [undefined, 'look']]),
    )
  })

  it('an upstream that is added gets traffic, and the file keeps its comments', async () => {
    const second = await Upstream.listen({ onConnection: echo })
    daemon.editConfig((text) => text.replace('"web"', '"web" # the shop\n'))
    await walker.open('services/web')
    await page.getByText('Add an upstream').click()
    await page.getByLabel('Address').last().fill(second.address.text)
    await page.getByRole('button', { name: 'Add', exact: true }).click()
    await page.getByText(second.address.text).first().waitFor()
    await waitFor('the second upstream to be dialled', async () => {
      first.close()
      const client = await Peer.connect(daemon.addressOf())
      await client.write('hello')
      const isServed = (await client.receive(5)).toString() === 'hello'
      client.destroy()
      return isServed && second.connections.length > 0
    })
    assert.match(readFileSync(daemon.configFile, 'utf8'), /# the shop/)
    second.close()
  })

  it('who is banned there loses the connection at once', async () => {
    const upstream = await Upstream.listen({ onConnection: echo })
    daemon.editConfig((text) => text.replace(first.address.text, upstream.address.text))
    assert.equal((await daemon.post('/api/v1/reload')).status, 200)
    const client = await Peer.connect(daemon.addressOf(), { localAddress: BAD })
    await client.write('hello')
    await client.receiveText('hello')
    await walker.open(`check-ip/${BAD}`)
    await page.getByRole('button', { name: /^Ban/ }).first().click()
    assert.equal((await client.receiveAll()).ending, 'reset')
    assert.equal((await daemon.lineOf(client)).reason, 'banned')
    upstream.close()
  })

  it('the file is edited, first with an error and then without, and rolled back', async () => {
    const before = readFileSync(daemon.configFile, 'utf8')
    await walker.open('config')
    const text = page.getByLabel('The configuration file')
    await text.fill(before.replace('"raw"', '"rwa"'))
    await page.getByRole('button', { name: /^Line \d+, column \d+/ }).waitFor()
    await page.getByText('rwa').first().waitFor()
    await page.getByRole('button', { name: 'Review the change' }).click()
    assert.equal(await page.getByRole('button', { name: 'Apply' }).count(), 0)
    assert.equal(readFileSync(daemon.configFile, 'utf8'), before)
    await text.fill(before.replace('"raw"', '"proxy-v1"'))
    await page.getByRole('button', { name: 'Review the change' }).click()
    await page.getByLabel('Why').fill('a test')
    await page.getByRole('button', { name: 'Apply' }).click()
    await waitFor('the new text in the file', () => readFileSync(daemon.configFile, 'utf8').includes('"proxy-v1"'))
    await page.getByText('a test').first().waitFor()
    await page
      .getByRole('button', { name: /^Show version/ })
      .nth(1)
      .click()
    await page.getByRole('button', { name: 'Go back to it' }).click()
    await waitFor('the old text in the file', () => readFileSync(daemon.configFile, 'utf8') === before)
  })

  it('nothing was asked for elsewhere, and nothing went wrong in the page', () => walker.assertNothingWrong())
})

/** What an operator does at the dashboard, in Chromium, with traffic flowing: every page, a new upstream, a ban, the file. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { Daemon } from '../harness/daemon.ts'
import { waitFor } from '../harness/deadline.ts'
import { Peer } from '../harness/peer.ts'
import { ROOT } from '../harness/started-program.ts'
import { echo, Upstream } from '../harness/upstream.ts'

const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium'
/** Where pictures of the pages go; docs/screenshots has some. */
const PICTURES = process.env['TIDEGATE_SCREENSHOTS']
const why = !existsSync(CHROMIUM)
  ? `there is no ${CHROMIUM}: apt-get install chromium`
  : !existsSync(`${ROOT}web/dist/index.html`)
    ? 'the dashboard is not built'
    : false

const PASSWORD = 'correct horse battery'
const BAD = '127.0.1.7'
const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js')
const PAGES = [
  'overview',
  'services',
  'services/web',
  'attacks',
  'lists',
  'check-ip',
  'utilities',
  'config',
  'notifications',
  'doctor',
  'users',
  'audit',
  'account',
  'api',
]
const LOOKS = [
  { name: 'light', colorScheme: 'light', viewport: { width: 1280, height: 900 } },
  { name: 'dark', colorScheme: 'dark', viewport: { width: 1280, height: 900 } },
  { name: 'phone', colorScheme: 'light', viewport: { width: 390, height: 800 } },
] as const

describe('a walk through the dashboard', { skip: why, timeout: 280_000 }, () => {
  let daemon: Daemon
  let first: Upstream
  let browser: Browser
  let context: BrowserContext
  let page: Page
  let url: string
  const origins = new Set<string>()
  const problems: string[] = []

  before(async () => {
    first = await Upstream.listen({ onConnection: echo })
    daemon = await Daemon.start({
      engine: process.platform === 'linux' ? 'linux' : 'node',
      protect: { allow: [] },
      services: [{ name: 'web', upstreams: [first.address.text] }],
    })
    url = `http://${daemon.adminAddress.text}`
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] })
    context = await browser.newContext({ viewport: LOOKS[0].viewport })
    page = await context.newPage()
    watch(page)
    const link = String(daemon.lines.find(({ event }) => event === 'setup-link')?.['link'])
    await page.goto(link)
    await page.getByLabel('Name').fill('ann')
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD)
    await page.getByLabel('The same again').fill(PASSWORD)
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Overview' }).waitFor()
  })
  after(async () => {
    await browser?.close()
    await daemon?.stop()
    first?.close()
  })

  function watch(page: Page): void {
    page.on('request', (request) => origins.add(new URL(request.url()).origin))
    page.on('pageerror', (error) => problems.push(error.message))
    page.on('console', (message) => {
      // A refused request is one that the browser tells of by itself.
      if (message.type() === 'error' && !/status of 4\d\d/.test(message.text())) problems.push(message.text())
    })
  }

  async function open(path: string, at = page): Promise<void> {
    await at.goto(`${url}/#/${path}`)
    await at.getByRole('heading', { level: 1 }).waitFor()
    await waitFor('the page to have what it asked for', async () => (await at.getByText('Loading…').count()) === 0)
  }

  /** Serious ones of axe-core, and a page that scrolls sideways. */
  async function assertUsable(at: Page, what: string, width: number): Promise<void> {
    // Not as a script of the page: our policy lets none run.
    await at.evaluate(readFileSync(AXE, 'utf8'))
    const found = await at.evaluate(`axe.run().then(({ violations }) => violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, nodes }) => id + ' ' + nodes.map(({ html }) => html).join(' ')))`)
    assert.deepEqual(found, [], what)
    assert.equal(await at.evaluate('document.documentElement.scrollWidth'), width, what)
  }

  for (const { name, ...look } of LOOKS) {
    it(`every page can be used: ${name}`, async () => {
      const other = await browser.newContext({ ...look, storageState: await context.storageState() })
      const at = await other.newPage()
      watch(at)
      for (const path of PAGES) {
        await open(path, at)
        await assertUsable(at, `${path}, ${name}`, look.viewport.width)
        if (PICTURES === undefined) continue
        mkdirSync(PICTURES, { recursive: true })
        await at.screenshot({ path: join(PICTURES, `${path.replace('/', '-')}-${name}.png`) })
      }
      await other.close()
    })
  }

  it('an upstream that is added gets traffic, and the file keeps its comments', async () => {
    const second = await Upstream.listen({ onConnection: echo })
    daemon.editConfig((text) => text.replace('"web"', '"web" # the shop\n'))
    await open('services/web')
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
    await open(`check-ip/${BAD}`)
    await page.getByRole('button', { name: /^Ban/ }).first().click()
    assert.equal((await client.receiveAll()).ending, 'reset')
    assert.equal((await daemon.lineOf(client)).reason, 'banned')
    upstream.close()
  })

  it('the file is edited, first with an error and then without, and rolled back', async () => {
    const before = readFileSync(daemon.configFile, 'utf8')
    await open('config')
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

  it('nothing was asked for elsewhere, and nothing went wrong in the page', () => {
    assert.deepEqual([...origins], [new URL(url).origin])
    assert.deepEqual(problems, [])
  })
})

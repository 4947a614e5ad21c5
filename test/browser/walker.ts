/** Somebody at the dashboard, in Chromium: logged in, watched for whatever goes wrong. What the walks of this folder share. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import type { Daemon } from '../harness/daemon.ts'
import { waitFor } from '../harness/deadline.ts'
import { ROOT } from '../harness/started-program.ts'

const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium'
/** Where pictures of the pages go; docs/screenshots has some. */
const PICTURES = process.env['TIDEGATE_SCREENSHOTS']
const AXE = createRequire(import.meta.url).resolve('axe-core/axe.min.js')

/** Why there is no walk on this machine. */
export const why = !existsSync(CHROMIUM)
  ? `there is no ${CHROMIUM}: apt-get install chromium`
  : !existsSync(`${ROOT}web/dist/index.html`)
    ? 'the dashboard is not built'
    : false

export const NAME = 'ann'
export const PASSWORD = 'correct horse battery'
/** What attackers write where they may write. */
export const MARKUP = '"><img src=x onerror=alert(1)><script>alert(2)</script>'
export const DESK = { width: 1280, height: 900 }
export const PHONE = { width: 390, height: 800 }

/** Every page of the menu, and a page below one. */
export const PAGES = [
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

export interface WalkerOptions extends BrowserContextOptions {
  /** Refused requests, which the browser tells of by itself. */
  readonly refusals?: RegExp
}

export class Walker {
  readonly url: string
  readonly context: BrowserContext
  readonly page: Page
  readonly #browser: Browser
  readonly #refusals: RegExp | undefined
  readonly #origins = new Set<string>()
  readonly #problems: string[] = []

  private constructor(url: string, browser: Browser, context: BrowserContext, page: Page, refusals?: RegExp) {
    this.url = url
    this.context = context
    this.page = page
    this.#browser = browser
    this.#refusals = refusals
  }

  /** Nobody is logged in yet. */
  static async start(url: string, { refusals, ...options }: WalkerOptions = {}): Promise<Walker> {
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] })
    const context = await browser.newContext({ viewport: DESK, ...options })
    const page = await context.newPage()
    const walker = new Walker(url, browser, context, page, refusals)
    await walker.#watch(page)
    return walker
  }

  /** The first admin of a daemon without TLS, who looks at the overview. */
  static async logIn(daemon: Daemon, options: WalkerOptions = {}): Promise<Walker> {
    const walker = await Walker.start(`http://${daemon.adminAddress.text}`, options)
    const { page } = walker
    await page.goto(setUpLinkOf(daemon))
    await page.getByLabel('Name').fill(NAME)
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD)
    await page.getByLabel('The same again').fill(PASSWORD)
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Overview' }).waitFor()
    return walker
  }

  async stop(): Promise<void> {
    await this.#browser.close()
  }

  /** The same user in another window; close its context. */
  async another(options: BrowserContextOptions): Promise<Page> {
    const other = await this.#browser.newContext({ ...options, storageState: await this.context.storageState() })
    const page = await other.newPage()
    await this.#watch(page)
    return page
  }

  async #watch(page: Page): Promise<void> {
    page.on('request', (request) => this.#origins.add(new URL(request.url()).origin))
    page.on('dialog', (dialog) => this.#problems.push(`a dialog: ${dialog.message()}`))
    page.on('pageerror', (error) => this.#problems.push(error.message))
    page.on('console', (message) => {
      if (message.type() !== 'error' || this.#refusals?.test(message.text()) === true) return
      this.#problems.push(message.text())
    })
    // Chromium tells of most by itself, but not of what a page may not do to itself.
    await page.addInitScript(`addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
      console.error('against the policy: ' + violatedDirective + ' ' + blockedURI))`)
  }

  async open(path: string, at = this.page): Promise<void> {
    await at.goto(`${this.url}/#/${path}`)
    await this.settled(at)
  }

  /** The page has its heading and what it asked for. */
  async settled(at = this.page): Promise<void> {
    await at.getByRole('heading', { level: 1 }).waitFor()
    await waitFor('the page to have what it asked for', async () => (await at.getByText('Loading…').count()) === 0)
  }

  /** Nothing serious for axe-core, and nothing to be scrolled sideways. */
  async assertUsable(what: string, at = this.page): Promise<void> {
    // Not as a script of the page: our policy lets none run.
    await at.evaluate(readFileSync(AXE, 'utf8'))
    const found = await at.evaluate(`axe.run().then(({ violations }) => violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, nodes }) => id + ' ' + nodes.map(({ html }) => html).join(' ')))`)
    assert.deepEqual(found, [], what)
    assert.equal(await at.evaluate('document.documentElement.scrollWidth'), at.viewportSize()?.width, what)
  }

  async takePicture(name: string, at = this.page): Promise<void> {
    if (PICTURES === undefined) return
    mkdirSync(PICTURES, { recursive: true })
    await at.screenshot({ path: join(PICTURES, `${name}.png`) })
  }

  /** Nothing was asked of another machine, no script of others ran, the policy held, and no error was told. */
  assertNothingWrong(): void {
    assert.deepEqual([...this.#origins], [new URL(this.url).origin])
    assert.deepEqual(this.#problems, [])
  }
}

export function setUpLinkOf(daemon: Daemon): string {
  return String(daemon.lines.find(({ event }) => event === 'setup-link')?.['link'])
}

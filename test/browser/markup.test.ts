/**
 * What others write is text on every page that shows it: comments and reasons, names, what upstreams answer, lines of
 * files, and what stands in the address of the page. No script of it runs, and the policy of the
 * page is not even asked.
 */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Page } from 'playwright-core'
import { keptListPath, signalsPath } from '../../src/api/contract.ts'
import { temporaryFolder } from '../harness/config.ts'
import { Daemon } from '../harness/daemon.ts'
import { waitFor } from '../harness/deadline.ts'
import { greetThenEcho, Upstream } from '../harness/upstream.ts'
import { MARKUP, Walker, why } from './walker.ts'

const BANNED = '192.0.2.7'
const SIGNALLED = '192.0.2.8'
const LISTED = '192.0.2.9'

describe('markup of others in a browser', { skip: why, timeout: 200_000 }, () => {
  let greeting: Upstream
  let daemon: Daemon
  let walker: Walker
  let page: Page

  before(async () => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'bad.txt'), `198.51.100.0/24\n${MARKUP}\n`)
    greeting = await Upstream.listen({ onConnection: greetThenEcho(`${MARKUP}\r\n`) })
    daemon = await Daemon.start({
      engine: 'node',
      protect: { lists: [{ file: join(folder, 'bad.txt'), action: 'deny', name: 'bad' }] },
      services: [{ name: 'web', upstreams: ['127.0.0.1:9'] }],
    })
    await fill()
    walker = await Walker.logIn(daemon, { refusals: /status of 4\d\d/ })
    page = walker.page
  })
  after(async () => {
    await walker?.stop()
    await daemon?.stop()
    greeting?.close()
  })

  async function fill(): Promise<void> {
    const send = async (path: string, body: object): Promise<void> => {
      const { status, body: answer } = await daemon.ask('POST', path, { body })
      assert.ok(status < 300, `${path}: ${status} ${answer}`)
    }
    await send('/api/v1/bans', { prefixes: [BANNED], ttlMs: 0, comment: `by hand ${MARKUP}` })
    await send(signalsPath('web'), { client: SIGNALLED, reason: `by an upstream ${MARKUP}` })
    await send(keptListPath('deny', 'scanners'), { entries: [{ network: LISTED, comment: `on a list ${MARKUP}` }] })
    await send('/api/v1/tokens', { name: MARKUP, role: 'viewer' })
  }

  /** It is there to be read, so it was not taken for markup; and nothing was made of it. */
  async function assertIsText(what: string, isIn = page.getByRole('main')): Promise<void> {
    await isIn.getByText(MARKUP).first().waitFor()
    assert.equal(await page.locator('img[src=x], script:not([src])').count(), 0, what)
  }

  for (const [path, what] of [
    ['lists', 'by hand'],
    ['lists', 'by an upstream'],
    ['lists/kept/deny/scanners', 'on a list'],
    [`check-ip/${BANNED}`, 'by hand'],
    [`check-ip/${SIGNALLED}`, 'by an upstream'],
    [`check-ip/${LISTED}`, 'on a list'],
    ['users', ''],
    ['audit', 'tokens.add'],
  ] as const) {
    it(`${path} shows it: ${what}`, async () => {
      await walker.open(path)
      await page.getByText(what).first().waitFor()
      await assertIsText(path)
    })
  }

  it('a line of a file that cannot be read', async () => {
    await walker.open('lists/all')
    await page.getByText('1 lines left out').click()
    await assertIsText('a line that was left out')
  })

  it('the question whether a token is to be taken back', async () => {
    await walker.open('users')
    await page.getByRole('button', { name: `Remove token ${MARKUP}` }).click()
    await assertIsText('the question', page.getByRole('group'))
    await page.keyboard.press('Escape')
  })

  it('what an upstream says when it is probed', async () => {
    await walker.open('utilities/upstream')
    await page.getByLabel('Upstream').fill(greeting.address.text)
    await page.getByRole('button', { name: 'Probe' }).click()
    await assertIsText('a probe')
  })

  it('the file, why it was changed, and what was wrong in it', async () => {
    const text = readFileSync(daemon.configFile, 'utf8')
    await walker.open('config')
    const field = page.getByLabel('The configuration file')
    await field.fill(text.replace('"raw"', JSON.stringify(MARKUP)))
    await page.getByRole('button', { name: /^Line \d+, column \d+/ }).waitFor()
    await assertIsText('an error')
    await field.fill(`# ${MARKUP}\n${text}`)
    await page.getByRole('button', { name: 'Review the change' }).click()
    await assertIsText('the difference', page.locator('.difference'))
    await page.getByLabel('Why').fill(MARKUP)
    await page.getByRole('button', { name: 'Apply' }).click()
    await waitFor('the comment in the file', () => readFileSync(daemon.configFile, 'utf8').includes(MARKUP))
    await page
      .getByRole('button', { name: /^Show version/ })
      .first()
      .waitFor()
    await assertIsText('the history')
  })

  for (const path of ['services', 'attacks', 'check-ip', 'lists/kept/deny']) {
    it(`the address of a page: ${path}/…`, async () => {
      await walker.open(`${path}/${encodeURIComponent(MARKUP)}`)
      await assertIsText(path)
    })
  }

  it('no script of others ran, and the policy had nothing to refuse', () => walker.assertNothingWrong())
})

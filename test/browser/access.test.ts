/** Logging in as a person does, in Chromium, against a daemon that speaks TLS with a certificate of its own. */
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import type { Page } from 'playwright-core'
import { Daemon } from '../harness/daemon.ts'
import { answerOf, TIDEGATE } from '../harness/started-program.ts'
import { MARKUP, NAME, PASSWORD, PHONE, setUpLinkOf, Walker, why } from './walker.ts'

describe('access in a browser', { skip: why, timeout: 240_000 }, () => {
  let daemon: Daemon
  let walker: Walker
  let page: Page
  let url: string

  before(async () => {
    daemon = await Daemon.start({
      engine: 'node',
      admin: { listen: '0.0.0.0:0' },
      services: [{ name: 'web', upstreams: ['127.0.0.1:9'] }],
    })
    url = `https://127.0.0.1:${daemon.adminAddress.port}`
    walker = await Walker.start(url, { ignoreHTTPSErrors: true, viewport: PHONE, refusals: /status of 401/ })
    page = walker.page
  })
  after(async () => {
    await walker?.stop()
    await daemon?.stop()
  })

  const heading = (name: string) => page.getByRole('heading', { name }).waitFor()
  const button = (name: string) => page.getByRole('button', { name, exact: true })
  const code = () => page.getByRole('textbox', { name: 'Code' })

  async function fillIn(name: string): Promise<void> {
    await page.getByLabel('Name').fill(name)
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD)
  }

  it('the link of the log makes the first admin, by keyboard alone, and the cookie is one that TLS keeps', async () => {
    await page.goto(`${url}/#/audit`)
    await page.getByText('There is no user yet').waitFor()
    await page.goto(`${url}/${new URL(setUpLinkOf(daemon)).hash}`)
    await fillIn(NAME)
    await page.getByLabel('The same again').fill(PASSWORD)
    await walker.assertUsable('set-up')
    await page.keyboard.press('Enter')
    await heading('Overview')
    assert.ok(!page.url().includes('setup'))
    const [{ name, secure, httpOnly, sameSite }, ...others] = await walker.context.cookies()
    assert.deepEqual([name, secure, httpOnly, sameSite, others.length], ['__Host-tidegate', true, true, 'Strict', 0])
    assert.equal(await page.evaluate('document.cookie'), '')
  })

  it('names are text, whatever is in them', async () => {
    await page.goto(`${url}/#/users`)
    await heading('Make a token')
    await page.getByLabel('Name').nth(1).fill(MARKUP)
    await button('Make').click()
    await page.getByText('is not shown again').waitFor()
    assert.equal(await page.getByRole('rowheader', { name: MARKUP }).count(), 1)
    await walker.assertUsable('users with a name of markup')
    await page.goto(`${url}/#/audit`)
    await page.getByText(`${MARKUP} as viewer`).waitFor()
    await walker.assertUsable('audit with a name of markup')
    assert.equal(await page.locator('img[src=x]').count(), 0)
  })

  let recoveryCode = ''

  it('a second factor is scanned, confirmed, and then asked for; its recovery codes are shown once', async () => {
    await page.goto(`${url}/#/account`)
    await page.getByLabel('Your password').fill(PASSWORD)
    await button('Turn on').click()
    await page.getByRole('img', { name: /QR code/ }).waitFor()
    await walker.assertUsable('the second factor')
    await code().fill(codeOf((await page.locator('code.secret').textContent()) ?? ''))
    await button('Confirm').click()
    await page.getByText('10 recovery codes are left').waitFor()
    recoveryCode = (await page.locator('.codes code').first().textContent()) ?? ''
    await walker.assertUsable('recovery codes')
    await button('Log out').click()
    await fillIn(NAME)
    await button('Log in').click()
    await code().fill('000000')
    await button('Log in').click()
    await page.getByText('The code is wrong').waitFor()
    await walker.assertUsable('a code is asked for')
    await code().fill(recoveryCode)
    await button('Log in').click()
    await page.getByText('9 recovery codes are left').waitFor()
  })

  it('a session that was ended elsewhere leads to the login, and the login back to the page', async () => {
    await page.goto(`${url}/#/audit`)
    await heading('Audit')
    const args = ['users', 'password', 'ann', '--without-second-factor', '--admin', url]
    const { code: exit, stdout, stderr } = await answerOf(process.execPath, [TIDEGATE, ...args])
    assert.equal(exit, 0, stderr)
    await button('Show').click()
    await page.getByLabel('Password', { exact: true }).waitFor()
    await page.getByLabel('Name').fill('ann')
    await page.getByLabel('Password', { exact: true }).fill(/again: (\S+)/.exec(stdout)![1])
    await button('Log in').click()
    await heading('Audit')
    assert.ok(page.url().endsWith('#/audit'))
  })

  it('nothing was asked of another machine, nothing went wrong, and no script of others ran', () => {
    walker.assertNothingWrong()
  })
})

/** Of this half minute [RFC 6238]. */
function codeOf(base32: string): string {
  const bits = Array.from(base32, (one) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(one).toString(2).padStart(5, '0'))
  const key = Buffer.from((bits.join('').match(/.{8}/g) ?? []).map((byte) => parseInt(byte, 2)))
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)))
  const digest = createHmac('sha1', key).update(counter).digest()
  const number = digest.readUInt32BE(digest[19] & 15) & 0x7fffffff
  return String(number % 1_000_000).padStart(6, '0')
}

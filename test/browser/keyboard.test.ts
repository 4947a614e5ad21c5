/** No mouse: from the login through every page, and a ban made and ended. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Page } from 'playwright-core'
import { BanList } from '../../src/api/contract.ts'
import { Daemon } from '../harness/daemon.ts'
import { waitFor } from '../harness/deadline.ts'
import { echo, Upstream } from '../harness/upstream.ts'
import { Keyboard } from './keyboard.ts'
import { NAME, PASSWORD, Walker, why } from './walker.ts'

/** The menu, and what each page is told by. */
const MENU = [
  'Overview',
  'Services',
  'Attacks',
  'Lists and bans',
  'Check IP',
  'Utilities',
  'Config',
  'Notifications',
  'Users and tokens',
  'Audit',
  'Doctor',
  'API',
]

describe('the dashboard by keyboard alone', { skip: why, timeout: 240_000 }, () => {
  let upstream: Upstream
  let daemon: Daemon
  let walker: Walker
  let page: Page
  let keys: Keyboard

  before(async () => {
    upstream = await Upstream.listen({ onConnection: echo })
    daemon = await Daemon.start({
      engine: process.platform === 'linux' ? 'linux' : 'node',
      services: [{ name: 'web', upstreams: [upstream.address.text] }],
    })
    walker = await Walker.logIn(daemon)
    page = walker.page
    keys = new Keyboard(page)
  })
  after(async () => {
    await walker?.stop()
    await daemon?.stop()
    upstream?.close()
  })

  async function bans(): Promise<BanList['bans']> {
    return BanList.parse(JSON.parse((await daemon.get('/api/v1/bans')).body)).bans
  }

  it('logs out, and in again', async () => {
    await keys.goTo('Log out')
    await keys.press('Enter')
    await page.getByRole('button', { name: 'Log in' }).waitFor()
    await keys.goTo('Name')
    await keys.write(NAME)
    assert.equal((await keys.step('Tab'))?.name, 'Password')
    await keys.write(PASSWORD)
    assert.equal((await keys.step('Tab'))?.name, 'Log in')
    await keys.press('Space')
    await page.getByRole('heading', { name: 'Overview' }).waitFor()
  })

  it('the menu has every page', async () => {
    const links = page.getByRole('navigation', { name: 'Pages' }).getByRole('link')
    assert.deepEqual(await links.allTextContents(), MENU)
  })

  /** By its link, and waits for its heading. */
  async function open(title: string, heading = title): Promise<void> {
    await keys.goTo(title)
    await keys.press('Enter')
    await page.getByRole('heading', { level: 1, name: heading }).waitFor()
    await walker.settled()
  }

  for (const title of [...MENU.slice(1), NAME, MENU[0]]) {
    it(`goes to ${title} and through it, there and back, and always sees where it is`, async () => {
      await open(title)
      assert.equal((await keys.focus())?.tag, 'main', 'the page that was opened has the focus')
      const there = await keys.through('Tab')
      const back = await keys.through('Shift+Tab')
      const inMenu = (name: string): boolean => MENU.includes(name)
      for (const stops of [there, back]) {
        assert.deepEqual(stops.filter(({ name }) => inMenu(name)).length >= MENU.length, true)
      }
      const names = (stops: readonly { readonly name: string }[]) => [...new Set(stops.map(({ name }) => name))].sort()
      assert.deepEqual(names(back), names(there))
    })
  }

  it('skips the menu', async () => {
    await keys.goTo('Skip the menu')
    await keys.press('Enter')
    assert.equal((await keys.focus())?.tag, 'main')
    const first = await keys.step('Tab')
    assert.ok(first !== null && !MENU.includes(first.name), first?.name)
  })

  it('goes down to a service, whose page has the focus then, and reads a chart', async () => {
    await open('Services')
    await open('web')
    assert.equal((await keys.focus())?.tag, 'main')
    await keys.goTo('1 h')
    await keys.press('ArrowLeft')
    assert.ok(await page.getByRole('radio', { name: '5 min' }).isChecked())
    await page.getByRole('group', { name: /^Open connections/ }).waitFor()
    await keys.goTo(/^Open connections/)
    await keys.press('End')
    await page.locator('output').first().getByText(/Open/).waitFor({ state: 'attached' })
  })

  it('bans two, and ends the bans: one by its own button, the other with all', async () => {
    await open('Lists and bans')
    await keys.goTo('Addresses and networks, one a line')
    await keys.write('192.0.2.7')
    await keys.press('Enter')
    await keys.write('192.0.2.8')
    await keys.goTo('Why')
    await keys.write('by hand')
    await keys.goTo('For')
    await keys.press('ArrowUp')
    await keys.goTo('Ban 2 lines')
    await keys.press('Enter')
    await page.getByText('2 networks banned.').waitFor()
    const made = await bans()
    assert.deepEqual(made.map(({ prefix, why }) => `${prefix} ${why}`).sort(), [
      '192.0.2.7 by hand',
      '192.0.2.8 by hand',
    ])
    assert.ok(made.every(({ since, until }) => Date.parse(until!) - Date.parse(since) === 3_600_000))

    await keys.goTo('Remove the ban of 192.0.2.7')
    await keys.press('Enter')
    await waitFor('the ban to end', async () => (await bans()).length === 1)
    await page.getByRole('button', { name: 'Remove the ban of 192.0.2.7' }).waitFor({ state: 'detached' })
    assert.equal((await keys.focus())?.name, 'Remove the ban of 192.0.2.8', 'the focus goes on to the next one')

    await keys.goTo('End all bans…', 'Shift+Tab')
    await keys.press('Enter')
    assert.equal((await keys.focus())?.name, 'No', 'what does nothing is offered first')
    await keys.press('Escape')
    assert.equal((await keys.focus())?.name, 'End all bans…')
    assert.equal((await bans()).length, 1)
    await keys.press('Enter', 'Tab')
    assert.equal((await keys.focus())?.name, 'Yes')
    await keys.press('Enter')
    await waitFor('all bans to end', async () => (await bans()).length === 0)
    await page.getByText('1 ban ended.').waitFor()
  })

  it('takes a token back: the question is asked in place, and the focus goes on to the next one', async () => {
    await open('Users and tokens')
    // Of a new user, then of a new token.
    await keys.goTo('Name')
    await keys.goTo('Name')
    for (const token of ['one', 'two']) {
      await keys.write(token)
      await keys.press('Enter')
      await page.getByRole('rowheader', { name: token }).waitFor()
      await page.getByText(`The token ${token} is not shown again`).waitFor()
      await waitFor('the field to be empty', async () => (await keys.focus())?.value === '')
    }
    await keys.goTo('Remove token one', 'Shift+Tab')
    await keys.press('Enter', 'Tab')
    assert.equal((await keys.focus())?.name, 'Yes')
    await keys.press('Enter')
    await page.getByRole('rowheader', { name: 'one' }).waitFor({ state: 'detached' })
    assert.equal((await keys.focus())?.name, 'Remove token two')
  })

  it('nothing went wrong in the page', () => walker.assertNothingWrong())
})

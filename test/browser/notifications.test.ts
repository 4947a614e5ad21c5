/** The test of the Notifications page, pressed by somebody who is logged in, at a webhook that is there. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { HttpReceiver } from '../../src/control/notify/receiver-for-test.ts'
import { Daemon } from '../harness/daemon.ts'
import { waitFor } from '../harness/deadline.ts'
import { MARKUP, PASSWORD, Walker, why } from './walker.ts'

describe('notifications in a browser', { skip: why, timeout: 120_000 }, () => {
  let ops: HttpReceiver
  let chat: HttpReceiver
  let daemon: Daemon
  let walker: Walker

  before(async () => {
    ops = await HttpReceiver.listen()
    chat = await HttpReceiver.listen()
    daemon = await Daemon.start({
      engine: 'node',
      notify: {
        webhooks: [{ name: 'ops', url: ops.url }],
        slack: [{ name: 'chat', url: chat.url }],
        rules: [{ when: 'attack' }],
      },
      services: [{ name: 'web', upstreams: ['127.0.0.1:9'] }],
    })
    walker = await Walker.logIn(daemon)
  })
  after(async () => {
    await walker?.stop()
    await daemon?.stop()
    ops?.close()
    chat?.close()
  })

  const button = (name: string) => walker.page.getByRole('button', { name, exact: true })

  it('one channel is tested: it gets the message, and the page says so', async () => {
    const { page } = walker
    await walker.open('notifications')
    await button('Test ops').click()
    await page.getByText(/^ops took the test after \d+ ms\.$/).waitFor()
    assert.equal(ops.received.length, 1)
    assert.equal(chat.received.length, 0)
    const { data } = JSON.parse(ops.received[0].body) as { data: { when: string } }
    assert.equal(data.when, 'test')
    await walker.assertUsable('a channel that took the test')
  })

  it('all are tested: what one of them did not take is told with its answer, as text', async () => {
    const { page } = walker
    chat.answer = () => ({ status: 500, text: MARKUP })
    await button('Test all').click()
    await page.getByText(/^ops took the test after/).waitFor()
    await page.getByText(/^chat did not take the test: /).waitFor()
    assert.deepEqual([ops.received.length, chat.received.length], [2, 1])
    assert.ok((await page.getByRole('status').allTextContents()).join(' ').includes(MARKUP))
    await walker.assertUsable('a channel that did not take the test')
    await walker.takePicture('notifications-tested')
    await waitFor('the buttons to be there again', async () => await button('Test all').isEnabled())
  })

  it('who may only look is offered no test', async () => {
    const { page } = walker
    await walker.open('users')
    await page.getByLabel('Name').first().fill('eve')
    await page.getByLabel('Password').fill(PASSWORD)
    await button('Add').click()
    await page.getByRole('rowheader', { name: 'eve' }).waitFor()
    await button('Log out').click()
    await button('Log in').waitFor()
    await page.getByLabel('Name').fill('eve')
    await page.getByLabel('Password').fill(PASSWORD)
    await page.keyboard.press('Enter')
    await page.getByRole('link', { name: 'eve' }).waitFor()
    await walker.open('notifications')
    await page.getByRole('rowheader', { name: 'ops' }).waitFor()
    assert.equal(await page.getByRole('button', { name: /Test/ }).count(), 0)
    await walker.assertUsable('notifications for who may look')
  })

  it('nothing else was asked for, and nothing went wrong in the page', () => walker.assertNothingWrong())
})

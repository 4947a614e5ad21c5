/** An attack as an operator sees it: it begins, is looked at while it is held down, ends by itself, and is history. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Page } from 'playwright-core'
import { AttacksAnswer } from '../../src/api/contract.ts'
import type { Attack } from '../../bench/run/attacks.ts'
import { Siege } from '../attack/siege.ts'
import { waitFor } from '../harness/deadline.ts'
import { PHONE, Walker, why } from './walker.ts'

const ATTACKERS = { first: '127.64.0.1', count: 300, step: 2 }
/** Learned within a second: an attack needs a calm, and this is a short one. */
const ATTACK = {
  startAfter: '2s',
  endAfter: '3s',
  learnFor: '1s',
  floors: { newConnections: '70/s', sources: 100, unused: 50 },
  perAddress: { rule: 'on', connections: 20, rate: '6/m', burst: 2 },
}

describe('an attack in a browser', { skip: why, timeout: 200_000 }, () => {
  let siege: Siege
  let walker: Walker
  let page: Page
  let raid: Attack | undefined

  before(async () => {
    siege = await Siege.start({
      engine: process.platform === 'linux' ? 'linux' : 'node',
      // A machine that is busy with other tests is none of this one's attack.
      protect: { overload: { rule: 'watch' } },
      services: [
        { name: 'web', protect: { attack: ATTACK } },
        { name: 'quiet', protect: { attack: ATTACK } },
      ],
    })
    walker = await Walker.logIn(siege.daemon)
    page = walker.page
  })
  after(async () => {
    await raid?.stop()
    await walker?.stop()
    await siege?.stop()
  })

  const banner = () => page.getByRole('alert').filter({ hasText: 'Under attack:' })

  it('nothing is said before', async () => {
    await walker.open('attacks')
    await page.getByText('No attack was called so far').waitFor()
    await waitFor('the calm to be learned', async () => {
      const { services } = AttacksAnswer.parse(JSON.parse((await siege.daemon.get('/api/v1/attacks')).body))
      return services.every(({ learning }) => !learning)
    })
    await walker.open('overview')
    assert.equal(await banner().count(), 0)
  })

  it('it begins: the overview says so by itself, and leads to its own page', async () => {
    raid = siege.attack('polite-churn', 'web', {
      sources: ATTACKERS,
      connections: 1_000_000,
      openMax: 500,
      perSecond: 400,
    })
    await banner().getByText('web (attack 1)').waitFor()
    assert.doesNotMatch((await banner().textContent()) ?? '', /quiet/)
    await walker.takePicture('overview-attack')
    await walker.assertUsable('the overview under attack')
    await banner().getByRole('link', { name: 'attack 1' }).click()
    await page.getByRole('heading', { name: 'Attack no. 1' }).waitFor()
    await page.getByText('under way', { exact: true }).waitFor()
  })

  it('its page grows while it is open: who comes, and what is done', async () => {
    await page.getByRole('rowheader', { name: 'refused-attack' }).waitFor()
    const prefixes = page.getByRole('region', { name: 'Prefixes' }).getByRole('rowheader')
    await prefixes
      .getByText(/^127\.64\.\d+\.0\/24$/)
      .first()
      .waitFor()
    await walker.assertUsable('an attack under way')
    await walker.takePicture('attack')
    const onPhone = await walker.another({ viewport: PHONE, colorScheme: 'dark' })
    await walker.open('attacks/1', onPhone)
    await walker.assertUsable('an attack under way, on a phone', onPhone)
    await walker.takePicture('attack-phone', onPhone)
    await onPhone.context().close()
  })

  it('the list of attacks and the service show it under way, the other service is calm', async () => {
    await walker.open('attacks')
    await page.getByText('web is under attack').waitFor()
    const stateOf = (service: string) =>
      page
        .getByRole('region', { name: 'How near each service is' })
        .getByRole('row')
        .filter({
          has: page.getByRole('rowheader', { name: service }),
        })
    await stateOf('web').getByText('under attack').waitFor()
    await stateOf('quiet').getByText('calm', { exact: true }).waitFor()
    await page.getByRole('link', { name: /^Attack no\. 1,/ }).waitFor()
    await walker.assertUsable('attacks, with one under way')
    await walker.takePicture('attacks-under-way')
    await walker.open('services/quiet')
    assert.equal(await banner().count(), 0)
    await walker.open('services/web')
    await banner().waitFor()
  })

  it('it ends: the banner goes by itself, and the timeline has it', async () => {
    await walker.open('overview')
    await banner().waitFor()
    await raid?.stop()
    raid = undefined
    await banner().waitFor({ state: 'detached' })
    await page.getByRole('link', { name: 'Attacks', exact: true }).click()
    await page.getByRole('link', { name: /^Attack no\. 1,/ }).waitFor()
    await waitFor('the page to say that it is over', async () => (await page.getByText('under way').count()) === 0)
    await walker.assertUsable('attacks, with one that is over')
    await page.getByRole('link', { name: 'No. 1', exact: true }).click()
    await page.getByText(/lasted .*: the service is calm again/).waitFor()
    await walker.assertUsable('an attack that is over')
  })

  it('nothing else was asked for, and nothing went wrong in the page', () => walker.assertNothingWrong())
})

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { AdminForTest } from '../../../test/harness/admin-for-test.ts'
import { nodeForTest } from '../../../test/harness/node-for-test.ts'
import type { SeriesQuestion } from '../../control/series/series-query.ts'
import { SERIES_FIELDS } from '../../control/series/series-fields.ts'
import { Problem, SERIES_FIELDS_DEFAULT, SERIES_PATH, SeriesAnswer, TOTALS_PATH, TotalsAnswer } from '../contract.ts'

const HOUR_MS = 3_600_000

describe(SERIES_PATH, () => {
  let admin: AdminForTest
  const asked: SeriesQuestion[] = []
  before(async () => {
    const node = nodeForTest()
    const series: typeof node.series = {
      ...node.series,
      query: async (question) => {
        asked.push(question)
        const row = { mean: [1, null], min: [0, null], max: [2, null] }
        const rows = question.services.map((service) => ({ service, field: question.fields[0], ...row }))
        return { fromMs: question.fromMs, stepMs: 10_000, resolution: 'second', isComplete: false, series: rows }
      },
      totals: (service?: string) => ({ sinceMs: 0, counts: { refused: service === undefined ? 7 : 3 } }),
    }
    admin = await AdminForTest.start({ node: { ...node, series } })
  })
  after(() => admin.close())

  test('without more words it is the node, the last hour, and what a dashboard shows first', async () => {
    const { status, body, text } = await admin.get(SERIES_PATH)
    assert.equal(status, 200, text)
    const { series, complete, stepMs } = SeriesAnswer.parse(body)
    assert.deepEqual([series[0].service, series[0].mean, complete, stepMs], [null, [1, null], false, 10_000])
    const { fromMs, toMs, services, fields, stepMs: wanted } = asked.at(-1)!
    assert.deepEqual([toMs - fromMs, services, fields, wanted], [HOUR_MS, [''], SERIES_FIELDS_DEFAULT, undefined])
    for (const field of SERIES_FIELDS_DEFAULT) assert.ok(SERIES_FIELDS.includes(field))
  })

  test('services, fields, times and step are as they are asked for', async () => {
    const path = `${SERIES_PATH}?service=web&service=mial&fields=refused,refused:refused-ban&from=2026-11-21T10:00:00Z&to=2026-11-21T12:00:00%2B01:00&step=1m`
    const { status, body, text } = await admin.get(path)
    assert.equal(status, 404, text)
    assert.match(Problem.parse(body).detail, /no service "mial"/)
    const one = await admin.get(path.replace('&service=mial', '').replace('12:00:00', '12:30:00'))
    assert.equal(one.status, 200, one.text)
    assert.deepEqual(asked.at(-1), {
      fromMs: Date.UTC(2026, 10, 21, 10),
      toMs: Date.UTC(2026, 10, 21, 11, 30),
      stepMs: 60_000,
      services: ['web'],
      fields: ['refused', 'refused:refused-ban'],
    })
    assert.deepEqual(SeriesAnswer.parse(one.body).series[0].service, 'web')
  })

  test('what is asked for twice is answered once: an answer is as long as there are services and fields', async () => {
    const path = `${SERIES_PATH}?${'service=web&'.repeat(200)}fields=${'refused,'.repeat(200)}newcomers`
    assert.equal((await admin.get(path)).status, 200)
    const { services, fields } = asked.at(-1)!
    assert.deepEqual([services, fields], [['web'], ['refused', 'newcomers']])
  })

  test('how long ago will do, too', async () => {
    assert.equal((await admin.get(`${SERIES_PATH}?from=24h&to=2026-11-21T10:00:00Z`)).status, 200)
    assert.equal(asked.at(-1)!.fromMs, Date.UTC(2026, 10, 20, 10))
  })

  test('what is wrong is named, with what is expected', async () => {
    const wrong: [string, RegExp][] = [
      ['?fields=refusd', /fields: there is no "refusd". Did you mean refused\?/],
      ['?fields=', /fields: there is no ""/],
      ['?from=yesterday', /from: "yesterday", expected a time such as/],
      ['?from=0s', /from: expected a time before to/],
      ['?from=2026-11-21T10:00:00Z&to=2026-11-21T10:00:00Z', /from: expected a time before to/],
      ['?step=often', /step: "often", expected a duration/],
      ['?step=0s', /step: "0s", expected a duration/],
      ['?color=red', /color/],
    ]
    for (const [query, detail] of wrong) {
      const { status, body } = await admin.get(SERIES_PATH + query)
      assert.equal(status, 400, query)
      assert.match(Problem.parse(body).detail, detail)
    }
  })

  test('totals are of the node or of a service', async () => {
    const { body } = await admin.get(TOTALS_PATH)
    assert.deepEqual(TotalsAnswer.parse(body), {
      service: null,
      since: '1970-01-01T00:00:00.000Z',
      counts: { refused: 7 },
    })
    assert.equal(TotalsAnswer.parse((await admin.get(`${TOTALS_PATH}?service=web`)).body).counts['refused'], 3)
    assert.equal((await admin.get(`${TOTALS_PATH}?service=x`)).status, 404)
  })
})

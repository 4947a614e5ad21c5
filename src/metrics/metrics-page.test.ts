import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { nodeForTest } from '../../test/harness/node-for-test.ts'
import { monotonicMs } from '../lib/clock.ts'
import { CLOSE_REASON_CODES, CLOSE_REASON_NAMES } from '../traffic/close-reason.ts'
import { SERVICE, SERVICE_STRIDE, UPSTREAM, UPSTREAM_STRIDE, WORKER } from '../traffic/counters.ts'
import { METRICS } from './metric-names.ts'
import { makeMetricsPage } from './metrics-page.ts'

/** The page's lines by their name and labels. */
async function valuesOf(node: ReturnType<typeof nodeForTest>): Promise<Map<string, number>> {
  const text = await makeMetricsPage(node).text()
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]))
}

test('counts of all workers are added up', async () => {
  const node = nodeForTest()
  node.memory.workers.forEach(({ counters }, i) => {
    counters.services[SERVICE_STRIDE + SERVICE.open] = 3 + i
    counters.services[SERVICE_STRIDE + SERVICE.bytesToClient] = 2 ** 40
    counters.services[SERVICE_STRIDE + SERVICE.closed + CLOSE_REASON_CODES['idle-timeout']] = 1
    counters.services[SERVICE_STRIDE + SERVICE.refused + CLOSE_REASON_CODES['refused-ceiling']] = 5
    counters.worker[WORKER.logRecordsDropped] = 10
  })
  const values = await valuesOf(node)
  assert.equal(values.get('tidegate_connections_open{service="mail"}'), 7)
  assert.equal(values.get('tidegate_connections_open{service="web"}'), 0)
  assert.equal(values.get('tidegate_bytes_total{service="mail",direction="to_client"}'), 2 ** 41)
  assert.equal(values.get('tidegate_connections_closed_total{service="mail",reason="idle-timeout"}'), 2)
  assert.equal(values.get('tidegate_refused_total{service="mail",reason="refused-ceiling"}'), 10)
  // 20 records that found a ring full, and 4 lines that stdout did not take.
  assert.equal(values.get('tidegate_log_dropped_total'), 24)
})

test('asking twice does not count twice', async () => {
  const node = nodeForTest()
  node.memory.workers[0].counters.services[SERVICE.total] = 4
  const page = makeMetricsPage(node)
  await page.text()
  assert.match(await page.text(), /^tidegate_connections_total\{service="web"\} 4$/m)
})

test('reasons have a series from the start, and only where they can happen', async () => {
  const keys = [...(await valuesOf(nodeForTest())).keys()]
  const reasonsOf = (name: string): string[] =>
    keys
      .filter((key) => key.startsWith(`${name}{service="web"`))
      .map((key) => /reason="([^"]+)"/.exec(key)![1])
      .toSorted()
  const isRefusal = (reason: string): boolean => reason.startsWith('refused-')
  assert.deepEqual(reasonsOf('tidegate_refused_total'), CLOSE_REASON_NAMES.filter(isRefusal).toSorted())
  assert.deepEqual(
    reasonsOf('tidegate_connections_closed_total'),
    CLOSE_REASON_NAMES.filter((reason) => !isRefusal(reason)).toSorted(),
  )
})

test('the connect histogram is in seconds, cumulative, with sum and count', async () => {
  const node = nodeForTest()
  const [first, second] = node.memory.workers
  first.counters.countConnect(1, 0.4)
  first.counters.countConnect(1, 40)
  second.counters.countConnect(1, 9000)
  second.counters.upstreams[UPSTREAM_STRIDE + UPSTREAM.connectFailures] = 6
  const values = await valuesOf(node)
  const bucket = (le: string): number | undefined =>
    values.get(`tidegate_upstream_connect_seconds_bucket{service="web",upstream="spare",le="${le}"}`)
  assert.deepEqual([bucket('0.0005'), bucket('0.025'), bucket('0.05'), bucket('5'), bucket('+Inf')], [1, 1, 2, 2, 3])
  assert.equal(values.get('tidegate_upstream_connect_seconds_count{service="web",upstream="spare"}'), 3)
  assert.equal(values.get('tidegate_upstream_connect_seconds_sum{service="web",upstream="spare"}'), 9.0404)
  assert.equal(values.get('tidegate_upstream_connect_failures_total{service="web",upstream="spare"}'), 6)
})

test('an upstream is down only while all its addresses have failed recently', async () => {
  const node = nodeForTest()
  const up = async (upstream: string): Promise<number | undefined> =>
    (await valuesOf(node)).get(`tidegate_upstream_up{service="web",upstream="${upstream}"}`)
  node.memory.nodeWide.rememberFailure(0, monotonicMs() + 60_000)
  assert.equal(await up('main'), 1, 'its second address has not failed')
  node.memory.nodeWide.rememberFailure(1, monotonicMs() + 60_000)
  assert.equal(await up('main'), 0)
  assert.equal(await up('spare'), 1)
  node.memory.nodeWide.rememberFailure(0, monotonicMs() - 1)
  assert.equal(await up('main'), 1)
})

test('who asks while the page is being made gets the same page', async () => {
  const page = makeMetricsPage(nodeForTest())
  const [one, two] = [page.text(), page.text()]
  assert.equal(one, two)
  await one
  assert.notEqual(page.text(), one)
})

test('docs/metrics.md lists exactly the metrics there are, with their type, labels and help', () => {
  const text = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8')
  const rows = text.split('\n').map((line) => line.replaceAll(/ +/g, ' '))
  const written = rows.filter((row) => /^\| `[a-z_]+` \|/.test(row))
  const expected = Object.entries(METRICS).map(([name, { type, labels, help }]) => {
    const labelText = labels.map((label) => `\`${label}\``).join(', ')
    return `| \`${name}\` | ${type} | ${labelText === '' ? '–' : labelText} | ${help} |`
  })
  assert.deepEqual(written, expected)
})

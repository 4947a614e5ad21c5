import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NameServer } from '../../../../test/harness/name-server.ts'
import { waitFor } from '../../../../test/harness/deadline.ts'
import { DnsQueries, QUERIES_AT_ONCE_MAX, QueryBudget } from './dns-queries.ts'

test('when the time of a probe is over, what still waits for its turn is not asked', async () => {
  const names = Array.from({ length: 40 }, (_, i) => `host-${i}.example`)
  const server = await NameServer.start({})
  server.silent = names
  const budget = new QueryBudget()
  const queries = new DnsQueries(budget, 60_000, [server.address])
  const answers = Promise.all(names.map((name) => queries.cnames(name)))
  await waitFor('the first questions', () => server.asked.length > 0)
  // Silence ends these: the others would each wait as long as they do.
  budget.end()
  queries.cancel()
  const problems = (await answers).map(({ problem }) => problem)
  server.close()
  assert.ok(new Set(server.asked).size <= QUERIES_AT_ONCE_MAX)
  assert.deepEqual(
    problems,
    names.map(() => 'no answer in time'),
  )
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listChains, NftError, problemFrom, readTable, type RunNft, takeCounters } from './nftables.ts'

test('what nft complains of is told apart', () => {
  const cases = [
    ['Operation not permitted (you must be root)\nnetlink: Error: cache initialization failed', 'no-rights'],
    ['netlink: Error: Could not process rule: Message too long\n', 'too-long'],
    ['Error: No such file or directory\nlist table inet tidegate\n', 'not-there'],
    ['/dev/stdin:1:32-41: Error: interval overlaps with an existing one\nadd element', 'refused'],
    ['', 'refused'],
  ] as const
  for (const [said, problem] of cases) assert.equal(problemFrom(said).problem, problem)
  assert.equal(
    problemFrom('\n/dev/stdin:1:32-41: Error: interval overlaps\nadd element').message,
    'line 1:32-41: Error: interval overlaps',
  )
  assert.ok(problemFrom(`${'x'.repeat(9_000)}\n`).message.length <= 300)
})

const answer =
  (items: unknown[]): RunNft =>
  async () =>
    JSON.stringify({ nftables: [{ metainfo: { version: '1.0.6' } }, ...items] })

test('counters, chains and the content of a table are read from what it lists', async () => {
  const counter = { family: 'inet', name: 'ban', table: 't', handle: 6, packets: 3, bytes: 180 }
  assert.deepEqual(await takeCounters(answer([{ counter }]), 't'), [counter])
  const chain = { family: 'inet', table: 't', name: 'prerouting', handle: 4 }
  assert.deepEqual(await listChains(answer([{ chain }])), [chain])
  const content = await readTable(
    answer([
      { rule: { chain: 'a', expr: [] } },
      { rule: { chain: 'a', expr: [] } },
      { set: { name: 's', elem: ['192.0.2.1', '192.0.2.2'] } },
      { set: { name: 'empty' } },
    ]),
    't',
    true,
  )
  assert.deepEqual([...content.rulesByChain], [['a', 2]])
  assert.deepEqual(
    [...(content.elementsBySet ?? [])],
    [
      ['s', 2],
      ['empty', 0],
    ],
  )
})

test('a machine without any table lists nothing', async () => {
  assert.deepEqual(await listChains(async () => ''), [])
})

test('errors of nft are errors of their own class', () => {
  assert.ok(problemFrom('x') instanceof NftError)
})

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { AdminForTest } from '../../../test/harness/admin-for-test.ts'
import { nodeForTest } from '../../../test/harness/node-for-test.ts'
import { type Ban, makeBan } from '../../control/bans/ban.ts'
import { parseConfig } from '../../control/config/load.ts'
import { Lists } from '../../control/lists/lists.ts'
import { parseNetwork } from '../../lib/ip.ts'
import { checkIp } from './check-ip.ts'
import { ADDRESS_FINDINGS, CheckIpAnswer, ListsAnswer } from '../contract.ts'
import { listStatuses } from './lists.ts'

const CONFIG = `
protect: { allow: [192.0.2.1], deny: [192.0.2.0/24, 203.0.113.10] }
services: [{ name: web, listen: ["*:443"], upstreams: ["203.0.113.1:443"] }]`

async function nodeWithLists() {
  const lists = await Lists.read(parseConfig(CONFIG, 'tidegate.yaml', {}).protect)
  return { ...nodeForTest(), lists: () => lists }
}

function answerOf(node: ReturnType<typeof nodeForTest>, address: string): CheckIpAnswer {
  return CheckIpAnswer.parse(checkIp(node, address))
}

function inShort({ verdict, reason, findings }: CheckIpAnswer): unknown[] {
  // The machine of the test may well have an address for documentation.
  const codes = findings.map(({ code }) => code).filter((code) => code !== 'own-address')
  return [verdict, reason, codes]
}

test('an address is let in, refused, or up to the limits, and each finding says why', async () => {
  const node = await nodeWithLists()
  assert.deepEqual(inShort(answerOf(node, '192.0.2.1')), ['allowed', null, ['allowed', 'denied']])
  assert.deepEqual(inShort(answerOf(node, '192.0.2.2')), ['refused', 'refused-deny-list', ['denied']])
  assert.deepEqual(inShort(answerOf(node, '198.51.100.1')), ['limits', null, []])
  assert.deepEqual(inShort(answerOf(node, '203.0.113.10')), ['refused', 'refused-deny-list', ['denied', 'upstream']])
  const [denied] = answerOf(node, '192.0.2.2').findings
  assert.deepEqual([denied.network, denied.file, denied.line], ['192.0.2.0/24', 'tidegate.yaml', 2])
})

test('a ban is found, and IPv4 in the clothes of IPv6 is IPv4', async () => {
  const rest = { origin: 'manual', sinceMs: 0, untilMs: Infinity, why: 'scanner', by: 'me', repeated: 0 } as const
  const ban = makeBan(parseNetwork('198.51.100.0/24')!, { ...rest, isWatched: false })
  const nodeWith = async (bans: Ban[]) => {
    const node = await nodeWithLists()
    return { ...node, bans: { ...node.bans, covering: () => bans } }
  }
  const answer = answerOf(await nodeWith([ban]), '::ffff:198.51.100.7')
  assert.equal(answer.address, '198.51.100.7')
  assert.deepEqual(inShort(answer), ['refused', 'refused-ban', ['banned']])
  assert.match(
    answer.findings[0].text,
    /^198\.51\.100\.0\/24 is banned since 1970-01-01\S+ for good, by me: scanner\.$/,
  )
  const watched = answerOf(await nodeWith([{ ...ban, isWatched: true }]), '198.51.100.7')
  assert.deepEqual(inShort(watched), ['limits', null, ['ban-watched']])
})

test('a node without lists knows of none', () => {
  assert.deepEqual(inShort(answerOf(nodeForTest(), '192.0.2.1')), ['limits', null, []])
  assert.deepEqual(ListsAnswer.parse({ lists: listStatuses(nodeForTest()) }), { lists: [] })
})

test('what is no address is refused with an example', async () => {
  const admin = await AdminForTest.start()
  for (const query of ['', 'address=', 'address=192.0.2', 'address=192.0.2.0/24', 'address=fe80::1%25eth0']) {
    const { status, text } = await admin.get(`/api/v1/check-ip?${query}`)
    assert.equal(status, 400)
    assert.match(text, /192\.0\.2\.1/)
  }
  await admin.close()
})

test('docs/lists.md has every finding with its meaning', () => {
  const docs = readFileSync(new URL('../../../docs/lists.md', import.meta.url), 'utf8')
  const rows = docs.split('\n').filter((line) => line.startsWith('| `'))
  assert.deepEqual(
    rows,
    Object.entries(ADDRESS_FINDINGS).map(([code, meaning]) => `| \`${code}\` | ${meaning} |`),
  )
})

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { temporaryFolder } from '../../../test/harness/config.ts'
import { parseIp } from '../../lib/ip.ts'
import type { NodeProtectConfig } from '../config/config.ts'
import { parseConfig } from '../config/load.ts'
import { ConfigError } from '../config/problem.ts'
import { UnusableFile } from '../read-whole-file.ts'
import { Lists, placeText } from './lists.ts'
import { BAD_LINES_KEPT, LIST_FILE_BYTES_MAX, parseList } from './read-list-file.ts'

const folder = temporaryFolder()

function fileWith(name: string, text: string): string {
  const file = join(folder, name)
  writeFileSync(file, text)
  return file
}

function protectOf(protect: object): NodeProtectConfig {
  const text = JSON.stringify({
    protect,
    services: [{ name: 'web', listen: ['*:443'], upstreams: ['203.0.113.1:443'] }],
  })
  return parseConfig(text, join(folder, 'tidegate.yaml'), {}).protect
}

function found(lists: Lists, action: 'allow' | 'deny', address: string): string[] {
  return lists.covering(action, parseIp(address)!).map((hit) => `${hit.network} ${placeText(hit).replace(folder, '')}`)
}

describe('lists', () => {
  test('entries of all lists are found, the longest first, with where they stand', async () => {
    fileWith('drop.txt', '# head\n192.0.2.0/24 ; SBL1\n\n2001:db8::/32\n')
    const lists = await Lists.read(
      protectOf({
        allow: ['198.51.100.1'],
        deny: ['192.0.0.0/16', '2001:db8::1'],
        lists: [
          { file: 'drop.txt', action: 'deny' },
          { file: fileWith('offices.txt', '198.51.100.0/24'), action: 'allow', name: 'offices' },
        ],
      }),
    )
    assert.deepEqual(
      lists.all.map(({ name, action, entries }) => [name, action, entries.count]),
      [
        ['protect.allow', 'allow', 1],
        ['protect.deny', 'deny', 2],
        ['drop.txt', 'deny', 2],
        ['offices', 'allow', 1],
      ],
    )
    assert.deepEqual(found(lists, 'deny', '192.0.2.1'), ['192.0.2.0/24 /drop.txt:2', '192.0.0.0/16 /tidegate.yaml:1'])
    assert.deepEqual(found(lists, 'deny', '2001:db8::1'), [
      '2001:db8::1/128 /tidegate.yaml:1',
      '2001:db8::/32 /drop.txt:4',
    ])
    assert.deepEqual(found(lists, 'allow', '198.51.100.1'), [
      '198.51.100.1/32 /tidegate.yaml:1',
      '198.51.100.0/24 /offices.txt:1',
    ])
    assert.deepEqual(found(lists, 'allow', '192.0.2.1'), [])
    assert.equal(lists.covering('deny', parseIp('192.0.2.1')!)[0].comment, 'SBL1')
  })

  test('an empty list has no table', async () => {
    const lists = await Lists.read(protectOf({ allow: [] }))
    assert.deepEqual(lists.memories, { allow: undefined, deny: undefined })
  })

  test('a network that is allowed and denied is told of, once for each', async () => {
    const deny = fileWith('both.txt', '192.0.2.0/24\n192.0.2.0/24\n192.0.3.0/24\n')
    const lists = await Lists.read(protectOf({ allow: ['192.0.2.0/24'], lists: [{ file: deny, action: 'deny' }] }))
    assert.equal(lists.warnings.length, 1)
    assert.match(lists.warnings[0], /192\.0\.2\.0\/24 is allowed \(.*yaml:1\) and denied \(.*both\.txt:1\); allow wins/)
  })

  test('a file that cannot be read any more keeps what it had, and says so', async () => {
    const file = fileWith('gone.txt', '192.0.2.1\n')
    const protect = protectOf({ lists: [{ file, action: 'deny' }] })
    const before = await Lists.read(protect)
    rmSync(file)
    const after = await Lists.read(protect, before)
    assert.deepEqual(found(after, 'deny', '192.0.2.1'), ['192.0.2.1/32 /gone.txt:1'])
    assert.match(String(after.all.at(-1)?.problem), /there is no such file/)
    writeFileSync(file, '192.0.2.2\n')
    const again = await Lists.read(protect, after)
    assert.deepEqual(found(again, 'deny', '192.0.2.1'), [])
    assert.equal(again.all.at(-1)?.problem, undefined)
    assert.deepEqual(found(before, 'deny', '192.0.2.1'), ['192.0.2.1/32 /gone.txt:1'])
  })

  test('an error page does not empty a list; an empty file does', async () => {
    const file = fileWith('page.txt', '192.0.2.1\n')
    const protect = protectOf({ lists: [{ file, action: 'deny' }] })
    const before = await Lists.read(protect)
    writeFileSync(file, '<html>\n')
    assert.equal((await Lists.read(protect, before)).all.at(-1)?.entries.count, 1)
    writeFileSync(file, '# nothing\n')
    assert.equal((await Lists.read(protect, before)).all.at(-1)?.entries.count, 0)
  })

  test('at the start every file that cannot be had is an error with its place', async () => {
    const large = fileWith('large.txt', '')
    truncateSync(large, LIST_FILE_BYTES_MAX + 1)
    const files = ['missing.txt', 'large.txt', '.']
    const protect = protectOf({ lists: files.map((file, i) => ({ file, action: 'deny', name: `list-${i}` })) })
    await assert.rejects(Lists.read(protect), (error) => {
      assert.ok(error instanceof ConfigError)
      const messages = error.problems.map(({ key, message }) => `${key} ${message}`)
      assert.match(messages[0], /protect\.lists\[0\]\.file cannot be read: there is no such file/)
      assert.match(messages[1], /protect\.lists\[1\]\.file is larger than 64 MiB/)
      assert.match(messages[2], /protect\.lists\[2\]\.file is not a file/)
      return true
    })
  })
})

describe('the text of a list', () => {
  test('line ends of all kinds, a byte order mark, a last line without an end', async () => {
    const { entries, badLineCount } = await parseList(Buffer.from('\ufeff192.0.2.1\r\n192.0.2.2\n\n192.0.2.3'), 10)
    assert.equal(badLineCount, 0)
    assert.deepEqual(
      [0, 1, 2].map((i) => entries.at(i).line),
      [1, 2, 4],
    )
  })

  test('bad lines are counted, and the first are kept', async () => {
    const { entries, badLines, badLineCount } = await parseList(Buffer.from(`${'x\n'.repeat(100)}192.0.2.1\n`), 10)
    assert.equal(badLineCount, 100)
    assert.equal(badLines.length, BAD_LINES_KEPT)
    assert.equal(entries.count, 1)
  })

  test('a line without an end is one bad line, whatever it is made of', async () => {
    const { badLines } = await parseList(Buffer.from(`192.0.2.1\n${'1'.repeat(100_000)}\n`), 10)
    assert.match(badLines[0].message, /is longer than 1024 bytes/)
    assert.equal(badLines.length, 1)
    const controls = await parseList(Buffer.from('\u0000\u001b[2J\u202e\n192.0.2.1\n'), 10)
    assert.match(controls.badLines[0].message, /^"\\u0000\\u001b\[2J\\u202e" is not an address/)
  })

  test('a long comment is no bad line', async () => {
    assert.equal((await parseList(Buffer.from(`# ${'x'.repeat(5000)}\n192.0.2.1\n`), 10)).badLineCount, 0)
  })

  test('more entries than there is room for are an error, ranges counted by what they come to', async () => {
    await assert.rejects(parseList(Buffer.from('0.0.0.1-255.255.255.254\n'), 61), UnusableFile)
    assert.equal((await parseList(Buffer.from('0.0.0.1-255.255.255.254\n'), 62)).entries.count, 62)
  })
})

test('a file that is as it was is not read again, whatever the list is called now', async () => {
  const [stays, changes] = [fileWith('stays.txt', '192.0.2.0/24'), fileWith('changes.txt', '198.51.100.0/24')]
  const of = (name: string) =>
    protectOf({
      lists: [
        { file: stays, action: 'deny' },
        { file: changes, action: 'deny', name },
      ],
    })
  const before = await Lists.read(of('first'))
  writeFileSync(changes, '198.51.100.0/24\n203.0.113.0/24')
  const after = await Lists.read(of('first'), before)
  const fileLists = (lists: Lists) => lists.all.filter(({ noted }) => noted !== undefined)
  assert.equal(fileLists(after)[0], fileLists(before)[0])
  assert.equal(fileLists(after)[1].entries.count, 2)
  const renamed = await Lists.read(of('second'), after)
  assert.equal(fileLists(renamed)[1].entries, fileLists(after)[1].entries)
  assert.deepEqual(found(renamed, 'deny', '203.0.113.1'), ['203.0.113.0/24 /changes.txt:2'])
})

test('a pipe of that name holds up nobody', async () => {
  const pipe = join(folder, 'pipe')
  execFileSync('mkfifo', [pipe])
  await assert.rejects(Lists.read(protectOf({ lists: [{ file: pipe, action: 'deny' }] })), /is not a file/)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { howMany, isWholeAddress, linesOf } from './lines.ts'

test('what is pasted comes line by line, without comments and with the numbers of its lines', () => {
  assert.deepEqual(linesOf('# head\r\n192.0.2.1 ; SBL1\r\n\r\n  2001:db8::/32  # x\nnonsense'), [
    { line: 2, value: '192.0.2.1' },
    { line: 4, value: '2001:db8::/32' },
    { line: 5, value: 'nonsense' },
  ])
})

test('a search for an address is told from one for words, also while it is typed', () => {
  for (const text of ['192.0.2.1', ' 192.0.2.0/24', '2001:db8::1', '::1', '2001:db8::/48']) {
    assert.equal(isWholeAddress(text), true, text)
  }
  for (const text of ['', '192.0.2', '192.0.2.', 'scanner', '2026', 'a:b c', '192.0.2.1/24/3', 'web:x']) {
    assert.equal(isWholeAddress(text), false, text)
  }
})

test('numbers are told with their word', () => {
  assert.deepEqual(
    [howMany(1, 'ban'), howMany(1234, 'ban'), howMany(2, 'entry', 'entries')],
    ['1 ban', '1,234 bans', '2 entries'],
  )
})

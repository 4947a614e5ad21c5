import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { NewStoredAudit } from './access-store.ts'
import { AUDIT_WAITING_MAX, AuditBook, REFUSALS_TOLD_MAX } from './audit-book.ts'
import type { AuditEntry } from './audit-entry.ts'
import { MemoryAccessStore } from './memory-access-store.ts'

const ENTRY: AuditEntry = {
  who: 'ann',
  from: '192.0.2.1',
  action: 'bans.add',
  target: '/api/v1/bans',
  details: '198.51.100.7',
  status: 200,
}

describe('the audit book', () => {
  test('an entry is a line of the log and a row of the store', async () => {
    const { audit } = new MemoryAccessStore()
    const lines: AuditEntry[] = []
    const book = new AuditBook(audit, (entry) => lines.push(entry))
    book.add(ENTRY)
    book.add({ ...ENTRY, status: 403 })
    await book.close()
    assert.equal(lines.length, 2)
    const { entries } = await book.list({ limit: 10 })
    assert.deepEqual(
      entries.map(({ who, action, result }) => [who, action, result]),
      [
        ['ann', 'bans.add', 'refused with 403'],
        ['ann', 'bans.add', 'done'],
      ],
    )
  })

  test('while the store is off entries wait, as many as there is room for, and are written when it is back', async () => {
    const rows: NewStoredAudit[] = []
    let isOn = false
    const add = async (entry: NewStoredAudit): Promise<number> => {
      if (!isOn) throw Object.assign(new Error('off'), { code: 'E_STORE_OFF' })
      return rows.push(entry)
    }
    const book = new AuditBook({ add, list: async () => ({ entries: [], next: null }) }, () => {})
    for (let i = 0; i < AUDIT_WAITING_MAX + 5; i++) book.add({ ...ENTRY, details: String(i) })
    await book.close()
    isOn = true
    book.add({ ...ENTRY, details: 'last' })
    await book.close()
    assert.equal(rows.length, AUDIT_WAITING_MAX)
    assert.deepEqual([rows[0].details, rows.at(-1)?.details], ['6', 'last'])
  })

  test('failed logins are one entry for each address, and one for all others', async () => {
    const lines: AuditEntry[] = []
    const book = new AuditBook(new MemoryAccessStore().audit, (entry) => lines.push(entry))
    for (let i = 0; i < 500; i++) book.noteFailedLogin(`name-${i}`, '2001:db8::1')
    for (let i = 0; i < 5_000; i++) book.noteFailedLogin('ann', `10.0.${i >> 8}.${i & 255}`)
    await book.close()
    assert.equal(lines.length, 11)
    assert.deepEqual(
      [lines[0].from, lines[0].details],
      ['2001:db8::', '500 failed, as name-0, name-1, name-2, name-3, name-4 and others'],
    )
    assert.match(lines[10].details, /^4991 failed/)
  })

  test('what somebody is refused again and again is summed up; what is done is told each time', async () => {
    const lines: AuditEntry[] = []
    const book = new AuditBook(new MemoryAccessStore().audit, (entry) => lines.push(entry))
    for (let i = 0; i < 500; i++) book.add({ ...ENTRY, who: 'token eve', target: `/${i}`, status: 403 })
    for (let i = 0; i < 3; i++) book.add({ ...ENTRY, who: 'bob', status: 409 })
    for (let i = 0; i < 100; i++) book.add(ENTRY)
    await book.close()
    const of = (who: string): AuditEntry[] => lines.filter((line) => line.who === who)
    assert.deepEqual([of('token eve').length, of('bob').length, of('ann').length], [REFUSALS_TOLD_MAX + 1, 3, 100])
    const { target, details, status } = of('token eve').at(-1)!
    assert.deepEqual([target, details, status], ['/499', '480 more refused, this one last', 403])
  })
})

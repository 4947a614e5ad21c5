import assert from 'node:assert/strict'
import { test } from 'node:test'
import { capturedLog } from '../../../test/harness/captured-log.ts'
import { AttackStore } from './attack-store.ts'

test('what changes while a write ends is written too, at whatever moment it does', async () => {
  for (let moments = 0; moments < 8; moments++) {
    const written: string[] = []
    let first = Promise.resolve()
    const files = {
      writeAttacks: async () => {
        written.push('attacks')
        await first
        return true
      },
      writeCalm: async () => written.push('calm') > 0,
    }
    const store = new AttackStore(files, capturedLog().log, { records: () => [], calm: () => new Map() })
    const go = Promise.withResolvers<void>()
    first = go.promise
    const writing = store.write({ attacks: true })
    let after = go.promise
    for (let i = 0; i < moments; i++) after = after.then(() => {})
    const late = after.then(() => store.write({ calm: true }))
    go.resolve()
    await Promise.all([writing, late])
    assert.deepEqual(written, ['attacks', 'calm'], `${moments} moments later`)
  }
})

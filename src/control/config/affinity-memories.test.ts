import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AffinityMemories } from './affinity-memories.ts'

test('a service keeps its memory as long as its size stays', () => {
  const memories = new AffinityMemories()
  const web = memories.of('web', 100)
  assert.notEqual(memories.of('mail', 100), web)
  assert.equal(memories.of('web', 100), web)
  assert.notEqual(memories.of('web', 101), web)
})

test('a copy has the same memories, and what it lets go of is kept by the other', () => {
  const memories = new AffinityMemories()
  const web = memories.of('web', 100)
  const copy = memories.copy()
  assert.equal(copy.of('web', 100), web)
  copy.keepOnly([])
  assert.notEqual(copy.of('web', 100), web)
  assert.equal(memories.of('web', 100), web)
})

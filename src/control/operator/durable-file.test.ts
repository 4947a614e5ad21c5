import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { reasonOf } from './durable-file.ts'

test('why a file is damaged is told in words, and not of every line of it', () => {
  const error = z.array(z.object({ until: z.string() })).safeParse([{}]).error!
  assert.equal(reasonOf(error), '✖ Invalid input: expected string, received undefined\n  → at [0].until')
  const many = z.array(z.string()).safeParse(Array.from({ length: 10_000 }, () => 1)).error!
  assert.equal(reasonOf(many).length, 1_000)
  assert.equal(reasonOf(new Error('a word')), 'a word')
})

import assert from 'node:assert/strict'
import { closeSync, openSync } from 'node:fs'
import { test } from 'node:test'
import { ffiProblem, fileLimit, parseProcLimits, raiseFileLimit } from './limits.ts'
import { wake } from './wake.ts'

test('the file limit is a pair with soft not above hard, and raising makes them equal', () => {
  const limit = fileLimit()
  assert.ok(limit !== undefined && limit.soft > 0 && limit.soft <= limit.hard)
  const raised = raiseFileLimit()
  if (ffiProblem() === undefined && process.platform === 'linux') assert.equal(raised?.soft, raised?.hard)
})

test('/proc limits are read with numbers and without', () => {
  const text =
    'Limit  Soft Limit  Hard Limit  Units\nMax open files            1024                 524288               files\n'
  assert.deepEqual(parseProcLimits(text), { soft: 1024, hard: 524_288 })
  assert.deepEqual(parseProcLimits('Max open files  unlimited  unlimited  files'), { soft: Infinity, hard: Infinity })
  assert.equal(parseProcLimits('nothing'), undefined)
})

test('waking an eventfd that is closed says so instead of throwing', () => {
  const fd = openSync('/dev/null', 'r')
  closeSync(fd)
  assert.equal(wake(fd), false)
})

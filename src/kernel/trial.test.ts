import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { ffiProblem } from './limits.ts'

const skip = process.platform === 'linux' && ffiProblem() === undefined ? false : 'native calls do not work here'

test('the trials pass where the linux engine runs, and leave no fd behind', { skip }, async () => {
  const { tryEpoll, tryIoUring, trySplice } = await import('./trial.ts')
  const { IoRing } = await import('./io-ring.ts')
  const before = readdirSync('/proc/self/fd').length
  tryEpoll()
  const ring = IoRing.open()
  if (typeof ring === 'string') assert.throws(() => tryIoUring(), { message: ring })
  else {
    ring.close()
    tryIoUring()
  }
  const { pipeBytes } = trySplice()
  assert.ok(pipeBytes >= 4096, `a pipe of ${pipeBytes} bytes`)
  assert.equal(readdirSync('/proc/self/fd').length, before)
})

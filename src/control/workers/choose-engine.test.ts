import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chooseEngine, chooseWorkerCount } from './choose-engine.ts'

const works = (): undefined => undefined
const broken = (): string => 'native calls are not possible here: no libc'

test('auto takes the linux engine where it can run', () => {
  assert.deepEqual(chooseEngine('auto', works), { engine: 'linux' })
})

test('auto falls back to the node engine, and the warning says why', () => {
  const { engine, warning } = chooseEngine('auto', broken)
  assert.equal(engine, 'node')
  assert.match(warning ?? '', /native calls are not possible here: no libc/)
})

test('engine linux where it cannot run is an error with a remedy', () => {
  assert.throws(() => chooseEngine('linux', broken), /traffic\.engine is linux, but native calls.*engine: auto/)
})

test('engine node is taken without a warning, even where linux could run', () => {
  assert.deepEqual(chooseEngine('node', works), { engine: 'node' })
})

test('auto is one worker per core, and one where threads cannot share a port', () => {
  assert.deepEqual(chooseWorkerCount('auto', 'linux', 'linux', 6), { workers: 6 })
  assert.deepEqual(chooseWorkerCount('auto', 'node', 'linux', 6), { workers: 6 })
  assert.deepEqual(chooseWorkerCount('auto', 'node', 'darwin', 6), { workers: 1 })
})

test('more workers than can share a port, or than an id can name, are cut with a warning', () => {
  assert.match(chooseWorkerCount(4, 'node', 'darwin', 6).warning ?? '', /can't share a port on darwin/)
  assert.equal(chooseWorkerCount(1000, 'linux', 'linux', 6).workers, 256)
})

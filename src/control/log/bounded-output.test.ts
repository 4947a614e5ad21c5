import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { test } from 'node:test'
import { BoundedOutput } from './bounded-output.ts'

/** A reader that takes nothing until it is told to. */
class StalledReader extends Writable {
  readonly taken: string[] = []
  #release: (() => void) | undefined
  #isOpen = false

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.taken.push(chunk.toString())
    if (this.#isOpen) done()
    else this.#release = done
  }

  open(): void {
    this.#isOpen = true
    this.#release?.()
  }
}

function setUp(backlogBytesMax: number): { stream: StalledReader; output: BoundedOutput; clock: { nowMs: number } } {
  const stream = new StalledReader()
  const clock = { nowMs: 0 }
  const dropWarning = (lines: number): string => `${lines} dropped\n`
  const output = new BoundedOutput({ stream, backlogBytesMax, dropWarning, nowMs: () => clock.nowMs })
  return { stream, output, clock }
}

test('a stalled reader costs no more memory than the bound; the lines over it are counted', () => {
  const { stream, output } = setUp(1000)
  for (let i = 0; i < 10_000; i++) output.write(`${'x'.repeat(99)}\n`)
  assert.ok(stream.writableLength <= 1000, `${stream.writableLength} bytes`)
  assert.equal(output.linesDropped, 9_990)
})

test('a piece of many lines is dropped as a whole and counted by lines', () => {
  const { output } = setUp(10)
  output.write('one\ntwo\nthree\nfour\n')
  assert.equal(output.linesDropped, 4)
})

test('once the reader goes on, one line says how many are missing', async () => {
  const { stream, output, clock } = setUp(100)
  output.write(`${'x'.repeat(90)}\n`)
  output.write('lost one\nlost two, with more than fits\n')
  stream.open()
  await output.flush(1000)
  output.write('after\n')
  output.write('after that\n')
  await output.flush(1000)
  assert.deepEqual(stream.taken.join('').split('\n').slice(1), ['2 dropped', 'after', 'after that', ''])

  // Dropping again at once is not said at once.
  output.write('x'.repeat(200) + '\n')
  output.write('short\n')
  clock.nowMs = 10_000
  output.write('later\n')
  await output.flush(1000)
  assert.deepEqual(stream.taken.join('').split('\n').slice(-4), ['short', '1 dropped', 'later', ''])
})

test('a reader that is gone ends nothing: lines are counted as dropped', async () => {
  const { stream, output } = setUp(1000)
  stream.destroy(new Error('EPIPE'))
  await new Promise((resolve) => setImmediate(resolve))
  output.write('one\n')
  assert.equal(output.linesDropped, 1)
  await output.flush(1000)
})

test('flush gives up on a reader that stays stalled', async () => {
  const { output } = setUp(1000)
  output.write('one\n')
  const startedMs = performance.now()
  await output.flush(20)
  assert.ok(performance.now() - startedMs < 1000)
})

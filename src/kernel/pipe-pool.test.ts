/** A pipe with bytes in it, handed out again, would give one client's bytes to another. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { ffiProblem } from './limits.ts'
import type { Pipe } from './pipe-pool.ts'

const skip = process.platform === 'linux' && ffiProblem() === undefined ? false : 'native calls do not work here'

const { addressOf, E, errno, read, write } = skip === false ? await import('./libc.ts') : ({} as never)
const { PipePool } = skip === false ? await import('./pipe-pool.ts') : ({} as never)

const bytes = new Uint8Array(4096).fill(0x5a)

function openFds(): number {
  return readdirSync('/proc/self/fd').length
}

/** As splice does: the bytes are in the pipe and counted. */
function fill(pipe: Pipe, count: number): void {
  assert.equal(write(pipe.writeFd, addressOf(bytes), count), count)
  pipe.bytes += count
}

function drain(pipe: Pipe, count: number): void {
  assert.equal(read(pipe.readFd, addressOf(bytes), count), count)
  pipe.bytes -= count
}

/** The kernel's word for it, not the pool's. */
function assertEmpty(pipe: Pipe): void {
  assert.equal(pipe.bytes, 0)
  assert.equal(read(pipe.readFd, addressOf(bytes), 1), -1)
  assert.equal(errno(), E.EAGAIN)
}

describe('pipe pool', { skip }, () => {
  test('a pipe that comes back empty is lent again', () => {
    const pool = new PipePool(4)
    const pipe = pool.take() as Pipe
    fill(pipe, 100)
    drain(pipe, 100)
    pool.giveBack(pipe)
    assert.equal(pool.take(), pipe)
    assert.equal(pool.open, 1)
    pool.giveBack(pipe)
    pool.trim(0)
  })

  test('a pipe that the kernel leaves small is not used, and none is asked for again before the next trim', () => {
    const fdsBefore = openFds()
    let asked = 0
    let given = 8 * 1024
    const pool = new PipePool(4, () => {
      asked++
      return given
    })
    assert.deepEqual([pool.take(), pool.take(), pool.open, openFds(), asked], [undefined, undefined, 0, fdsBefore, 1])
    given = 512 * 1024
    pool.trim(4)
    const pipe = pool.take() as Pipe
    assert.equal(pool.open, 1)
    pool.giveBack(pipe)
    pool.trim(0)
  })

  test('a pipe that comes back with bytes is closed, and its place is free for a new one', () => {
    const fdsBefore = openFds()
    const pool = new PipePool(1)
    const pipe = pool.take() as Pipe
    fill(pipe, 1)
    pool.giveBack(pipe)
    assert.equal(pool.open, 0)
    assert.equal(openFds(), fdsBefore)
    const next = pool.take() as Pipe
    assertEmpty(next)
    pool.giveBack(next)
    pool.trim(0)
    assert.equal(openFds(), fdsBefore)
  })

  test('no more than pipesMax are open, lent and idle together', () => {
    const pool = new PipePool(2)
    const [one, two] = [pool.take() as Pipe, pool.take() as Pipe]
    assert.equal(pool.take(), undefined)
    pool.giveBack(one)
    assert.equal(pool.take(), one)
    assert.equal(pool.take(), undefined)
    pool.giveBack(one)
    pool.giveBack(two)
    pool.trim(0)
    assert.equal(new PipePool(0).take(), undefined)
  })

  test('trim closes idle pipes down to the wanted number, and none that is lent', () => {
    const fdsBefore = openFds()
    const pool = new PipePool(8)
    const pipes = Array.from({ length: 8 }, () => pool.take() as Pipe)
    for (const pipe of pipes.slice(0, 6)) pool.giveBack(pipe)
    pool.trim(2)
    assert.equal(pool.open, 4)
    assert.equal(openFds(), fdsBefore + 2 * 4)
    for (const pipe of pipes.slice(6)) assertEmpty(pipe)
    pool.trim(0)
    assert.equal(pool.open, 2)
    for (const pipe of pipes.slice(6)) pool.giveBack(pipe)
    pool.trim(0)
    assert.equal(openFds(), fdsBefore)
  })

  test('whatever was done with them before: a lent pipe is empty and nobody else has it', () => {
    const step = fc.oneof(
      fc.constant({ act: 'take' } as const),
      fc.record({
        act: fc.constantFrom('fill', 'drain', 'give-back'),
        which: fc.nat(7),
        bytes: fc.integer({ min: 1, max: 500 }),
      }),
      fc.record({ act: fc.constant('trim'), keep: fc.nat(3) }),
    )
    const fdsBefore = openFds()
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const pool = new PipePool(5)
        const lent: Pipe[] = []
        for (const now of steps) {
          if (now.act === 'take') {
            const pipe = pool.take()
            assert.equal(pipe === undefined, lent.length === 5)
            if (pipe === undefined) continue
            assertEmpty(pipe)
            assert.ok(!lent.includes(pipe))
            lent.push(pipe)
          } else if ('keep' in now) {
            pool.trim(now.keep)
          } else if (lent.length > 0 && 'which' in now) {
            const pipe = lent[now.which % lent.length]
            if (now.act === 'fill') fill(pipe, now.bytes)
            else if (now.act === 'drain') drainSome(pipe, now.bytes)
            else pool.giveBack(lent.splice(lent.indexOf(pipe), 1)[0])
          }
          assert.ok(pool.open >= lent.length && pool.open <= 5)
          assert.equal(openFds(), fdsBefore + 2 * pool.open)
        }
        for (const pipe of lent) pool.giveBack(pipe)
        pool.trim(0)
        assert.equal(pool.open, 0)
      }),
      { numRuns: 150 },
    )
    assert.equal(openFds(), fdsBefore)
  })
})

function drainSome(pipe: Pipe, count: number): void {
  if (pipe.bytes > 0) drain(pipe, Math.min(count, pipe.bytes))
}

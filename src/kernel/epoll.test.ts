/** What the engine relies on: keys come back as they went in, edges are told once, and no event is lost. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { describe, test } from 'node:test'
import type { Epoll as EpollSet } from './epoll.ts'
import { ffiProblem } from './limits.ts'

const skip = process.platform === 'linux' && ffiProblem() === undefined ? false : 'native calls do not work here'

const { addressOf, close, E, EFD, EPOLL, errno, eventfd, O, pipe2, read, write } =
  skip === false ? await import('./libc.ts') : ({} as never)
const { Epoll } = skip === false ? await import('./epoll.ts') : ({} as never)

const one = new BigUint64Array([1n])
const buffer = new BigUint64Array(1)

function signal(fd: number): void {
  assert.equal(write(fd, addressOf(one), 8), 8)
}

function newEvent(): number {
  const fd = eventfd(0, EFD.nonblock | EFD.cloexec)
  assert.ok(fd >= 0, `errno ${errno()}`)
  return fd
}

function eventsByKey(set: EpollSet, timeoutMs = 0): Map<number, number> {
  const found = new Map<number, number>()
  const count = set.wait(timeoutMs)
  for (let i = 0; i < count; i++) {
    assert.ok(!found.has(set.key(i)), 'one entry, one event')
    found.set(set.key(i), set.events(i))
  }
  return found
}

describe('epoll', { skip }, () => {
  test('gives every 32-bit key back, negative ones too', () => {
    const set = new Epoll()
    const keys = [0, 1, -1, -2, -65_537, 2_000_001, 2 ** 30, 2 ** 31 - 1, -(2 ** 31)]
    const fds = keys.map(newEvent)
    for (const [i, key] of keys.entries()) assert.equal(set.add(fds[i], EPOLL.in, key), 0)
    assert.equal(set.wait(0), 0)
    for (const fd of fds) signal(fd)
    const found = eventsByKey(set)
    assert.deepEqual(new Set(found.keys()), new Set(keys))
    for (const events of found.values()) assert.equal(events, EPOLL.in)
    for (const fd of fds) close(fd)
    set.close()
  })

  test('tells an edge once, and a level as long as it is there', () => {
    const set = new Epoll()
    const [edge, level] = [newEvent(), newEvent()]
    set.add(edge, EPOLL.in | EPOLL.edge, 1)
    set.add(level, EPOLL.in, 2)
    signal(edge)
    signal(level)
    assert.deepEqual(new Set(eventsByKey(set).keys()), new Set([1, 2]))
    assert.deepEqual([...eventsByKey(set).keys()], [2])
    // What arrives on top of unread bytes is an edge again.
    signal(edge)
    assert.deepEqual(new Set(eventsByKey(set).keys()), new Set([1, 2]))
    close(edge)
    close(level)
    set.close()
  })

  test('add and modify look at once: what is ready already is told', () => {
    const set = new Epoll()
    const fd = newEvent()
    signal(fd)
    assert.equal(set.add(fd, EPOLL.in | EPOLL.edge, 7), 0)
    assert.deepEqual([...eventsByKey(set)], [[7, EPOLL.in]])
    assert.deepEqual([...eventsByKey(set)], [])
    assert.equal(set.modify(fd, EPOLL.in | EPOLL.out | EPOLL.edge, 7), 0)
    assert.deepEqual([...eventsByKey(set)], [[7, EPOLL.in | EPOLL.out]])
    close(fd)
    set.close()
  })

  test('modify to nothing is silence, and back again tells what came meanwhile', () => {
    const set = new Epoll()
    const fd = newEvent()
    set.add(fd, EPOLL.in, 3)
    set.modify(fd, 0, 3)
    signal(fd)
    assert.equal(set.wait(0), 0)
    set.modify(fd, EPOLL.in, 3)
    assert.deepEqual([...eventsByKey(set)], [[3, EPOLL.in]])
    close(fd)
    set.close()
  })

  test('more events than one wait takes come with the next ones, none twice', () => {
    const set = new Epoll()
    const fds = Array.from({ length: 1300 }, newEvent)
    for (const [key, fd] of fds.entries()) set.add(fd, EPOLL.in | EPOLL.edge, key)
    for (const fd of fds) signal(fd)
    const seen: number[] = []
    for (let keys = eventsByKey(set); keys.size > 0; keys = eventsByKey(set)) seen.push(...keys.keys())
    assert.equal(seen.length, fds.length)
    assert.equal(new Set(seen).size, fds.length)
    for (const fd of fds) close(fd)
    set.close()
  })

  test('an fd that is closed takes its pending event along', () => {
    const set = new Epoll()
    const fd = newEvent()
    set.add(fd, EPOLL.in, 1)
    signal(fd)
    close(fd)
    assert.equal(set.wait(0), 0)
    // Its number is another file now, of which the set knows nothing.
    const next = newEvent()
    assert.equal(next, fd)
    signal(next)
    assert.equal(set.wait(0), 0)
    close(next)
    set.close()
  })

  test('the end of a pipe is told with the bytes before it', () => {
    const set = new Epoll()
    const fds = new Int32Array(2)
    assert.equal(pipe2(addressOf(fds), O.nonblock | O.cloexec), 0)
    set.add(fds[0], EPOLL.in | EPOLL.edge, 4)
    signal(fds[1])
    close(fds[1])
    assert.deepEqual([...eventsByKey(set)], [[4, EPOLL.in | EPOLL.hup]])
    assert.equal(read(fds[0], addressOf(buffer), 8), 8)
    assert.equal(read(fds[0], addressOf(buffer), 8), 0)
    close(fds[0])
    set.close()
  })

  test('a refusal of the kernel is its errno', () => {
    const set = new Epoll()
    const fd = newEvent()
    assert.equal(set.add(fd, EPOLL.in, 1), 0)
    assert.equal(set.add(fd, EPOLL.in, 1), E.EEXIST)
    close(fd)
    assert.equal(set.add(fd, EPOLL.in, 1), E.EBADF)
    assert.equal(set.modify(fd, EPOLL.in, 1), E.EBADF)
    set.close()
    assert.throws(() => set.wait(0), /epoll_wait: EBADF/)
  })

  test('wait returns after its time, and close gives the fd back', () => {
    const before = readdirSync('/proc/self/fd').length
    const set = new Epoll()
    const startedMs = performance.now()
    assert.equal(set.wait(30), 0)
    assert.ok(performance.now() - startedMs >= 29)
    set.close()
    assert.equal(readdirSync('/proc/self/fd').length, before)
  })
})

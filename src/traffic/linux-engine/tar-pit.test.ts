import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tarpitPlaces } from '../admit/tarpit-places.ts'
import { TarPit } from './tar-pit.ts'

/** Everybody who is due, as the engine asks for them. */
function due(pit: TarPit, nowMs: number): number[] {
  const fds: number[] = []
  for (let fd = pit.takeDue(nowMs); fd !== -1; fd = pit.takeDue(nowMs)) fds.push(fd)
  return fds.toSorted((a, b) => a - b)
}

test('each client is kept for its time and comes out once', () => {
  const pit = new TarPit(4)
  assert.equal(pit.untilNextMs(0), -1)
  pit.keep(7, 1000)
  pit.keep(8, 3000)
  pit.keep(9, 1000)
  assert.equal(pit.untilNextMs(400), 600)
  assert.deepEqual(due(pit, 999), [])
  assert.deepEqual(due(pit, 1000), [7, 9])
  assert.equal(pit.count, 1)
  assert.equal(pit.untilNextMs(1000), 2000)
  assert.deepEqual(due(pit, 3000), [8])
  assert.equal(pit.untilNextMs(3000), -1)
  pit.keep(5, 3500)
  assert.equal(pit.untilNextMs(3100), 400)
})

test('it is full with as many as it has places, and empties at once when asked for everybody', () => {
  const pit = new TarPit(3)
  for (const fd of [3, 4, 5]) {
    assert.equal(pit.isFull, false)
    pit.keep(fd, 1e9)
  }
  assert.equal(pit.isFull, true)
  assert.deepEqual(due(pit, Infinity), [3, 4, 5])
  assert.deepEqual([pit.count, pit.isFull], [0, false])
})

test('many that are due one shortly after the other are not looked through for each of them', () => {
  const pit = new TarPit(100)
  for (let i = 0; i < 100; i++) pit.keep(i, 1000 + i)
  assert.deepEqual(due(pit, 1000), [0])
  assert.equal(pit.untilNextMs(1000), 50)
  assert.deepEqual(due(pit, 1049), [])
  assert.equal(due(pit, 1050).length, 50)
})

test('its places are a sixteenth of the connections, 4,096 at most, shared out over the workers', () => {
  const places = (connectionsMax: number, workers: number): number => {
    return tarpitPlaces({ workers, limits: { connectionsMax, pipesMax: 0, spillBytesMax: 0 } })
  }
  assert.deepEqual([places(16_000, 2), places(1_000_000, 4), places(10, 1)], [500, 1024, 0])
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Counters, WORKER } from '../counters.ts'
import { HeldBytes } from './held-bytes.ts'

const SHAPE = { services: 0, upstreams: 0 }

class Owner {
  readonly name: string
  readonly #held: () => HeldBytes<Owner>
  reason: string | undefined

  constructor(name: string, held: () => HeldBytes<Owner>) {
    this.name = name
    this.#held = held
  }

  end(reason: string): void {
    this.reason = reason
    this.#held().release(this)
  }
}

function setUp(bytesMax: number): { held: HeldBytes<Owner>; owners: Owner[]; total: () => number } {
  const counters = new Counters(new SharedArrayBuffer(Counters.bytes(SHAPE)), SHAPE)
  const held = new HeldBytes<Owner>(bytesMax, counters)
  const owners = ['a', 'b', 'c'].map((name) => new Owner(name, () => held))
  return { held, owners, total: () => counters.worker[WORKER.spillBytes] }
}

describe('HeldBytes', () => {
  it('counts what is held and what is taken away', () => {
    const { held, owners, total } = setUp(100)
    held.add(owners[0], 60)
    held.add(owners[1], 40)
    assert.equal(total(), 100)
    held.remove(owners[0], 60)
    held.remove(owners[1], 10)
    assert.equal(total(), 30)
    held.release(owners[1])
    assert.equal(total(), 0)
  })

  it('ends the one that has held the longest, and no more than needed', () => {
    const { held, owners, total } = setUp(100)
    for (const owner of owners) held.add(owner, 40)
    assert.deepEqual(
      owners.map(({ reason }) => reason),
      ['out-of-memory', undefined, undefined],
    )
    assert.equal(total(), 80)
  })

  it('never tells of more than the limit, not while one is being ended either', () => {
    const { held, owners, total } = setUp(100)
    const told: number[] = []
    for (const owner of owners) {
      const end = owner.end.bind(owner)
      owner.end = (reason) => {
        told.push(total())
        end(reason)
        told.push(total())
      }
    }
    held.add(owners[0], 30)
    held.add(owners[1], 30)
    held.add(owners[2], 100)
    assert.deepEqual(told, [60, 60, 60, 100])
  })

  it('an owner that was empty in between is not the oldest any more', () => {
    const { held, owners } = setUp(100)
    held.add(owners[0], 40)
    held.add(owners[1], 40)
    held.remove(owners[0], 40)
    held.add(owners[0], 40)
    held.add(owners[2], 40)
    assert.equal(owners[0].reason, undefined)
    assert.equal(owners[1].reason, 'out-of-memory')
  })

  it('ends an owner that alone holds more than everything', () => {
    const { held, owners, total } = setUp(100)
    held.add(owners[0], 101)
    assert.equal(owners[0].reason, 'out-of-memory')
    assert.equal(total(), 0)
  })

  it('takes nothing away for an owner that has ended', () => {
    const { held, owners, total } = setUp(100)
    held.add(owners[0], 40)
    held.add(owners[1], 40)
    held.release(owners[0])
    held.remove(owners[0], 40)
    assert.equal(total(), 40)
  })
})

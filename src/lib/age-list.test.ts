import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Random } from '../../test/harness/random.ts'
import { AgeLinks, AgeList } from './age-list.ts'

class Named extends AgeLinks {
  readonly name: number

  constructor(name: number) {
    super()
    this.name = name
  }
}

test('entries come out by age, whichever are taken from the middle', () => {
  const random = new Random(5)
  const list = new AgeList<Named>()
  const model: Named[] = []
  for (let i = 0; i < 10_000; i++) {
    if (model.length === 0 || random.chance(0.5)) {
      const entry = new Named(i)
      list.append(entry)
      model.push(entry)
    } else {
      const [entry] = model.splice(random.chance(0.3) ? 0 : random.integer(model.length), 1)
      list.remove(entry)
    }
    assert.equal(list.oldest, model[0], `step ${i}`)
  }
  for (const entry of model) {
    assert.equal(list.oldest, entry)
    list.remove(entry)
  }
  assert.equal(list.oldest, undefined)
})

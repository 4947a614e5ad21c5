import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { eachCause, nextPressure, NO_PRESSURE, OVERLOAD_CAUSES, OVERLOAD_CAUSE_NAMES } from './pressure.ts'
import type { OverloadCause, PressureSample } from './pressure.ts'

const CALM: PressureSample = eachCause(() => 0)

/** The levels after each of these samples. */
function levels(samples: readonly Partial<PressureSample>[]): number[] {
  let pressure = NO_PRESSURE
  return samples.map((sample) => (pressure = nextPressure(pressure, { ...CALM, ...sample })).level)
}

function times<Value>(count: number, value: Value): Value[] {
  return Array.from({ length: count }, () => value)
}

describe('the level of overload', () => {
  const steps: [OverloadCause, number, number][] = [
    ['connections', 0.69, 0],
    ['connections', 0.7, 1],
    ['connections', 0.8, 2],
    ['connections', 0.9, 3],
    ['connections', 1, 3],
    ['memory', 0.79, 0],
    ['memory', 0.8, 1],
    ['memory', 0.87, 2],
    ['memory', 0.93, 3],
    ['memory', 0.97, 4],
    ['lag', 249, 0],
    ['lag', 250, 1],
    ['lag', 500, 2],
    ['lag', 1000, 3],
    ['lag', 2000, 4],
    ['files', 1, 1],
    ['files', 8, 4],
    ['acceptQueue', 0.24, 0],
    ['acceptQueue', 0.25, 1],
    ['acceptQueue', 1, 4],
    ['buffers', 0.8, 1],
    ['buffers', 1, 2],
  ]
  for (const [cause, value, level] of steps) {
    test(`${cause} ${value} leads to ${level}, a level a sample`, () => {
      assert.deepEqual(
        levels(times(6, { [cause]: value })),
        times(6, 0).map((_, i) => Math.min(i + 1, level)),
      )
    })
  }

  test('falls by one after five calm samples, and each further one takes five more', () => {
    const samples = [...times(4, { memory: 1 }), ...times(21, {})]
    assert.deepEqual(levels(samples).slice(3), [4, 4, 4, 4, 4, 3, 3, 3, 3, 3, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 0, 0])
  })

  test('a sample that asks for the level again begins the calm anew', () => {
    const samples = [{ lag: 300 }, ...times(4, {}), { lag: 300 }, ...times(5, {})]
    assert.deepEqual(levels(samples), [...times(10, 1), 0])
  })

  test('a step that was reached holds until its cause is a tenth below it', () => {
    assert.deepEqual(levels([{ connections: 0.7 }, ...times(20, { connections: 0.64 })]), times(21, 1))
    assert.deepEqual(levels([{ connections: 0.7 }, ...times(5, { connections: 0.62 })]), [1, 1, 1, 1, 1, 0])
    // What was not reached does not begin below its step.
    assert.deepEqual(levels(times(5, { connections: 0.69 })), times(5, 0))
  })

  test('a value around a step makes no flutter', () => {
    const samples = times(30, 0).map((_, i) => ({ connections: i % 2 === 0 ? 0.71 : 0.69 }))
    assert.deepEqual(levels(samples), times(30, 1))
  })

  test('goes by the worst cause, and falls only to what the others ask for', () => {
    const samples = [...times(3, { connections: 0.95, buffers: 0.8 }), ...times(15, { buffers: 0.8 })]
    assert.deepEqual(levels(samples).slice(2), [3, 3, 3, 3, 3, 2, 2, 2, 2, 2, ...times(6, 1)])
  })

  test('stays from 0 to 4 and moves by one at most, whatever comes', () => {
    let random = 7
    let pressure = NO_PRESSURE
    for (let i = 0; i < 5000; i++) {
      const before = pressure.level
      const sample = eachCause(() => {
        random = (Math.imul(random, 1_103_515_245) + 12_345) & 0x7fffffff
        return (random % 100) / 90 + (random % 7 === 0 ? random % 3000 : 0)
      })
      pressure = nextPressure(pressure, sample)
      assert.ok(pressure.level >= 0 && pressure.level <= 4 && Math.abs(pressure.level - before) <= 1)
    }
  })
})

test('docs/overload.md has the steps of each cause', () => {
  const text = readFileSync(new URL('../../../docs/overload.md', import.meta.url), 'utf8')
  for (const cause of OVERLOAD_CAUSE_NAMES) {
    const cells = OVERLOAD_CAUSES[cause].steps.map((step) => stepText(cause, step))
    const row = [cause, ...cells, ...times(4 - cells.length, '–')].join(' | ')
    assert.ok(text.includes(`| ${row} |`), row)
  }
})

function stepText(cause: OverloadCause, step: number): string {
  if (cause === 'lag') return `${step} ms`
  return cause === 'files' ? String(step) : `${Math.round(step * 100)}%`
}

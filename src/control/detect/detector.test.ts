import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Sample } from './attack-kinds.ts'
import { type AttackThresholds, Detector, NEW_CALM_AFTER_MS } from './detector.ts'
import type { CalmMinutes } from './calm.ts'

const THRESHOLDS: AttackThresholds = {
  startAfterMs: 5_000,
  endAfterMs: 60_000,
  learnForMs: 300_000,
  factor: 4,
  floors: { newPerSecond: 100, sources: 500, unusedShare: 0.5 },
}
const MINUTE = 60
const HOUR = 60 * MINUTE

const QUIET: Sample = {
  newPerSecond: 2,
  sources: 15,
  prefixes: 10,
  ended: 20,
  unused: 2,
  connectFailuresPerSecond: 0,
  open: 10,
}

type Day = (second: number) => Partial<Sample>

/** One service, second by second; what is said in a word of each change, with the second it came in. */
function watch(thresholds: AttackThresholds = THRESHOLDS, stored?: CalmMinutes) {
  const detector = new Detector(thresholds, 0, stored)
  let second = 0
  const run = (seconds: number, day: Day): string[] => {
    const said: string[] = []
    for (let i = 0; i < seconds; i++) {
      second++
      const verdict = detector.look({ ...QUIET, ...day(i) }, second * 1000)
      if (verdict.kind === 'started') said.push(`${verdict.by} after ${i + 1}`)
      if (verdict.kind === 'ended') said.push(`${verdict.why} after ${i + 1}`)
    }
    return said
  }
  return { detector, run }
}

/** The same in every run. */
function noise(second: number): number {
  return ((second * 7_919) % 101) / 101
}

/** A service that has known so many new connections a second for half an hour. */
function usedTo(newPerSecond: number, sources = 15) {
  const watched = watch()
  assert.deepEqual(
    watched.run(HOUR / 2, () => ({ newPerSecond, sources })),
    [],
  )
  return watched
}

describe('no attack is called', () => {
  test('in a day of ordinary ups and downs', () => {
    const { run } = watch()
    const day: Day = (second) => {
      const busy = 1 + Math.sin((second / (24 * HOUR)) * 2 * Math.PI)
      return { newPerSecond: 400 * busy * (0.5 + noise(second)), sources: 1500 * busy + 100 }
    }
    assert.deepEqual(run(24 * HOUR, day), [])
  })

  test('when a sleepy service has ten clients', () => {
    const { run } = watch()
    run(HOUR, () => ({ newPerSecond: 0, sources: 0, ended: 0, unused: 0 }))
    assert.deepEqual(
      run(HOUR, () => ({ newPerSecond: 10, sources: 10, ended: 49, unused: 49 })),
      [],
    )
  })

  test('when a service grows tenfold over an hour', () => {
    const { run } = usedTo(200, 800)
    const growth: Day = (second) => ({
      newPerSecond: 200 + (1800 * second) / HOUR,
      sources: 800 + (7200 * second) / HOUR,
    })
    assert.deepEqual(run(HOUR, growth), [])
  })

  test('for a burst of four seconds, and again after some', () => {
    const { run } = usedTo(50)
    assert.deepEqual(
      run(MINUTE * 10, (second) => ({ newPerSecond: second % 30 < 4 ? 5000 : 50 })),
      [],
    )
  })

  test('for upstreams that fail', () => {
    const { run } = usedTo(50)
    assert.deepEqual(
      run(MINUTE, () => ({ connectFailuresPerSecond: 1000 })),
      [],
    )
  })

  test('for what belongs to the service: checks of load balancers that never say a word', () => {
    const { run } = watch()
    run(HOUR, () => ({ ended: 100, unused: 70 }))
    assert.deepEqual(
      run(HOUR, () => ({ ended: 100, unused: 100 })),
      [],
    )
  })

  test('while it is learned what is calm', () => {
    assert.deepEqual(
      watch().run(299, () => ({ newPerSecond: 5000, sources: 20_000 })),
      [],
    )
  })
})

describe('an attack is called', () => {
  test('for a flood, at the fifth second, and is over a minute after the last', () => {
    const { run } = usedTo(50)
    assert.deepEqual(
      run(MINUTE, () => ({ newPerSecond: 210 })),
      ['connection-flood after 5'],
    )
    assert.deepEqual(
      run(HOUR, () => ({ newPerSecond: 50 })),
      ['calm after 60'],
    )
  })

  test('for many addresses that come seldom', () => {
    const { run, detector } = usedTo(50, 200)
    assert.deepEqual(
      run(MINUTE, () => ({ newPerSecond: 90, sources: 850 })),
      ['distributed after 5'],
    )
    assert.deepEqual(detector.kinds, ['distributed'])
  })

  test('for connections that are not used', () => {
    const { run } = usedTo(50)
    assert.deepEqual(
      run(MINUTE, () => ({ ended: 60, unused: 50 })),
      ['unused after 5'],
    )
  })

  test('for a crowd that is useful too: numbers do not tell it from a flood', () => {
    const { run } = usedTo(50, 200)
    const crowd: Day = (second) => ({ newPerSecond: 50 + second * 5, sources: 200 + second * 40, unused: 0 })
    assert.deepEqual(run(MINUTE * 3, crowd), ['distributed after 21'])
  })

  test('by a second kind as well, when that comes later', () => {
    const { run, detector } = usedTo(50)
    run(MINUTE, () => ({ newPerSecond: 1000 }))
    run(MINUTE, () => ({ newPerSecond: 1000, sources: 5000 }))
    assert.deepEqual(detector.kinds, ['connection-flood', 'distributed'])
  })

  test('once for an attacker who rests every other second, or for less than a minute', () => {
    for (const [on, off] of [
      [1, 1],
      [20, 50],
    ]) {
      const { run } = usedTo(50)
      const said = run(MINUTE * 20, (second) => ({ newPerSecond: second % (on + off) < on ? 5000 : 50 }))
      assert.equal(said.length, 1, said.join())
      assert.match(said[0], /^connection-flood/)
    }
  })

  test('each time anew for one who rests for longer', () => {
    const { run } = usedTo(50)
    const said = run(MINUTE * 6, (second) => ({ newPerSecond: second % 120 < 20 ? 5000 : 50 }))
    assert.equal(said.filter((text) => text.startsWith('connection-flood')).length, 3)
  })
})

describe('what is calm', () => {
  test('is not learned from an attack, however often it comes back', () => {
    const { run, detector } = usedTo(50)
    const before = detector.limits
    for (let attacks = 0; attacks < 50; attacks++) {
      run(MINUTE * 5, () => ({ newPerSecond: 5000 }))
      run(MINUTE * 2, () => ({ newPerSecond: 50 }))
    }
    assert.deepEqual(detector.limits, before)
  })

  test('is anew what lasts for six hours', () => {
    const { run } = usedTo(50)
    const said = run(NEW_CALM_AFTER_MS / 1000 + HOUR, () => ({ newPerSecond: 5000 }))
    assert.deepEqual(said, ['connection-flood after 5', `new-calm after ${5 + NEW_CALM_AFTER_MS / 1000}`])
  })

  test('is known after a restart, so that nothing has to be learned under attack', () => {
    const { detector } = usedTo(500)
    const { run } = watch(THRESHOLDS, detector.calm.minutes)
    assert.deepEqual(
      run(MINUTE, () => ({ newPerSecond: 1900 })),
      [],
    )
    assert.deepEqual(
      run(MINUTE, () => ({ newPerSecond: 2100 })),
      ['connection-flood after 5'],
    )
  })
})

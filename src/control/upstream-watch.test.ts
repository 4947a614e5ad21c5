import assert from 'node:assert/strict'
import { test } from 'node:test'
import { capturedLog } from '../../test/harness/captured-log.ts'
import { nodeForTest } from '../../test/harness/node-for-test.ts'
import { monotonicMs } from '../lib/clock.ts'
import { UpstreamWatch } from './upstream-watch.ts'

function scene() {
  const node = nodeForTest()
  const { log, records } = capturedLog()
  let nowMs = monotonicMs()
  const wentDown: string[] = []
  const upstreamWentDown = (_: unknown, { name }: { readonly name: string }): void => void wentDown.push(name)
  const watch = new UpstreamWatch({ ...node, upstreamWentDown }, log, () => nowMs)
  return {
    states: node.memory.states,
    wentDown,
    nowMs: () => nowMs,
    look: (laterMs = 0) => {
      nowMs += laterMs
      watch.look()
    },
    /** Event, service, upstream and seconds of all lines. */
    said: () => {
      watch.close()
      return records().map(({ event, service, upstream, seconds }) => [event, service, upstream, seconds])
    },
  }
}

test('an ejection and its end are said once each', () => {
  const { states, nowMs, look, said, wentDown } = scene()
  look()
  states.eject(0, nowMs(), nowMs() + 30_000)
  look(1000)
  look(1000)
  look(29_000)
  look(1000)
  assert.deepEqual(said(), [
    ['upstream-ejected', 'web', 'main', 29],
    ['upstream-returned', 'web', 'main', 30],
  ])
  assert.deepEqual(wentDown, ['main'])
})

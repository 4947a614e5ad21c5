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
  const watch = new UpstreamWatch(node, log, () => nowMs)
  return {
    states: node.memory.states,
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
  const { states, nowMs, look, said } = scene()
  look()
  states.eject(0, nowMs() + 30_000)
  look(1000)
  look(1000)
  look(29_000)
  look(1000)
  assert.deepEqual(said(), [
    ['upstream-ejected', 'web', 'main', 29],
    ['upstream-returned', 'web', 'main', 30],
  ])
})

test('a service without any upstream is said aloud, and when it has one again', () => {
  const { states, look, said } = scene()
  states.setFound(2, 'down')
  look()
  look(5000)
  states.setFound(2, 'up')
  look(5000)
  states.setWanted(2, 'drain')
  look()
  assert.deepEqual(said(), [
    ['all-upstreams-down', 'mail', undefined, undefined],
    ['upstreams-back', 'mail', undefined, 10],
  ])
})

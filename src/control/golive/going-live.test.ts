import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { capturedLog } from '../../../test/harness/captured-log.ts'
import { parseConfig } from '../config/load.ts'
import type { CutOvers } from '../cut-over/cut-overs.ts'
import type { Store } from '../store/store.ts'
import { GoingLive } from './going-live.ts'

const CONFIG = parseConfig(
  'services: [{ name: web, listen: ["192.0.2.1:443"], upstreams: ["203.0.113.10:443"] }]',
  'tidegate.yaml',
  {},
)

test('what was reported before the start is known at once, and soon after a store that opens late', async (t) => {
  mock.timers.enable({ apis: ['setInterval', 'setTimeout'] })
  t.after(() => mock.timers.reset())
  let isOn = false
  let asked = 0
  const port = { address: '203.0.113.10', port: 443, verdict: 'open', ms: 3 }
  const report = { version: 1, host: '203.0.113.10', at: new Date().toISOString(), tookMs: 1, from: [], ports: [port] }
  const kept = { id: 1, atMs: Date.now(), service: 'web', vantage: 'cloud', result: 'open', details: { report } }
  const list = async (): Promise<(typeof kept)[]> => {
    asked++
    if (isOn) return [kept]
    throw new Error('off')
  }
  const store = { exposure: { list } } as unknown as Pick<Store, 'exposure'>
  const cutOvers = { start: async () => {}, stop: () => {} } as unknown as CutOvers
  const goingLive = new GoingLive({ config: () => CONFIG, store, log: capturedLog().log, cutOvers })
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
  await goingLive.start({} as never)
  await settle()
  assert.deepEqual([asked, goingLive.exposures.findings()], [1, []])
  isOn = true
  mock.timers.tick(20_000)
  await settle()
  assert.deepEqual([asked, goingLive.exposures.findings().map(({ ports }) => ports)], [2, [[443]]])
  mock.timers.tick(60_000)
  await settle()
  assert.equal(asked, 2, 'then every ten minutes')
  isOn = false
  mock.timers.tick(10 * 60_000)
  await settle()
  goingLive.stop()
  mock.timers.tick(10 * 60_000)
  await settle()
  assert.equal(asked, 3, 'and not after the stop')
})

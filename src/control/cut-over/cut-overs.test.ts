import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { capturedLog } from '../../../test/harness/captured-log.ts'
import { waitFor } from '../../../test/harness/deadline.ts'
import { parseConfig } from '../config/load.ts'
import { CutOverError, CutOvers } from './cut-overs.ts'

const root = mkdtempSync(join(tmpdir(), 'tidegate-cut-overs-'))
after(() => rmSync(root, { recursive: true }))

const CONFIG = parseConfig(
  `services: [{ name: web, enabled: false, listen: ["192.0.2.1:443"], upstreams: ["203.0.113.10:443"] }]`,
  'tidegate.yaml',
  {},
)

test('while the next version starts nothing is opened: it would find the port taken', async () => {
  const cutOvers = await CutOvers.read(root, capturedLog().log)
  let isUpgrading = true
  let asked = 0
  let switched = 0
  await cutOvers.start({
    reload: {
      closeServices: async (_, done) => {
        switched++
        done()
      },
    },
    config: () => CONFIG,
    isUpgrading: () => {
      asked++
      return isUpgrading
    },
    look: async () => [],
  })
  await assert.rejects(cutOvers.switch('web', true, 'ann'), CutOverError)
  await cutOvers.plan('web', Date.now(), 'ann')
  const before = asked
  await waitFor('the time to come', () => asked > before + 2)
  assert.deepEqual([switched, cutOvers.state('web').enabled], [0, false])
  // It did not start: this one goes on.
  isUpgrading = false
  await waitFor('the switch', () => cutOvers.state('web').enabled)
  assert.deepEqual([switched, cutOvers.state('web').plan], [1, undefined])
  cutOvers.stop()
})

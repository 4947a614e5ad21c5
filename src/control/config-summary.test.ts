import assert from 'node:assert/strict'
import { test } from 'node:test'
import { temporaryFolder, writeConfig } from '../../test/harness/config.ts'
import { checkConfigFile } from './config-summary.ts'

test('check warns of a hedge that has nobody to dial, as the start does', async () => {
  const services = [
    { name: 'vain', upstreams: ['203.0.113.1:443'], hedgeAfter: '1s' },
    { name: 'good', upstreams: ['203.0.113.1:443', '203.0.113.2:443'], hedgeAfter: '1s' },
  ]
  const { warnings } = await checkConfigFile(writeConfig(temporaryFolder(), { services }), {})
  assert.deepEqual(warnings, ['Service vain has hedgeAfter and one upstream address: there is no other to dial.'])
})

/**
 * Workers come and go many times in one process. Memory that a system call writes to must outlive its last call:
 * the eventfd's count once stood in an array that nobody referenced any more, and each wake-up wrote into freed memory.
 */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { temporaryFolder } from './harness/config.ts'
import { answerOf, ROOT } from './harness/started-program.ts'

const ROUNDS = 60

const source = (path: string): string => JSON.stringify(pathToFileURL(join(ROOT, 'src', path)).href)

const PROGRAM = `
import { PassThrough } from 'node:stream'
import { parseConfig } from ${source('control/config/load.ts')}
import { openLog } from ${source('control/log/log.ts')}
import { UpstreamAddresses } from ${source('control/resolve/upstream-addresses.ts')}
import { RunningNode } from ${source('control/running-node.ts')}
const config = parseConfig(JSON.stringify({
  admin: { listen: 'off' },
  traffic: { workers: 4 },
  services: [{ name: 'a', listen: ['127.0.0.1:0'], mode: 'raw', upstreams: ['127.0.0.1:9'] }],
}), 'test', {})
const log = openLog({ ...config.log, stream: new PassThrough().resume() })
const { current: addresses } = await UpstreamAddresses.resolve(config)
for (let round = 0; round < ${ROUNDS}; round++) {
  const node = new RunningNode({ config, version: '0', addresses, log, onLostWorker: (error) => { throw error } })
  await node.start()
  await node.drain()
  await node.end()
}
process.stdout.write('all rounds\\n')
process.exit()
`

test('workers start and end many times over, and the process stays whole', { timeout: 240_000 }, async () => {
  const file = join(temporaryFolder(), 'rounds.mjs')
  writeFileSync(file, PROGRAM)
  const { code, stdout, stderr } = await answerOf(process.execPath, [file])
  assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: 'all rounds\n', stderr: '' })
})

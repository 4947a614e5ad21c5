/** A daemon that is killed at any call while it writes the configuration leaves the old text or the new one, whole. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { temporaryFolder } from '../harness/config.ts'
import { whyNoStrace } from '../harness/strace.ts'

const WRITER = fileURLToPath(new URL('config-writer.ts', import.meta.url))
const OLD = 'old\n'.repeat(1_000)
const NEW = 'new\n'.repeat(1_000)

/** Killed right before the call is made. */
const CALLS = [
  { call: '/^fchmod$', leaves: OLD },
  { call: '/^fsync$', leaves: OLD },
  { call: '/^rename(at|at2)?$', leaves: OLD },
]

for (const { call, leaves } of CALLS) {
  test(`killed at ${call}`, { skip: whyNoStrace() }, () => {
    const folder = temporaryFolder()
    const path = join(folder, 'tidegate.yaml')
    writeFileSync(path, OLD)
    const env = { ...process.env, NODE_OPTIONS: '', NODE_TEST_CONTEXT: '' }
    const words = ['-f', '-qq', '-o', '/dev/null', '-e', `trace=${call}`, '-e', `inject=${call}:signal=SIGKILL`]
    const { signal, status, stderr } = spawnSync('strace', [...words, process.execPath, WRITER, path, NEW], {
      env,
      timeout: 60_000,
    })
    assert.ok(signal === 'SIGKILL' || status === 137, `${signal} ${status} ${stderr.toString()}`)
    assert.equal(readFileSync(path, 'utf8'), leaves)
    // The next change goes its way, and cleans up.
    assert.equal(spawnSync(process.execPath, [WRITER, path, NEW], { env }).status, 0)
    assert.deepEqual([readFileSync(path, 'utf8'), readdirSync(folder)], [NEW, ['tidegate.yaml']])
  })
}

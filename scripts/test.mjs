/**
 * `npm test`: everything `npm run ok` says, then the tests in test/, on real connections with the program as
 * npm ships it.
 * `npm test -- test/contract.test.ts …` runs only those files; other arguments go to node's test runner.
 */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { withCompileCache } from './compile-cache.mjs'
import { withPackageCopy } from './package.mjs'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const ENVIRONMENT = await withPackageCopy(withCompileCache(process.env))
const RUNNER = [
  '--test',
  // Most of a file's time is waiting. More at once would starve each other: files have deadlines.
  '--test-concurrency=4',
  // Nothing waits for ever, wherever a test forgot its deadline.
  '--test-timeout=300000',
]

const asked = process.argv.slice(2)
const files = asked.some((argument) => !argument.startsWith('-')) ? [] : ['test/**/*.test.ts']

const results = files.length === 0 ? [] : [await run('npm run ok', ['scripts/ok.mjs'])]
results.push(await run('tests on real connections', [...RUNNER, ...asked, ...files]))

const failed = results.filter(({ code }) => code !== 0).map(({ name }) => name)
if (failed.length > 0) console.log(`FAILED: ${failed.join(', ')}`)
process.exitCode = failed.length === 0 ? 0 : 1

function run(name, args) {
  return new Promise((resolve) => {
    spawn(process.execPath, args, { cwd: ROOT, env: ENVIRONMENT, stdio: ['ignore', 'inherit', 'inherit'] }).on(
      'close',
      (code) => resolve({ name, code }),
    )
  })
}

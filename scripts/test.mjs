/**
 * `npm test`: everything `npm run ok` says, then the tests in test/, on real connections with the program as
 * npm ships it.
 * `npm test -- test/contract.test.ts …` runs only those files; other arguments go to node's test runner.
 */
import { spawn } from 'node:child_process'
import { globSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { withCompileCache } from './compile-cache.mjs'
import { withPackageCopy } from './package.mjs'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const ENVIRONMENT = await withPackageCopy(withCompileCache(process.env))
const RUNNER = [
  '--test',
  // Nothing waits for ever, wherever a test forgot its deadline.
  '--test-timeout=300000',
]

// Most of a file's time is waiting. More at once would starve each other: files have deadlines.
const FOUR_AT_ONCE = '--test-concurrency=4'
/** A browser takes a core: clients of a test under attack would not be served beside several. */
const TWO_AT_ONCE = '--test-concurrency=2'
const BROWSER_FILES = 'test/browser/**/*.test.ts'

const asked = process.argv.slice(2)
const namesFiles = asked.some((argument) => !argument.startsWith('-'))

const results = []
if (namesFiles) results.push(await run('tests', [...RUNNER, FOUR_AT_ONCE, ...asked]))
else {
  results.push(await run('npm run ok', ['scripts/ok.mjs']))
  results.push(await run('tests on real connections', [...RUNNER, FOUR_AT_ONCE, ...asked, ...filesOutsideBrowsers()]))
  results.push(await run('tests in a browser', [...RUNNER, TWO_AT_ONCE, ...asked, BROWSER_FILES]))
}

const failed = results.filter(({ code }) => code !== 0).map(({ name }) => name)
if (failed.length > 0) console.log(`FAILED: ${failed.join(', ')}`)
process.exitCode = failed.length === 0 ? 0 : 1

function filesOutsideBrowsers() {
  return globSync('test/**/*.test.ts', { cwd: ROOT, exclude: [BROWSER_FILES] }).sort()
}

function run(name, args) {
  return new Promise((resolve) => {
    spawn(process.execPath, args, { cwd: ROOT, env: ENVIRONMENT, stdio: ['ignore', 'inherit', 'inherit'] }).on(
      'close',
      (code) => resolve({ name, code }),
    )
  })
}

/** `npm run ok`: whether you are done, in under a minute. Everything short; `npm test` adds the long tests. */
import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { stripVTControlCharacters } from 'node:util'
import { closingLines } from './closing-lines.mjs'
import { withCompileCache } from './compile-cache.mjs'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** The longest test file takes some 10 s; one that waits for ever is a failure and says so. */
const HANGS_FAIL = '--test-timeout=120000'
/** All files in two processes: one for each of the 250 files costs as much again as the tests do. */
const UNIT_TESTS = ['--test', '--test-isolation=none', HANGS_FAIL]
const UNIT_FILES = ['src/**/*.test.ts', 'web/src/**/*.test.ts']

// Colours in captured text would hide the lines that are looked for in it; CI makes some tools add them unasked.
const { FORCE_COLOR: _, ...inherited } = process.env
const ENVIRONMENT = withCompileCache({ ...inherited, NO_COLOR: '1' })

/** The long ones first: they share the cores with the rest. */
const STEPS = [
  { name: 'unit tests 1/2', args: [...UNIT_TESTS, '--test-shard=1/2', ...UNIT_FILES], closing: true },
  { name: 'unit tests 2/2', args: [...UNIT_TESTS, '--test-shard=2/2', ...UNIT_FILES], closing: true },
  { name: 'docs and walls', args: ['--test', 'scripts/**/*.test.ts'], closing: true },
  { name: 'types', args: ['node_modules/typescript/bin/tsc', '--project', 'tsconfig.json'] },
  { name: 'types of the dashboard', args: ['node_modules/typescript/bin/tsc', '--project', 'web/tsconfig.json'] },
  { name: 'lint', args: ['node_modules/oxlint/bin/oxlint', '--type-aware', '--deny-warnings'] },
  // Markdown is left as written: padded tables make every change of a word a change of the table.
  { name: 'format', args: ['node_modules/oxfmt/bin/oxfmt', '--check', '.', '!**/*.md'] },
]

const startedMs = performance.now()
const waiting = [...STEPS]
const failed = []
// One more than there are cores: unit tests wait for timers and processes, too.
await Promise.all(Array.from({ length: availableParallelism() + 1 }, runSteps))

console.log(
  failed.length === 0
    ? `\nok in ${seconds(startedMs)}`
    : `\nNOT ok in ${seconds(startedMs)}: ${failed.join(', ')}. Shown above.`,
)
process.exitCode = failed.length === 0 ? 0 : 1

async function runSteps() {
  for (let step = waiting.shift(); step; step = waiting.shift()) {
    const stepStartedMs = performance.now()
    const { code, output } = await run(step.args)
    const closing = step.closing ? `  ${closingLines(output)}` : ''
    console.log(`${code === 0 ? 'ok    ' : 'FAILED'}  ${step.name.padEnd(14)}  ${seconds(stepStartedMs)}${closing}`)
    if (code === 0) continue
    failed.push(step.name)
    console.log(whatMatters(output).trimEnd().replaceAll(/^/gm, '  '))
  }
}

function run(args) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { cwd: ROOT, env: ENVIRONMENT, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output += text
      })
    }
    child.on('close', (code, signal) => {
      const said = stripVTControlCharacters(output)
      resolve({ code, output: signal ? `${said}\nended by ${signal}` : said })
    })
  })
}

/** Of a test run the failures that node:test repeats at its end; of everything else all. */
function whatMatters(output) {
  const failures = output.indexOf('✖ failing tests:')
  return failures === -1 ? output : output.slice(failures)
}

function seconds(sinceMs) {
  return `${((performance.now() - sinceMs) / 1000).toFixed(1)} s`
}

/** Each wall fires: files that break one rule each are laid out in a folder of their own and linted with our rules. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { bannedName } from './file-names.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** `[what it shows, file, its text]`; the specifiers lead nowhere, as the walls look at the words. */
type Case = readonly [shows: string, file: string, text: string]

const WALL = 'eslint(no-restricted-imports)'

const BAD_IMPORTS: readonly Case[] = [
  ['lib imports kernel', 'src/lib/a.ts', "import { close } from '../kernel/libc.ts'\nclose()"],
  ['lib imports traffic from a subfolder', 'src/lib/b/c.ts', "import { t } from '../../traffic/tables.ts'\nt()"],
  ['lib imports main.ts', 'src/lib/d.ts', "import { main } from '../main.ts'\nmain()"],
  ['kernel imports traffic', 'src/kernel/a.ts', "import { t } from '../traffic/tables.ts'\nt()"],
  ['libc.ts imports control', 'src/kernel/libc.ts', "import { c } from '../control/x.ts'\nc()"],
  ['traffic imports control', 'src/traffic/a.ts', "import { c } from '../control/config/config.ts'\nc()"],
  [
    'traffic imports a type of control',
    'src/traffic/b.ts',
    "import type { C } from '../control/x.ts'\nexport const c: C = 1",
  ],
  ['traffic re-exports control', 'src/traffic/c.ts', "export { c } from '../control/x.ts'"],
  ['traffic imports control when called', 'src/traffic/d.ts', "export const c = () => import('../control/x.ts')"],
  ['traffic imports metrics', 'src/traffic/relay/e.ts', "import { m } from '../../metrics/names.ts'\nm()"],
  ['control imports api', 'src/control/a.ts', "import { s } from '../api/server.ts'\ns()"],
  ['control imports cli', 'src/control/check/b.ts', "import { s } from '../../cli/program.ts'\ns()"],
  ['control imports main.ts', 'src/control/c.ts', "import { s } from '../main.ts'\ns()"],
  ['metrics imports api', 'src/metrics/a.ts', "import { s } from '../api/server.ts'\ns()"],
  ['api imports cli', 'src/api/a.ts', "import { s } from '../cli/program.ts'\ns()"],
  ['cli imports control', 'src/cli/a.ts', "import { c } from '../control/x.ts'\nc()"],
  ['cli imports kernel', 'src/cli/b.ts', "import { c } from '../kernel/libc.ts'\nc()"],
  ['cli imports the api beside its contract', 'src/cli/c.ts', "import { s } from '../api/server.ts'\ns()"],
  [
    'the doctor command imports another room of control',
    'src/cli/doctor.ts',
    "import { c } from '../control/config/load.ts'\nc()",
  ],
  [
    'the firewall command imports another room of control',
    'src/cli/firewall.ts',
    "import { c } from '../control/config/load.ts'\nc()",
  ],
  ['web imports control', 'web/a.ts', "import { c } from '../src/control/x.ts'\nc()"],
  ['web imports the api beside its contract', 'web/b.ts', "import { s } from '../src/api/server.ts'\ns()"],
  ['traffic imports koffi', 'src/traffic/f.ts', "import koffi from 'koffi'\nkoffi.load(null)"],
  ['another kernel file imports koffi', 'src/kernel/b.ts', "import koffi from 'koffi'\nkoffi.load(null)"],
  ['main.ts imports koffi', 'src/main.ts', "import koffi from 'koffi'\nkoffi.load(null)"],
]

const GOOD_IMPORTS: readonly Case[] = [
  ['kernel imports lib', 'src/kernel/good.ts', "import { ip } from '../lib/ip.ts'\nip()"],
  [
    'traffic imports kernel and lib',
    'src/traffic/good.ts',
    "import { c } from '../kernel/libc.ts'\nimport '../lib/ip.ts'\nc()",
  ],
  ['control imports traffic', 'src/control/good.ts', "import { t } from '../traffic/tables.ts'\nt()"],
  [
    'cli imports the contract and main.ts',
    'src/cli/good.ts',
    "import { s } from '../api/contract.ts'\nimport '../main.ts'\ns()",
  ],
  ['the demo command imports its own room', 'src/cli/demo.ts', "import { d } from '../control/demo/demo.ts'\nd()"],
  [
    'the probe command imports its own room',
    'src/cli/probe.ts',
    "import { g } from '../control/golive/golive.ts'\ng()",
  ],
  ['web imports the contract', 'web/good.ts', "import { s } from '../src/api/contract.ts'\ns()"],
]

const lines = (count: number, line: string): string => `${line}\n`.repeat(count)

const OTHER_RULES: readonly (readonly [...Case, rule: string])[] = [
  ['a file of 401 lines', 'src/lib/long-file.ts', lines(401, '// line'), 'eslint(max-lines)'],
  [
    'a function of 62 lines',
    'src/lib/long-function.ts',
    `export function long() {\n${lines(60, '  Math.random()')}}`,
    'eslint(max-lines-per-function)',
  ],
  [
    'a promise that nobody waits for',
    'src/lib/floating.ts',
    'export async function one(): Promise<void> {}\nexport function two(): void {\n  one()\n}',
    'typescript(no-floating-promises)',
  ],
  [
    'imports in a circle',
    'src/lib/circle-a.ts',
    "export { b } from './circle-b.ts'\nexport const a = 1",
    'import(no-cycle)',
  ],
  [
    'imports in a circle',
    'src/lib/circle-b.ts',
    "export { a } from './circle-a.ts'\nexport const b = 1",
    'import(no-cycle)',
  ],
  ['a file name in another case', 'src/lib/TokenBucket.ts', 'export const a = 1', 'unicorn(filename-case)'],
]

describe('walls', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tidegate-walls-'))
  let rulesByFile: Map<string, string[]>

  before(() => {
    for (const name of ['.oxlintrc.json', 'tsconfig.json', 'package.json']) cpSync(join(ROOT, name), join(folder, name))
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
    for (const [, file, text] of [...BAD_IMPORTS, ...GOOD_IMPORTS, ...OTHER_RULES]) {
      mkdirSync(dirname(join(folder, file)), { recursive: true })
      writeFileSync(join(folder, file), `${text}\n`)
    }
    rulesByFile = lint(folder)
  })
  after(() => rmSync(folder, { recursive: true }))

  for (const [shows, file] of BAD_IMPORTS) {
    test(`lint refuses: ${shows}`, () => assert.ok(rulesByFile.get(file)?.includes(WALL), seen(file)))
  }
  for (const [shows, file] of GOOD_IMPORTS) {
    test(`lint lets pass: ${shows}`, () => assert.ok(!rulesByFile.get(file)?.includes(WALL), seen(file)))
  }
  for (const [shows, file, , rule] of OTHER_RULES) {
    test(`lint refuses: ${shows} (${rule})`, () => assert.ok(rulesByFile.get(file)?.includes(rule), seen(file)))
  }

  function seen(file: string): string {
    return `${file}: ${rulesByFile.get(file)?.join(', ') ?? 'nothing reported'}`
  }
})

test('file names that say nothing are refused', () => {
  for (const path of ['src/index.ts', 'src/lib/utils.ts', 'src/api/types.test.ts', 'test/helpers.ts']) {
    assert.ok(bannedName(path), path)
  }
  for (const path of ['src/main.ts', 'src/lib/token-bucket.ts', 'docs/types-of-attack.md'])
    assert.ok(!bannedName(path), path)
})

function lint(folder: string): Map<string, string[]> {
  const oxlint = join(ROOT, 'node_modules/oxlint/bin/oxlint')
  const done = spawnSync(process.execPath, [oxlint, '--type-aware', '--format=json'], { cwd: folder, encoding: 'utf8' })
  const report = JSON.parse(done.stdout) as { diagnostics: readonly { code: string; filename: string }[] }
  const rules = new Map<string, string[]>()
  for (const { code, filename } of report.diagnostics) rules.set(filename, [...(rules.get(filename) ?? []), code])
  return rules
}

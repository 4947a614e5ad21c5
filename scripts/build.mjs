/** `npm run build`: what `npm pack` ships, as plain JavaScript in dist/. Node strips no types below node_modules. */
import { spawnSync } from 'node:child_process'
import { cpSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

// A file whose source is gone must not be shipped.
rmSync(new URL('../dist', import.meta.url), { recursive: true, force: true })
const { status } = spawnSync(
  process.execPath,
  ['node_modules/typescript/bin/tsc', '--project', 'tsconfig.build.json'],
  { cwd: ROOT, stdio: 'inherit' },
)
// Setup has built it.
cpSync(new URL('../web/dist', import.meta.url), new URL('../dist/web', import.meta.url), { recursive: true })
process.exitCode = status ?? 1

/** Builds the dashboard into web/dist where that is missing or older than its sources. Plain JavaScript, as setup.mjs uses it. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const VITE = join(ROOT, 'node_modules', 'vite', 'bin', 'vite.js')
const STAMP = join(ROOT, 'web', 'dist', '.stamp')

/** Returns what went wrong, or undefined. Without vite (an installation without what development needs) it does nothing. */
export function buildDashboard(node) {
  if (!existsSync(VITE)) return undefined
  const stamp = stampOfSources()
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === stamp) return undefined
  const { status, stdout, stderr, error } = spawnSync(
    node,
    [VITE, 'build', '--config', join('web', 'vite.config.ts'), '--logLevel', 'warn'],
    { cwd: ROOT, encoding: 'utf8' },
  )
  if (status !== 0) return `${stdout ?? ''}${stderr ?? ''}${error?.message ?? ''}`
  writeFileSync(STAMP, stamp)
  return undefined
}

/** The packages that it is made of are in package-lock.json. The contract's types leave no trace in it, its words do. */
function stampOfSources() {
  const hash = createHash('sha256')
  const files = ['package-lock.json', ...filesIn('web'), ...filesIn(join('src', 'api')).filter(isShared)]
  for (const file of files) hash.update(`${file}\0`).update(readFileSync(join(ROOT, file)))
  return `${hash.digest('hex')}\n`
}

function isShared(file) {
  return file.endsWith('paths.ts') || file.endsWith('contract.ts')
}

function filesIn(folder) {
  return readdirSync(join(ROOT, folder), { withFileTypes: true })
    .filter(({ name }) => name !== 'dist')
    .flatMap((entry) => (entry.isDirectory() ? filesIn(join(folder, entry.name)) : [join(folder, entry.name)]))
    .sort((one, other) => (one < other ? -1 : 1))
}

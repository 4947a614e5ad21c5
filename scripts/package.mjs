/** What npm ships: made for `npm pack`, and as a copy for tests, which then prove what users get. */
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundle } from './bundle.mjs'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** Makes dist/ in `folder`, anew: a file whose source is gone must not be shipped. Setup has built the dashboard. */
export async function build(folder) {
  const dist = join(resolve(ROOT, folder), 'dist')
  rmSync(dist, { recursive: true, force: true })
  await bundle(join(dist, 'lib'))
  cpSync(join(ROOT, 'web', 'dist'), join(dist, 'web'), { recursive: true })
}

/** The environment for a run of tests, with a copy of the package to test where `environment` names none. */
export async function withPackageCopy(environment) {
  if (environment.TIDEGATE_BIN !== undefined) return environment
  const folder = mkdtempSync(join(tmpdir(), 'tidegate-package-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  for (const name of ['bin', 'package.json']) cpSync(join(ROOT, name), join(folder, name), { recursive: true })
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  await build(folder)
  return { ...environment, TIDEGATE_BIN: join(folder, 'bin', 'tidegate') }
}

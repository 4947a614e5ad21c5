/**
 * The environment for a run of tests, in which Node compiles each file once and not in every process: most of what a
 * start of the daemon costs is compiling, and the tests start it some hundred times. For this run only: tests run from
 * folders of their own, too, and a cache that outlives them would grow for ever.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** As `inherited`, with a cache; one that is given (by a person, or by the script that started this one) stays. */
export function withCompileCache(inherited) {
  if (inherited.NODE_COMPILE_CACHE !== undefined) return inherited
  const folder = mkdtempSync(join(tmpdir(), 'tidegate-compiled-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  return { ...inherited, NODE_COMPILE_CACHE: folder }
}

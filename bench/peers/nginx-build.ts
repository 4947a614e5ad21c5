/** What this nginx was built with: Debian's stream module is a file to load, others have it built in. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { BenchFailure } from '../run/failure.ts'

/** The line that makes `stream { }` known, empty where it is built in. */
export function loadStreamModule(): string {
  const { stderr } = spawnSync('nginx', ['-V'], { encoding: 'utf8' })
  const build = stderr ?? ''
  if (!build.includes('--with-stream=dynamic')) {
    if (build.includes('--with-stream')) return ''
    throw new BenchFailure('This nginx has no stream module')
  }
  const file = `${/--modules-path=(\S+)/.exec(build)?.[1] ?? 'modules'}/ngx_stream_module.so`
  if (existsSync(file)) return `load_module ${file};`
  throw new BenchFailure('nginx has no stream module here; on Debian: apt install libnginx-mod-stream')
}

/** As root nginx gives its worker another user, who could not read the bench's temporary folder. */
export function userLine(): string {
  return process.getuid?.() === 0 ? 'user root;' : ''
}

/** Says what is missing before anything starts. */
import { accessSync, constants, readFileSync } from 'node:fs'
import { delimiter, isAbsolute, join } from 'node:path'
import { BenchFailure } from './failure.ts'

/** Debian's package of each program. */
const PACKAGES: Record<string, string> = {
  haproxy: 'haproxy',
  nginx: 'nginx libnginx-mod-stream',
  wrk: 'wrk',
  strace: 'strace',
  taskset: 'util-linux',
  unshare: 'util-linux',
  ip: 'iproute2',
}
/** 6,000 held connections are 12,000 sockets in the process that holds both their ends. */
const OPEN_FILES_MIN = 13_000

export function requirePrograms(programs: readonly string[]): void {
  const missing = [...new Set(programs)].filter((program) => !canRun(program))
  if (missing.length === 0) return
  const packages = missing.map((program) => PACKAGES[program]).filter((name) => name !== undefined)
  const advice = packages.length === 0 ? '' : `; on Debian: apt install ${packages.join(' ')}`
  throw new BenchFailure(`Not found: ${missing.join(', ')}${advice}. --peers and --only leave out what is not wanted.`)
}

function canRun(program: string): boolean {
  const folders = isAbsolute(program) ? [''] : (process.env['PATH'] ?? '').split(delimiter)
  return folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

export function requireOpenFiles(): void {
  const hard = /^Max open files\s+\d+\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
  if (hard === undefined || Number(hard) >= OPEN_FILES_MIN) return
  throw new BenchFailure(
    `The hard limit of open files is ${hard}; the memory measure needs ${OPEN_FILES_MIN} (ulimit -Hn)`,
  )
}

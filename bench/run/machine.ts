/** The machine and the versions a table was made with: numbers without them can't be compared. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus, loadavg, release, totalmem } from 'node:os'

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGib: number
  readonly kernel: string
  readonly loadAverageBefore: number
  readonly fileLimit: string
  readonly congestionControl: string
  readonly tcpTwReuse: string
  readonly portRange: string
  readonly versions: Readonly<Record<string, string>>
}

export function describeMachine(): Machine {
  const [first] = cpus()
  return {
    cpu: first?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    loadAverageBefore: loadavg()[0],
    fileLimit: /^Max open files\s+\d+\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? 'unknown',
    congestionControl: readSetting('tcp_congestion_control'),
    tcpTwReuse: readSetting('tcp_tw_reuse'),
    portRange: readSetting('ip_local_port_range').replace(/\s+/, '-'),
    versions: {
      tidegate: tidegateVersion(),
      node: process.version,
      haproxy: firstMatch(['haproxy', '-v'], /version (\S+)/),
      nginx: firstMatch(['nginx', '-v'], /nginx\/(\S+)/),
      wrk: firstMatch(['wrk', '-v'], /^wrk (\S+)/),
    },
  }
}

function tidegateVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  const commit = firstMatch(
    ['git', '-C', new URL('../..', import.meta.url).pathname, 'rev-parse', '--short', 'HEAD'],
    /^([0-9a-f]{7,40})$/m,
  )
  return `${version} (${commit})`
}

function readSetting(name: string): string {
  try {
    return readFileSync(`/proc/sys/net/ipv4/${name}`, 'utf8').trim()
  } catch {
    return 'unknown'
  }
}

function firstMatch([file, ...args]: readonly string[], pattern: RegExp): string {
  const { stdout, stderr } = spawnSync(file, args, { encoding: 'utf8' })
  return pattern.exec(`${stdout ?? ''}${stderr ?? ''}`)?.[1] ?? 'not found'
}

/**
 * `--own-network`: the whole bench in a network namespace of its own. Nobody else's ports, connections and settings
 * are in the way, and the congestion control can be chosen: BBR paces every sender with a timer, which on
 * loopback costs more than the proxies themselves and hides what they differ in.
 */
import { spawn, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { BenchFailure } from './failure.ts'

const MARK = 'TIDEGATE_BENCH_OWN_NETWORK'
const CONGESTION_CONTROL = '/proc/sys/net/ipv4/tcp_congestion_control'

export function isInOwnNetwork(): boolean {
  return process.env[MARK] === '1'
}

/** Starts this program again inside a new namespace, and ends with its exit code. */
export function rerunInOwnNetwork(): void {
  if (process.getuid?.() !== 0) throw new BenchFailure('--own-network needs root: it makes a network namespace')
  const command = ['--net', process.execPath, ...process.argv.slice(1)]
  const child = spawn('unshare', command, { stdio: 'inherit', env: { ...process.env, [MARK]: '1' } })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal))
  child.once('error', () => process.exit(1))
  child.once('exit', (code) => process.exit(code ?? 1))
}

/** Inside: loopback is down in a new namespace, and BBR is what it inherits from a kernel that has it as default. */
export function setUpOwnNetwork(): void {
  const { status } = spawnSync('ip', ['link', 'set', 'lo', 'up'])
  if (status !== 0) throw new BenchFailure('Cannot bring loopback up with `ip link set lo up`')
  if (readFileSync(CONGESTION_CONTROL, 'utf8').trim() !== 'bbr') return
  try {
    writeFileSync(CONGESTION_CONTROL, 'cubic')
  } catch {
    // EPERM: a namespace may choose only among tcp_allowed_congestion_control; reno is always there, and without
    // losses it does what cubic does.
    writeFileSync(CONGESTION_CONTROL, 'reno')
  }
}

/**
 * Every process the bench starts, so that none outlives it. Each one gets a process group of its own:
 * killing nginx's master alone would leave its worker behind, holding the port.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { BenchFailure } from './failure.ts'

export interface StartOptions {
  /** For its output file and for messages. */
  readonly label: string
  /** A folder for its output. */
  readonly dir: string
  /** CPU list for taskset; none = wherever the scheduler likes. */
  readonly cpus?: string | undefined
  /** Where standard output goes; `file` is shown when the process fails. */
  readonly stdout?: 'file' | 'discard'
  /** A message channel, for the processes of ours that take commands. */
  readonly channel?: boolean
}

export interface Running {
  readonly label: string
  readonly pid: number
  readonly process: ChildProcess
  readonly ended: () => boolean
  /** The end of what it wrote. */
  readonly output: (charactersMax?: number) => string
  readonly stop: () => Promise<void>
}

const running = new Set<Running>()

export function start(command: readonly string[], options: StartOptions): Running {
  const outputPath = join(options.dir, `${options.label}.out`)
  const output = openSync(outputPath, 'w')
  const discard = openSync('/dev/null', 'w')
  const [file, ...args] = pinned(command, options.cpus)
  const child = spawn(file, args, {
    cwd: options.dir,
    detached: true,
    stdio: [
      'ignore',
      options.stdout === 'discard' ? discard : output,
      output,
      ...(options.channel ? ['ipc' as const] : []),
    ],
  })
  closeSync(output)
  closeSync(discard)
  if (child.pid === undefined)
    throw new BenchFailure(`Cannot start ${options.label}: ${file} is not there or may not run`)
  return keep(child, child.pid, options.label, outputPath)
}

function keep(child: ChildProcess, pid: number, label: string, outputPath: string): Running {
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const self: Running = {
    label,
    pid,
    process: child,
    ended: () => child.exitCode !== null || child.signalCode !== null,
    output: (charactersMax = 2000) => readFileSync(outputPath, 'utf8').slice(-charactersMax).trim(),
    stop: async () => {
      killGroup(pid)
      await gone
      running.delete(self)
    },
  }
  // A failed spawn also says 'error'; without a listener it would end the bench with a bare stack.
  child.on('error', () => {})
  running.add(self)
  return self
}

/** Runs a command to its end within `limitMs` and returns its standard output. */
export async function runToEnd(command: readonly string[], cpus: string | undefined, limitMs: number): Promise<string> {
  const [file, ...args] = pinned(command, cpus)
  const child = spawn(file, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  const gone = new Promise<number | null>((resolve, reject) => {
    child.once('error', () => reject(new BenchFailure(`Cannot start ${file}`)))
    child.once('close', (code) => resolve(code))
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const { pid } = child
  if (pid === undefined) await gone
  const self = { pid: pid as number, stop: async () => {} } as Running
  running.add(self)
  const timer = setTimeout(() => killGroup(self.pid), limitMs)
  const code = await gone
  clearTimeout(timer)
  running.delete(self)
  if (code === 0) return stdout
  const why = code === null ? `did not end within ${limitMs / 1000} s` : `ended with ${code}`
  throw new BenchFailure(`${basename(file)} ${why}: ${(stderr || stdout).slice(-1000).trim()}`)
}

function pinned(command: readonly string[], cpus: string | undefined): readonly string[] {
  return cpus === undefined ? command : ['taskset', '-c', cpus, ...command]
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // ESRCH: it is gone already.
  }
}

/** Synchronous, because it also runs while this process exits. */
export function killAll(): void {
  for (const { pid } of running) killGroup(pid)
  running.clear()
}

/** From here on nothing survives this process, however it ends (but for SIGKILL, which nobody sees). */
export function killAllOnExit(): void {
  process.on('exit', killAll)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(130))
}

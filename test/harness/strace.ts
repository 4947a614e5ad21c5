/** Makes chosen system calls of one thread fail or take long, by strace: a machine that is out of fds, memory, ports or time. */
import { spawn, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { waitFor, within } from './deadline.ts'
import { ENGINES, type EngineName } from './engines.ts'

/** For `skip`: why an engine can't be tested with strace here. */
export function whyNoStrace(engine: EngineName = 'linux'): string | false {
  if (process.platform !== 'linux') return 'strace is for Linux'
  if (!ENGINES.includes(engine)) return `the ${engine} engine is not asked for`
  const { error, status, stderr } = spawnSync('strace', ['-qq', '-e', 'trace=none', 'true'], { encoding: 'utf8' })
  if (error !== undefined) return 'strace is not installed'
  return status === 0 ? false : `strace does not work here: ${stderr.trim().slice(0, 200)}`
}

export interface Fault {
  /** How many calls have been made to fail so far. */
  readonly count: () => number
}

/** `rule` is strace's, `accept4:error=EMFILE:when=1..3`; counted from here. Returns how many calls failed. */
export async function withFaultIn(
  thread: string,
  rules: string | readonly string[],
  during: (fault: Fault) => Promise<void>,
): Promise<number> {
  const all = typeof rules === 'string' ? [rules] : rules
  const calls = all.map((rule) => rule.split(':')[0])
  // The wait that attaching interrupts is begun again, traced: from then on every call is.
  const words = ['-p', thread, '-s', '0', '-e', `trace=${['?epoll_wait', 'epoll_pwait', ...calls].join(',')}`]
  const strace = spawn('strace', [...words, ...all.flatMap((rule) => ['-e', `inject=${rule}`])], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let output = ''
  let injected = 0
  strace.stderr.setEncoding('utf8').on('data', (text: string) => {
    output = (output + text).slice(-10_000)
    injected += text.split('(INJECTED)').length - 1
  })
  const closed = new Promise((resolve) => strace.once('close', resolve))
  try {
    await waitFor('strace to attach', () => {
      if (strace.exitCode !== null) throw new Error(`strace ended: ${output}`)
      return /epoll_p?wait\(/.test(output)
    })
    await during({ count: () => injected })
  } finally {
    strace.kill('SIGINT')
    await within('strace to let go', closed)
  }
  return injected
}

/** The id of a thread by its name, as strace wants it. */
export function threadNamed(pid: number, name: string): string {
  const folder = `/proc/${pid}/task`
  const found = readdirSync(folder).find((id) => readFileSync(`${folder}/${id}/comm`, 'utf8').trim() === name)
  if (found === undefined) throw new Error(`the daemon has no thread ${name}`)
  return found
}

/** Starts the real daemon, `bin/tidegate run`, and reads what a user could see of it: log, metrics, fds, memory, CPU. */
import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { after } from 'node:test'
import type { CloseReason } from '../../src/traffic/close-reason.ts'
import { parseAddress, type Address } from './address.ts'
import { type AdminAnswer, AdminAsking, type AdminRequest } from './admin-asking.ts'
import { temporaryFolder, type TestConfig, type TestService, wholeService, writeConfig } from './config.ts'
import { waitFor, within } from './deadline.ts'
import type { EngineName } from './engines.ts'
import { Metrics } from './metrics.ts'
import type { Peer } from './peer.ts'
import { CHECKOUT, TIDEGATE } from './started-program.ts'

/** A line of the log; `event` says which. */
export interface LogLine {
  readonly event?: string
  readonly [key: string]: unknown
}

/** The line of an ended connection. */
export interface ConnectionLine extends LogLine {
  readonly time: string
  readonly service: string
  readonly id: string
  readonly client: string
  readonly listener: string
  readonly upstream: string | null
  readonly attempts: number
  readonly attemptErrors?: unknown
  readonly reason: CloseReason
  readonly bytesToUpstream: number
  readonly bytesToClient: number
  readonly durationMs: number
  readonly connectMs: number | null
  readonly firstByteMs: number | null
  readonly clientRttMs: number | null
  readonly upstreamRttMs: number | null
  readonly retransmits: unknown
}

export interface DaemonOptions extends TestConfig {
  readonly engine: EngineName
  /** A command that starts the daemon, `prlimit --nofile=256:256` for example. */
  readonly prefix?: readonly string[]
  readonly env?: Record<string, string>
  /** The checkout, whatever build is tested: for modules that `env` has exchanged. */
  readonly isCheckout?: boolean
}

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export class Daemon {
  readonly lines: LogLine[] = []
  /** What was written that is not JSON, and all of stderr. */
  otherOutput = ''
  readonly exited: Promise<Exit>
  /** The file it was started with. */
  configFile = ''
  #child: ChildProcessByStdio<null, Readable, Readable>
  #exit: Exit | undefined
  #taken = new Set<LogLine>()
  #rest = ''
  #stopping = false
  #countedFrom: Metrics | undefined
  readonly #admin = new AdminAsking()

  private constructor(child: ChildProcessByStdio<null, Readable, Readable>) {
    this.#child = child
    child.stdout.setEncoding('utf8').on('data', (text: string) => this.#takeOutput(text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.otherOutput += text))
    this.exited = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        this.#exit = { code, signal }
        resolve(this.#exit)
      })
    })
    running.add(this)
  }

  /** Starts the daemon and waits until it is ready. */
  static async start(options: DaemonOptions): Promise<Daemon> {
    const daemon = Daemon.launch(options)
    try {
      await daemon.waitForLine('the ready line', (line) => line.event === 'ready')
    } catch (error) {
      daemon.kill()
      throw new Error(`${(error as Error).message}\n${daemon.describeOutput()}`, { cause: error })
    }
    return daemon
  }

  /** Starts the daemon without waiting; for starts that must fail. */
  static launch(options: DaemonOptions): Daemon {
    const folder = temporaryFolder()
    const traffic = { engine: options.engine, ...options.traffic }
    const file = writeConfig(folder, { ...options, traffic })
    const daemon = Daemon.launchWith(['run', '-c', file], options)
    daemon.configFile = file
    return daemon
  }

  static launchWith(
    args: readonly string[],
    options: Pick<DaemonOptions, 'prefix' | 'env' | 'isCheckout'> = {},
  ): Daemon {
    const program = options.isCheckout === true ? CHECKOUT : TIDEGATE
    const [command, ...words] = [...(options.prefix ?? []), process.execPath, program, ...args]
    const child = spawn(command, words, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NODE_OPTIONS: '', NODE_TEST_CONTEXT: '', NO_COLOR: '1', ...options.env },
    })
    return new Daemon(child)
  }

  #takeOutput(text: string): void {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) {
      try {
        this.lines.push(JSON.parse(line) as LogLine)
      } catch {
        this.otherOutput += `${line}\n`
      }
    }
  }

  describeOutput(): string {
    const last = this.lines.slice(-20).map((line) => JSON.stringify(line))
    return `last log lines:\n${last.join('\n')}\nother output:\n${this.otherOutput.slice(-4000)}`
  }

  async waitForLine(what: string, matches: (line: LogLine) => boolean, deadlineMs?: number): Promise<LogLine> {
    return waitFor(
      what,
      () => {
        const line = this.lines.find(matches)
        if (line === undefined && this.#exit !== undefined) {
          throw new Error(`the daemon ended (${JSON.stringify(this.#exit)}) before ${what}\n${this.describeOutput()}`)
        }
        return line
      },
      deadlineMs,
    )
  }

  /** Where to connect to a service; wildcards are given as the loopback of the same family. */
  addressOf(service = 'web', index = 0): Address {
    const text = this.listenerTexts(service)[index]
    if (text === undefined) throw new Error(`${service} has no listener ${index}\n${this.describeOutput()}`)
    const at = parseAddress(text)
    if (at.host === '0.0.0.0' || at.host === '*') return parseAddress(`127.0.0.1:${at.port}`)
    if (at.host === '::') return parseAddress(`[::1]:${at.port}`)
    return at
  }

  listenerTexts(service = 'web'): string[] {
    const listening = this.lines.filter((line) => line.event === 'listening' && line['service'] === service)
    return listening.map((line) => String(line['address']))
  }

  get adminAddress(): Address {
    const line = this.lines.find((candidate) => candidate.event === 'admin-listening')
    if (line === undefined) throw new Error(`no admin-listening line\n${this.describeOutput()}`)
    return parseAddress(String(line['address']))
  }

  /** What the next reading of the configuration finds. */
  editConfig(edit: (text: string) => string): void {
    writeFileSync(this.configFile, edit(readFileSync(this.configFile, 'utf8')))
  }

  /**
   * Serves this alone from now on: a reload costs a small part of a start. Metrics count from here on; for a service of
   * the same name it still knows what it knew of upstreams' addresses.
   */
  async serve(service: TestService, protect: Record<string, unknown> = {}): Promise<void> {
    this.editConfig((text) => {
      const config = JSON.parse(text) as { protect: { firewall: unknown } }
      const { firewall } = config.protect
      return JSON.stringify({ ...config, protect: { firewall, ...protect }, services: [wholeService(service)] })
    })
    const { status, body } = await this.post('/api/v1/reload')
    if (status !== 200) throw new Error(`the reload was answered with ${status}: ${body}`)
    this.#countedFrom = undefined
    this.#countedFrom = await this.metrics()
  }

  get pid(): number {
    const ready = this.lines.find((line) => line.event === 'ready')
    return typeof ready?.['pid'] === 'number' ? ready['pid'] : (this.#child.pid ?? -1)
  }

  /** Lines of ended connections so far, refused ones included. */
  get connectionLines(): ConnectionLine[] {
    return this.lines.filter((line) => line.event === 'connection') as ConnectionLine[]
  }

  /**
   * The line of this client's connection; each line is given once. A port may be had by several clients: one after the
   * other, and at the same time towards other listeners. By its text the first line of an address is found, whoever's
   * it is: for clients behind a proxy.
   */
  async lineOf(client: Peer | string): Promise<ConnectionLine> {
    const text = typeof client === 'string' ? client : client.localText
    const line = await this.waitForLine(`the log line of client ${text}`, (candidate) => {
      if (candidate.event !== 'connection' || candidate['client'] !== text || this.#taken.has(candidate)) return false
      return typeof client === 'string' || isOfConnection(candidate as ConnectionLine, client)
    })
    this.#taken.add(line)
    return line as ConnectionLine
  }

  get(path: string): Promise<AdminAnswer> {
    return this.ask('GET', path)
  }

  /** POST without a body; headers are added to those that node sends. */
  post(path: string, headers: Record<string, string> = {}): Promise<AdminAnswer> {
    return this.ask('POST', path, { headers })
  }

  /** Asks the admin API, with the daemon's own token as commands on this machine do. */
  ask(method: string, path: string, request: AdminRequest = {}): Promise<AdminAnswer> {
    return this.#admin.ask(this.adminAddress, method, path, request)
  }

  async metrics(): Promise<Metrics> {
    const { status, body } = await this.get('/metrics')
    if (status !== 200) throw new Error(`/metrics answered ${status}: ${body}`)
    return new Metrics(body, this.#countedFrom)
  }

  /** Waits until a metric says so; counters are read from shared memory and may be a moment behind the log. */
  async waitForMetric(
    name: string,
    labels: Record<string, string>,
    wanted: number,
    deadlineMs?: number,
  ): Promise<void> {
    let last = Number.NaN
    try {
      await waitFor('a metric', async () => (last = (await this.metrics()).sum(name, labels)) === wanted, deadlineMs)
    } catch (error) {
      const text = `${name}${JSON.stringify(labels)} stayed ${last}, expected ${wanted}`
      throw new Error(text, { cause: error })
    }
  }

  /**
   * What each open fd of the process is: `socket:[1]`, `pipe:[2]`, `anon_inode:[eventpoll]`. Left out are the kernel's
   * own files, which control has open for the moment of a look.
   */
  openFiles(): string[] {
    const folder = `/proc/${this.pid}/fd`
    const files = readdirSync(folder).flatMap((fd) => {
      try {
        return [readlinkSync(join(folder, fd))]
      } catch {
        return []
      }
    })
    return files.filter((file) => !file.startsWith('/proc/') && !file.startsWith('/sys/'))
  }

  socketCount(): number {
    return this.openFiles().filter((file) => file.startsWith('socket:')).length
  }

  /** Waits until exactly so many sockets are open. */
  async waitForSocketCount(wanted: number): Promise<void> {
    let last = -1
    try {
      await waitFor('sockets', () => (last = this.socketCount()) === wanted)
    } catch (error) {
      throw new Error(`${last} sockets stayed open in the daemon, expected ${wanted}`, { cause: error })
    }
  }

  /** Resident memory in bytes. */
  residentBytes(): number {
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8')
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024
  }

  /** CPU time used so far by all threads, user and system, in ms; the kernel's clock ticks at 100 Hz. */
  cpuMs(): number {
    const stat = readFileSync(`/proc/${this.pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) * 10
  }

  signal(name: NodeJS.Signals): void {
    process.kill(this.pid, name)
  }

  /** Nothing happens in the daemon while `during` runs: what it does then is all there when the daemon goes on. */
  async frozen<T>(during: () => Promise<T>): Promise<T> {
    this.signal('SIGSTOP')
    try {
      await waitFor('the daemon to stand still', () => this.#standsStill())
      return await during()
    } finally {
      this.signal('SIGCONT')
    }
  }

  /** The signal is on its way for a moment: a thread that runs on another core goes on until it hears of it. */
  #standsStill(): boolean {
    if (process.platform !== 'linux') return true
    const folder = `/proc/${this.pid}/task`
    return readdirSync(folder).every((thread) => {
      const stat = readFileSync(join(folder, thread, 'stat'), 'utf8')
      return /^[Tt]/.test(stat.slice(stat.lastIndexOf(')') + 2))
    })
  }

  /** Stops the log from being read, as a stuck log collector would. */
  stopReadingLog(): void {
    this.#child.stdout.pause()
  }

  readLogAgain(): void {
    this.#child.stdout.resume()
  }

  async exit(deadlineMs?: number): Promise<Exit> {
    return within('the end of the daemon', this.exited, deadlineMs)
  }

  /** Ends the daemon at once and complains about anything it should not have said. */
  async stop(): Promise<void> {
    if (this.#stopping) return
    this.#stopping = true
    running.delete(this)
    if (this.#exit === undefined) {
      this.#endAtOnce()
      try {
        await this.exit()
      } catch (error) {
        this.kill()
        throw new Error(`the daemon did not end on two signals\n${this.describeOutput()}`, { cause: error })
      }
    }
    this.assertNoInternalErrors()
  }

  #endAtOnce(): void {
    try {
      this.signal('SIGTERM')
      this.signal('SIGTERM')
    } catch {
      // It ended between our look and our signal.
    }
    // Two signals of one kind that arrive together are one: say it again until it is gone.
    const again = setInterval(() => {
      try {
        this.signal('SIGTERM')
      } catch {
        clearInterval(again)
      }
    }, 50)
    void this.exited.then(() => clearInterval(again))
  }

  /** Every test's daemon must end without having met a state it does not expect. */
  assertNoInternalErrors(): void {
    const bad = this.lines.filter(
      (line) => line['reason'] === 'internal-error' || line.event === 'internal-error' || line['level'] === 'fatal',
    )
    if (bad.length > 0)
      throw new Error(`internal errors in the log: ${bad.map((line) => JSON.stringify(line)).join('\n')}`)
    if (/\bat .*\.ts:\d+/.test(this.otherOutput)) throw new Error(`a stack on stderr: ${this.otherOutput}`)
  }

  kill(): void {
    running.delete(this)
    try {
      process.kill(this.pid, 'SIGKILL')
    } catch {
      // Already gone.
    }
    this.#child.kill('SIGKILL')
  }
}

/** Not of an earlier one with the same port, nor of one to another listener. */
function isOfConnection({ time, listener }: ConnectionLine, { openedAtMs, remotePort }: Peer): boolean {
  return Date.parse(time) >= openedAtMs && listener.endsWith(`:${remotePort}`)
}

const running = new Set<Daemon>()
const killRunning = (): void => {
  for (const daemon of running) daemon.kill()
}
/** A test that dies must not leave daemons behind. */
process.once('exit', killRunning)
/** Nor may the daemon of a test that failed keep the process of its file, and the whole run, waiting for it. */
if (process.env['NODE_TEST_CONTEXT'] !== undefined) after(killRunning)

/** Runs a command of the CLI to its end. */
export async function runTidegate(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Exit & { output: string }> {
  const daemon = Daemon.launchWith(args, { env })
  const exit = await daemon.exit()
  running.delete(daemon)
  return { ...exit, output: daemon.otherOutput + daemon.lines.map((line) => JSON.stringify(line)).join('\n') }
}

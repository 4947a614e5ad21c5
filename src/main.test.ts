/** The daemon as a process, with a stand-in for the worker that does what its configuration's service is called. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'

const STUB = `
import { createRequire } from 'node:module'
import { workerData } from 'node:worker_threads'
const require = createRequire(${JSON.stringify(import.meta.url)})
const { port, tables, logRingMemory, nodeWideMemory, workerIndex } = workerData
const { LogRingWriter } = await import(${JSON.stringify(new URL('traffic/log-ring.ts', import.meta.url).href)})
const { NodeWide } = await import(${JSON.stringify(new URL('traffic/node-wide.ts', import.meta.url).href)})
const ring = new LogRingWriter(logRingMemory)
const behaviour = tables.services[0].name
const record = {
  timeMs: 0, sequence: 0, durationMs: 1, connectMs: 1, firstByteMs: 1, bytesToUpstream: 0, bytesToClient: 0,
  serviceIndex: 0, listenerIndex: 0, upstreamIndex: 0, upstreamAddressIndex: 0, reasonCode: 0, attempts: 1,
  clientRttUs: -1, upstreamRttUs: -1, clientRetransmits: -1, upstreamRetransmits: -1, clientPort: 1, clientFamily: 4,
  clientAddress: new Uint8Array(16), failedAttempts: [],
}
if (behaviour === 'never-drains' && workerIndex === 0) new NodeWide(nodeWideMemory).takePlace(10)
const timer = setInterval(() => {
  if (behaviour !== 'flood') return
  for (let i = 0; i < 4000; i++) if (ring.write(record)) record.sequence++
}, 10)
port.on('message', ({ kind }) => {
  if (kind === 'drain' && behaviour !== 'never-drains') port.postMessage({ kind: 'drained' })
  if (kind === 'end') {
    if (behaviour === 'stuck') require('koffi').load(null).func('sleep', 'uint', ['uint'])(60)
    ring.write({ ...record, sequence: 999 })
    clearInterval(timer)
    port.close()
  }
})
const addresses = tables.services[0].listeners.map(({ index, address }) => ({ listenerIndex: index, address: { ...address, port: 8080 } }))
port.postMessage({ kind: 'listening', wakeFd: -1, addresses })
if (behaviour === 'dies' && workerIndex === 1) setTimeout(() => { throw new Error('broken') }, 50)
`

const SCRIPT = `
const { runDaemon, loadConfig } = await import(${JSON.stringify(new URL('main.ts', import.meta.url).href)})
const config = await loadConfig(process.argv[1], process.env)
const workerEntry = new URL(${JSON.stringify(`data:text/javascript,${encodeURIComponent(STUB)}`)})
if (process.env.THROW_AFTER_MS) setTimeout(() => { throw new Error('nobody caught this') }, Number(process.env.THROW_AFTER_MS))
const ended = runDaemon({ config, version: '1.2.3', workerEntry })
if (process.env.SIGNAL_AT_ONCE) process.kill(process.pid, process.env.SIGNAL_AT_ONCE)
process.exitCode = await ended
`

type Line = Readonly<Record<string, unknown>>

class DaemonProcess {
  readonly child: ChildProcess
  readonly lines: Line[] = []
  stderr = ''
  readonly exited: Promise<number | null>
  readonly #waiting = new Set<() => void>()
  #rest = ''

  constructor(file: string, env: Record<string, string>, stdout: 'pipe' | number) {
    this.child = spawn(process.execPath, ['--input-type=module', '-e', SCRIPT, file], {
      env: { ...process.env, NODE_TEST_CONTEXT: '', ...env },
      stdio: ['ignore', stdout, 'pipe'],
    })
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#take(text))
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => (this.stderr += text))
    this.exited = new Promise((resolve) => this.child.on('exit', (code) => resolve(code)))
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) this.lines.push(JSON.parse(line) as Line)
    for (const look of this.#waiting) look()
  }

  async line(event: string): Promise<Line> {
    const find = (): Line | undefined => this.lines.find((line) => line['event'] === event)
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const line = find()
        if (line === undefined) return
        this.#waiting.delete(look)
        resolve(line)
      }
      this.#waiting.add(look)
      void this.exited.then((code) => reject(new Error(`exit ${code} before ${event}: ${this.stderr}`)))
      look()
    })
  }

  async ask(path: string): Promise<number> {
    const { address } = await this.line('admin-listening')
    return new Promise((resolve, reject) => {
      get(`http://${String(address)}${path}`, { agent: false }, (response) => {
        response.resume()
        resolve(response.statusCode ?? 0)
      }).on('error', reject)
    })
  }
}

describe('the daemon', { timeout: 60_000, concurrency: 3 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'tidegate-main-'))
  const started: ChildProcess[] = []
  after(() => {
    for (const child of started) child.kill('SIGKILL')
    rmSync(folder, { recursive: true })
  })

  function start(
    service: string,
    more = '',
    env: Record<string, string> = {},
    stdout: 'pipe' | number = 'pipe',
  ): DaemonProcess {
    const file = join(folder, `${service}-${started.length}.yaml`)
    const services = `services: [{ name: ${service}, listen: ["127.0.0.1:0"], mode: raw, upstreams: ["192.0.2.1:80"] }]`
    const traffic = 'traffic: { workers: 2, engine: node, maxConnections: 100, drainTimeout: 10m }'
    writeFileSync(file, `${more === '' ? 'admin: { listen: "127.0.0.1:0" }' : more}\n${traffic}\n${services}\n`)
    const daemon = new DaemonProcess(file, env, stdout)
    started.push(daemon.child)
    return daemon
  }

  test('says where it listens and that it is ready, drains on SIGTERM, and exits with 0', async () => {
    const daemon = start('web')
    const ready = await daemon.line('ready')
    assert.deepEqual(
      [ready['engine'], ready['workers'], ready['maxConnections'], ready['version']],
      ['node', 2, 100, '1.2.3'],
    )
    const { service, address } = await daemon.line('listening')
    assert.deepEqual([service, address], ['web', '127.0.0.1:8080'])
    assert.equal(await daemon.ask('/readyz'), 200)
    daemon.child.kill('SIGTERM')
    assert.equal(await daemon.exited, 0)
    assert.equal(daemon.stderr, '')
    // The daemons of this file share a stateDir: whether the store can say that there is no user depends on the others.
    const events = daemon.lines.map(({ event }) => event).filter((event) => event !== 'setup-link')
    assert.deepEqual(events, [
      'admin-listening',
      'listening',
      'ready',
      'draining',
      // What workers wrote as they ended is not lost.
      'connection',
      'connection',
      'stopped',
    ])
  })

  test('SIGHUP before it is ready ends nobody: it reloads when it is', async () => {
    const daemon = start('web', '', { SIGNAL_AT_ONCE: 'SIGHUP' })
    // It was not started from a file.
    const { code, by } = await daemon.line('reload-failed')
    assert.deepEqual([code, by], ['E_NO_FILE', 'SIGHUP'])
    assert.ok(daemon.lines.some(({ event }) => event === 'ready'))
    daemon.child.kill('SIGTERM')
    assert.equal(await daemon.exited, 0)
  })

  test('SIGUSR2 before it is ready ends nobody: the log says to ask again', async () => {
    const daemon = start('web', '', { SIGNAL_AT_ONCE: 'SIGUSR2' })
    assert.match(String((await daemon.line('upgrade-failed'))['why']), /still starting/)
    await daemon.line('ready')
    daemon.child.kill('SIGTERM')
    assert.equal(await daemon.exited, 0)
  })

  test('while it drains it is alive but not ready; a second signal ends it at once, with 0', async () => {
    const daemon = start('never-drains')
    await daemon.line('ready')
    daemon.child.kill('SIGINT')
    const { by, connections } = await daemon.line('draining')
    assert.deepEqual([by, connections], ['SIGINT', 1])
    assert.deepEqual([await daemon.ask('/healthz'), await daemon.ask('/readyz')], [200, 503])
    daemon.child.kill('SIGTERM')
    assert.equal(await daemon.exited, 0)
    assert.equal((await daemon.line('stopped'))['connectionsReset'], 1)
  })

  test('a worker that dies takes the daemon with it: fatal in the log, exit code 1', async () => {
    const daemon = start('dies')
    assert.equal(await daemon.exited, 1)
    const lost = await daemon.line('worker-lost')
    assert.deepEqual([lost['level'], lost['worker']], ['fatal', 1])
    assert.equal((await daemon.line('draining'))['by'], 'lost-worker')
  })

  test('a worker that hangs in a system call can not keep the process from ending', async () => {
    const daemon = start('stuck')
    await daemon.line('ready')
    daemon.child.kill('SIGTERM')
    assert.equal(await daemon.exited, null)
    assert.equal(daemon.child.signalCode, 'SIGKILL')
    assert.equal((await daemon.line('worker-stuck'))['workers'], 'stuck')
  })

  test('an error that nobody caught is in the log, and the exit code is 1', async () => {
    const daemon = start('never-drains', '', { THROW_AFTER_MS: '1500' })
    assert.equal(await daemon.exited, 1)
    const line = await daemon.line('uncaught-exception')
    assert.match(String(line['msg']), /nobody caught this/)
    assert.match(String(line['stack']), /at /)
    assert.equal((await daemon.line('stopped'))['exitCode'], 1)
  })

  test('a reader of the log that stalls stops neither the daemon nor its end; what is missing is counted', async () => {
    const daemon = start('flood')
    await daemon.line('ready')
    daemon.child.stdout!.pause()
    const { address } = await daemon.line('admin-listening')
    const dropped = async (): Promise<number> => {
      const page = await (await fetch(`http://${String(address)}/metrics`)).text()
      return Number(/^tidegate_log_dropped_total (\d+)$/m.exec(page)![1])
    }
    while ((await dropped()) === 0) await new Promise((resolve) => setTimeout(resolve, 50))
    assert.equal(await daemon.ask('/readyz'), 200)
    daemon.child.kill('SIGTERM')
    assert.equal(await daemon.exited, 0)
  })

  test('after a stall the log goes on, and a line says how much is missing', async () => {
    const daemon = start('flood')
    await daemon.line('ready')
    daemon.child.stdout!.pause()
    await new Promise((resolve) => setTimeout(resolve, 2000))
    daemon.child.stdout!.resume()
    const { lines, level } = await daemon.line('log-dropped')
    assert.equal(level, 'warn')
    assert.ok(Number(lines) > 0)
    daemon.child.kill('SIGTERM')
    assert.equal(await daemon.exited, 0)
  })

  test('a log that goes to a file is complete when the daemon has ended', async () => {
    const file = join(folder, 'log.txt')
    const fd = openSync(file, 'w')
    const daemon = start('web', '', {}, fd)
    closeSync(fd)
    const text = (): string => readFileSync(file, 'utf8')
    while (!text().includes('"ready"')) await new Promise((resolve) => setTimeout(resolve, 20))
    daemon.child.kill('SIGTERM')
    assert.equal(await daemon.exited, 0)
    const last = JSON.parse(text().trimEnd().split('\n').at(-1)!) as Line
    assert.equal(last['event'], 'stopped')
    assert.equal(daemon.stderr, '')
  })

  test('admin.listen off opens no admin port', async () => {
    const daemon = start('web', 'admin: { listen: off }')
    await daemon.line('ready')
    assert.ok(!daemon.lines.some(({ event }) => event === 'admin-listening'))
    daemon.child.kill('SIGTERM')
    assert.equal(await daemon.exited, 0)
  })
})

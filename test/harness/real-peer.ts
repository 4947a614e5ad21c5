/** Real programs around Tidegate: nginx, HAProxy, openssl. Each runs in the foreground with a config of its own. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { address, type Address } from './address.ts'
import { temporaryFolder } from './config.ts'
import { waitFor } from './deadline.ts'
import { Peer } from './peer.ts'

/** False when all are installed, else the reason to skip. */
export function missingTool(...names: readonly string[]): string | false {
  const missing = names.filter((name) => spawnSync('sh', ['-c', `command -v ${name}`]).status !== 0)
  return missing.length === 0 ? false : `not installed here: ${missing.join(', ')}`
}

/** Where Debian keeps it; undefined where nginx has no stream module as a file. */
export function nginxStreamModule(): string | undefined {
  const folder = '/usr/lib/nginx/modules'
  if (!existsSync(folder)) return undefined
  const file = readdirSync(folder).find((name) => name === 'ngx_stream_module.so')
  return file === undefined ? undefined : join(folder, file)
}

/** A port that was free a moment ago. */
export async function freeAddress(host = '127.0.0.1'): Promise<Address> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return address(host, port)
}

export class RealPeer {
  output = ''
  #child: ChildProcess

  private constructor(command: string, args: readonly string[]) {
    this.#child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] })
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.output += text))
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.output += text))
    this.#child.on('error', (error) => (this.output += error.message))
    running.add(this)
  }

  /** Starts it and waits until every one of `ports` takes connections. */
  static async start(command: string, args: readonly string[], ports: readonly Address[]): Promise<RealPeer> {
    const peer = new RealPeer(command, args)
    for (const at of ports) {
      await waitFor(`${command} to listen on ${at.text}`, async () => {
        if (peer.#child.exitCode !== null)
          throw new Error(`${command} ended with ${peer.#child.exitCode}: ${peer.output}`)
        const probe = await Peer.connect(at).catch(() => undefined)
        probe?.destroy()
        return probe !== undefined
      })
    }
    return peer
  }

  static nginx(config: string, ports: readonly Address[]): Promise<RealPeer> {
    const folder = temporaryFolder()
    const file = join(folder, 'nginx.conf')
    const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
      .map((name) => `${name}_temp_path ${folder};`)
      .join(' ')
    // `user` only exists for root, who would otherwise start workers that may not read the folder.
    const head = `daemon off; pid ${folder}/nginx.pid; error_log stderr warn; worker_processes 1; ${process.getuid?.() === 0 ? 'user root;' : ''}`
    writeFileSync(
      file,
      `${config.includes('stream {') ? `load_module ${nginxStreamModule()};` : ''} ${head}\nevents { worker_connections 1024; }\n${config.replace('@TEMP@', paths)}`,
    )
    return RealPeer.start('nginx', ['-p', folder, '-c', file], ports)
  }

  static haproxy(config: string, ports: readonly Address[]): Promise<RealPeer> {
    const file = join(temporaryFolder(), 'haproxy.cfg')
    const defaults = 'defaults\n timeout connect 5s\n timeout client 60s\n timeout server 60s\n'
    writeFileSync(file, `global\n log stdout format raw local0\n${defaults}${config}\n`)
    return RealPeer.start('haproxy', ['-db', '-f', file], ports)
  }

  /** SIGTERM: nginx takes its workers with it, which a killed master would leave behind. */
  async stop(): Promise<void> {
    running.delete(this)
    this.#child.kill('SIGTERM')
    await waitFor('a real peer to end', () => this.#child.exitCode !== null || this.#child.signalCode !== null)
  }

  stopWithoutWaiting(): void {
    this.#child.kill('SIGTERM')
  }
}

const running = new Set<RealPeer>()
process.once('exit', () => {
  for (const peer of running) peer.stopWithoutWaiting()
})

/** Runs a program to its end with this input. */
export async function runProgram(
  command: string,
  args: readonly string[],
  input = '',
): Promise<{ code: number | null; stdout: Buffer; stderr: string }> {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] })
  const stdout: Buffer[] = []
  let stderr = ''
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  let code: number | null | undefined
  child.on('error', (error) => {
    stderr += error.message
    code = -1
  })
  child.on('close', (status) => (code = status))
  try {
    await waitFor(`the end of ${command}`, () => code !== undefined, 60_000)
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  }
  return { code: code ?? null, stdout: Buffer.concat(stdout), stderr }
}

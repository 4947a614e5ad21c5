/** Starts peers in processes of their own and talks to them; load-peer.ts is what runs there. */
import { fork, spawn, type ChildProcess } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { address, type Address } from './address.ts'
import { within } from './deadline.ts'
import type { LoadCommand, LoadReport } from './load-peer.ts'

const FOLDER = dirname(fileURLToPath(import.meta.url))
const LOAD_DEADLINE_MS = 120_000
const FLOOD_BATCH = 64

export class LoadPeer {
  #child: ChildProcess

  constructor(role: string, ...words: readonly (string | number)[]) {
    this.#child = fork(join(FOLDER, 'load-peer.ts'), [role, ...words.map(String)], {
      env: { ...process.env, NODE_TEST_CONTEXT: '', NODE_OPTIONS: '' },
    })
    running.add(this.#child)
    // A test that fails without stopping its peers must still end; whoever waits for a report has a timer.
    this.#child.unref()
    this.#child.channel?.unref()
  }

  async report<Kind extends LoadReport['kind']>(kind: Kind): Promise<Extract<LoadReport, { kind: Kind }>> {
    const message = await within(
      `the load peer to say ${kind}`,
      new Promise<LoadReport>((resolve, reject) => {
        this.#child.once('message', (report: LoadReport) => resolve(report))
        this.#child.once('exit', (code) => reject(new Error(`the load peer ended with ${code} before it said ${kind}`)))
      }),
      LOAD_DEADLINE_MS,
    )
    if (message.kind !== kind) throw new Error(`the load peer said ${JSON.stringify(message)}, expected ${kind}`)
    return message as Extract<LoadReport, { kind: Kind }>
  }

  send(command: LoadCommand): void {
    this.#child.send(command)
  }

  stop(): void {
    running.delete(this.#child)
    this.#child.kill('SIGKILL')
  }
}

const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** An upstream in its own process. */
export async function startLoadUpstream(role: 'echo' | 'push'): Promise<{ peer: LoadPeer; address: Address }> {
  const peer = new LoadPeer(role)
  const { port } = await peer.report('listening')
  return { peer, address: address('127.0.0.1', port) }
}

/** `count` open connections through which `bytes` have been echoed once. */
export async function holdConnections(
  to: Address,
  count: number,
  bytes: number,
): Promise<{ peer: LoadPeer; wrong: number }> {
  const peer = new LoadPeer('hold', to.host, to.port, count, bytes)
  const held = await peer.report('held')
  if (held.connections !== count) throw new Error(`${held.connections} of ${count} connections were opened`)
  return { peer, wrong: held.wrong }
}

export interface FloodResult {
  readonly connects: number
  /** How the connects ended, counted: `reset`, `closed`, `bytes`, or an errno. */
  readonly endings: Readonly<Record<string, number>>
}

export interface FloodOptions {
  /** Connections that are open at the same time, where nobody ends them. */
  readonly batch?: number
  readonly from?: string
}

/** Opens `connects` connections one batch after the other and waits for the end of each; see flood.ts. */
export async function flood(to: Address, connects: number, options: FloodOptions = {}): Promise<FloodResult> {
  const { batch = FLOOD_BATCH, from } = options
  const words = [to.host, to.port, connects, batch, ...(from === undefined ? [] : [from])].map(String)
  const child = spawn(process.execPath, [join(FOLDER, 'flood.ts'), ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_TEST_CONTEXT: '', NODE_OPTIONS: '' },
  })
  running.add(child)
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  const code = await within(
    `${connects} connects`,
    new Promise<number | null>((resolve) => child.once('close', resolve)),
    LOAD_DEADLINE_MS,
  )
  running.delete(child)
  if (code !== 0) throw new Error(`flood.ts ended with ${code}: ${text}`)
  return JSON.parse(text) as FloodResult
}

/**
 * Runs nft(8): a script in, what it lists out. A script is one transaction: all of it holds or nothing.
 * It is a process for each script, as libnftables works on the thread that calls it (docs/decisions/019).
 */
import { spawn } from 'node:child_process'

/** What stands in the way; each has its own advice. */
export type NftProblem = 'no-program' | 'no-rights' | 'not-there' | 'too-long' | 'timeout' | 'refused'

export class NftError extends Error {
  readonly problem: NftProblem

  constructor(problem: NftProblem, message: string) {
    super(message)
    this.problem = problem
  }
}

/** Runs one script, or one listing command; what it writes, or NftError. It is ended when `signal` says so. */
export type RunNft = (args: readonly string[], script?: string, signal?: AbortSignal) => Promise<string>

/** A table of 65,536 entries takes about a second. */
const TIMEOUT_MS = 60_000
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024
const ERROR_BYTES_MAX = 4096

export const runNft: RunNft = async (args, script = '', signal) => {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  // English messages: they are read below. Nothing else of our environment is nft's business.
  const env = { PATH: process.env['PATH'], LC_ALL: 'C' }
  const ends = { timeout: TIMEOUT_MS, killSignal: 'SIGKILL', ...(signal === undefined ? {} : { signal }) } as const
  const child = spawn('nft', args, { stdio: 'pipe', env, ...ends })
  const chunks: Buffer[] = []
  let bytes = 0
  let said = ''
  child.stdout.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes <= OUTPUT_BYTES_MAX) chunks.push(chunk)
    else child.kill('SIGKILL')
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    if (said.length < ERROR_BYTES_MAX) said += text
  })
  child.once('error', (error: NodeJS.ErrnoException) => reject(startProblem(error)))
  child.once('close', (code, signal) => {
    if (code === 0) resolve(Buffer.concat(chunks).toString())
    else if (signal !== null) reject(new NftError('timeout', `nft was ended by ${signal} after at most 60 s`))
    else reject(problemFrom(said))
  })
  // A program that ends before it has read everything says why on stderr.
  child.stdin.on('error', () => {})
  child.stdin.end(script)
  return promise
}

function startProblem(error: NodeJS.ErrnoException): NftError {
  if (error.code === 'ENOENT') {
    return new NftError('no-program', 'there is no nft on the PATH; install the package nftables')
  }
  return new NftError('refused', `nft could not be started: ${error.message}`)
}

/** By what nft 0.9 to 1.1 write, which is the text of errno. */
export function problemFrom(said: string): NftError {
  const first = said.split('\n').find((line) => line.trim() !== '') ?? 'nft failed without a word'
  const message = first.replace(/^\/dev\/stdin:/, 'line ').slice(0, 300)
  if (/Operation not permitted|you must be root/.test(said)) {
    return new NftError('no-rights', 'the kernel lets only a process with CAP_NET_ADMIN change firewall tables')
  }
  if (said.includes('Message too long') || said.includes('No buffer space')) return new NftError('too-long', message)
  if (said.includes('No such file or directory')) return new NftError('not-there', message)
  return new NftError('refused', message)
}

/** Packets and bytes of one named counter. */
export interface NftCounter {
  readonly name: string
  readonly packets: number
  readonly bytes: number
}

export interface NftChain {
  readonly family: string
  readonly table: string
  readonly name: string
}

/** What `nft -j` lists: one object with a list, each item under the name of its kind. */
interface Listing {
  readonly nftables?: readonly Readonly<Record<string, unknown>>[]
}

function listed<Item>(output: string, kind: string): Item[] {
  const { nftables = [] } = JSON.parse(output || '{}') as Listing
  return nftables.flatMap((item) => (kind in item ? [item[kind] as Item] : []))
}

/**
 * The counters of a table since they were last read: reading sets them to zero, in one step. `list` would do without,
 * but it makes nft fetch every element of every set on the machine first; with 100,000 of them that takes a second.
 */
export async function takeCounters(run: RunNft, table: string): Promise<NftCounter[]> {
  return listed<NftCounter>(await run(['-j', 'reset', 'counters', 'table', 'inet', table]), 'counter')
}

/** Every chain of this network namespace; as cheap as takeCounters. */
export async function listChains(run: RunNft): Promise<NftChain[]> {
  return listed<NftChain>(await run(['-j', 'list', 'chains']), 'chain')
}

/** How many rules each chain of a table has, and how many elements each set where they were asked for. */
export interface TableContent {
  readonly rulesByChain: ReadonlyMap<string, number>
  readonly elementsBySet: ReadonlyMap<string, number> | undefined
}

interface ListedSet {
  readonly name: string
  readonly elem?: readonly unknown[]
}

/** Slow with many elements, also where only nft has to read them. */
export async function readTable(run: RunNft, table: string, withElements: boolean): Promise<TableContent> {
  const output = await run([withElements ? '-j' : '-jt', 'list', 'table', 'inet', table])
  const rulesByChain = new Map<string, number>()
  for (const { chain } of listed<{ chain: string }>(output, 'rule')) {
    rulesByChain.set(chain, (rulesByChain.get(chain) ?? 0) + 1)
  }
  if (!withElements) return { rulesByChain, elementsBySet: undefined }
  const sets = listed<ListedSet>(output, 'set')
  return { rulesByChain, elementsBySet: new Map(sets.map(({ name, elem }) => [name, elem?.length ?? 0])) }
}

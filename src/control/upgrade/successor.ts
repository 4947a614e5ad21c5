/** Starts the next version beside this one and waits until it serves. Until then this one goes on as if nothing were. */
import { spawn, type ChildProcess } from 'node:child_process'
import { isAbsolute, join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { HANDOVER_VARIABLE, HandoverAnswer, type Handover, type ListeningSockets } from './handover.ts'
import type { NewsWriter } from './news.ts'

/** A start takes a second, and resolving hostnames some more. */
const START_TIMEOUT_MS = 60_000
/** stdin, stdout and stderr come before the pipes, and those before the sockets. */
const READY_FD = 3
const NEWS_FD = 4
const FIRST_SOCKET_FD = 5

export interface SuccessorOptions {
  /** Program and arguments; see `ownCommand`. */
  readonly command: readonly string[]
  readonly listeners: readonly ListeningSockets[]
  readonly admin: ListeningSockets | undefined
  /** What is told after the start; closed where that fails. */
  readonly news: NewsWriter
}

export type SuccessorOutcome =
  | { readonly kind: 'ready'; readonly pid: number; readonly version: string }
  | { readonly kind: 'failed'; readonly why: string }

/**
 * How this process was started, to start it again: by the path that was asked for, which may lead to another version now.
 * bin/tidegate says it in TIDEGATE_COMMAND, as it resolves links on its way.
 */
export function ownCommand(argv: readonly string[] = process.argv, env = process.env): string[] {
  const command = env['TIDEGATE_COMMAND'] ?? argv[1]
  return [isAbsolute(command) ? command : join(process.cwd(), command), ...argv.slice(2)]
}

export async function startSuccessor({ command, listeners, admin, news }: SuccessorOptions): Promise<SuccessorOutcome> {
  const fds: number[] = []
  const placed = (sockets: ListeningSockets): ListeningSockets => {
    return { ...sockets, fds: sockets.fds.map((fd) => FIRST_SOCKET_FD - 1 + fds.push(fd)) }
  }
  const handover: Handover = {
    readyFd: READY_FD,
    newsFd: NEWS_FD,
    admin: admin === undefined ? null : placed(admin),
    listeners: listeners.map(placed),
  }
  const [program, ...args] = command
  const child = spawn(program, args, {
    stdio: ['inherit', 'inherit', 'inherit', 'pipe', 'pipe', ...fds],
    env: { ...process.env, [HANDOVER_VARIABLE]: JSON.stringify(handover) },
  })
  // It outlives us.
  child.unref()
  news.open(child.stdio[NEWS_FD] as Socket)
  const outcome = await outcomeOf(child, program)
  if (outcome.kind === 'failed') news.close()
  return outcome
}

async function outcomeOf(child: ChildProcess, program: string): Promise<SuccessorOutcome> {
  const failed = Promise.withResolvers<SuccessorOutcome>()
  child.once('error', (error) => failed.resolve({ kind: 'failed', why: `${program}: ${error.message}` }))
  const timer = setTimeout(() => {
    child.kill('SIGKILL')
    failed.resolve({ kind: 'failed', why: `It did not get ready within ${START_TIMEOUT_MS / 1000} s.` })
  }, START_TIMEOUT_MS)
  const exited = Promise.withResolvers<string>()
  child.once('exit', (code, signal) => exited.resolve(signal === null ? `exit code ${code}` : `signal ${signal}`))
  const answered = text(child.stdio[READY_FD] as Readable)
    .catch(() => '')
    .then(async (line) => readAnswer(line, exited.promise))
  try {
    return await Promise.race([answered, failed.promise])
  } finally {
    clearTimeout(timer)
  }
}

/** The pipe closes with the answer, or with the process that died without one. */
async function readAnswer(line: string, exited: Promise<string>): Promise<SuccessorOutcome> {
  if (line === '') return { kind: 'failed', why: `It ended with ${await exited} before it was ready.` }
  const answer = parseAnswer(line)
  if (answer === undefined) return { kind: 'failed', why: `What it said is no answer: ${line.slice(0, 200).trimEnd()}` }
  if (!answer.ready) return { kind: 'failed', why: answer.why }
  return { kind: 'ready', pid: answer.pid, version: answer.version }
}

function parseAnswer(line: string): HandoverAnswer | undefined {
  try {
    return HandoverAnswer.parse(JSON.parse(line))
  } catch {
    return undefined
  }
}

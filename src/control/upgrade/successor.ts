/** Starts the next version beside this one and waits until it serves. Until then this one goes on as if nothing were. */
import { spawn, type ChildProcess } from 'node:child_process'
import { isAbsolute, join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Readable } from 'node:stream'
import { HANDOVER_VARIABLE, HandoverAnswer, type Handover } from './handover.ts'

/** A start takes a second, and resolving hostnames some more. */
const START_TIMEOUT_MS = 60_000
/** stdin, stdout, stderr come before what is handed over. */
const FIRST_FD = 3

export interface ListeningSockets {
  readonly asked: string
  readonly got: string
  readonly fds: readonly number[]
}

export interface SuccessorOptions {
  /** Program and arguments; see `ownCommand`. */
  readonly command: readonly string[]
  readonly listeners: readonly ListeningSockets[]
  readonly adminFd: number | undefined
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

export async function startSuccessor({ command, listeners, adminFd }: SuccessorOptions): Promise<SuccessorOutcome> {
  const fds: number[] = []
  const place = (fd: number): number => FIRST_FD + 1 + fds.push(fd) - 1
  const handover: Handover = {
    readyFd: FIRST_FD,
    adminFd: adminFd === undefined ? null : place(adminFd),
    listeners: listeners.map(({ asked, got, fds: own }) => ({ asked, got, fds: own.map(place) })),
  }
  const [program, ...args] = command
  const child = spawn(program, args, {
    stdio: ['inherit', 'inherit', 'inherit', 'pipe', ...fds],
    env: { ...process.env, [HANDOVER_VARIABLE]: JSON.stringify(handover) },
  })
  // It outlives us.
  child.unref()
  return await outcomeOf(child, program)
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
  const answered = text(child.stdio[FIRST_FD] as Readable)
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
  const answer = HandoverAnswer.parse(JSON.parse(line))
  if (!answer.ready) return { kind: 'failed', why: answer.why }
  return { kind: 'ready', pid: answer.pid, version: answer.version }
}

/** A program as a person starts it: a command, its output, its end. */
import { type ChildProcess, execFile, spawn, type SpawnOptions } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const POLL_MS = 20

export const ROOT = fileURLToPath(new URL('../..', import.meta.url))
export const CHECKOUT = join(ROOT, 'bin', 'tidegate')
/**
 * TIDEGATE_BIN has another build tested: `npm test` gives what npm ships (scripts/package.mjs); an installed package
 * will do as well. By hand it is the checkout.
 */
export const TIDEGATE = process.env['TIDEGATE_BIN'] ?? CHECKOUT

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export class StartedProgram {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  /** Both streams, as they come. */
  output = ''
  #isOver = false

  /** Whatever is left of it ends with the test `t`. */
  constructor(t: TestContext, command: string, args: readonly string[], options: SpawnOptions = {}) {
    this.child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
    t.after(() => this.child.kill('SIGKILL'))
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.output += text
      })
    }
    this.ended = once(this.child, 'close').then(([code, signal]) => {
      this.#isOver = true
      return { code, signal }
    })
  }

  /** Waits for a line, within the deadline; a program that ends before it is an error with what it said. */
  async says(pattern: RegExp, deadlineMs = 20_000): Promise<RegExpExecArray> {
    const deadline = performance.now() + deadlineMs
    for (;;) {
      const isOver = this.#isOver || performance.now() > deadline
      const found = pattern.exec(this.output)
      if (found) return found
      if (isOver) throw new Error(`${pattern} did not come in:\n${this.output}`)
      await delay(POLL_MS)
    }
  }

  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Ended> {
    this.child.kill(signal)
    return this.ended
  }
}

export interface Answer {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs to the end; a non-zero exit code is an answer, too. */
export function answerOf(
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv; readonly timeout?: number } = {},
): Promise<Answer> {
  return new Promise((resolve) => {
    execFile(command, args, { ...options, maxBuffer: 2 ** 24 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout, stderr })
    })
  })
}

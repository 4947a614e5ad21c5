/** What workers report, as log lines. A flood can cause any of it many times a second: each kind is said at most so often. */
import type { Log } from '../log/log.ts'
import type { WorkerReport } from './workers.ts'

const SAY_EVERY_MS = 10_000
/** A stack is cut here: it comes from code that just failed. */
const STACK_CHARACTERS_MAX = 4_000

interface Said {
  atMs: number
  keptQuiet: number
}

export class WorkerReportLog {
  readonly #log: Log
  readonly #nowMs: () => number
  /** Keys are kinds and errno names, never a client's words: the map stays small. */
  readonly #saidByKey = new Map<string, Said>()

  constructor(log: Log, nowMs: () => number = () => performance.now()) {
    this.#log = log
    this.#nowMs = nowMs
  }

  write(report: WorkerReport, worker: number): void {
    switch (report.kind) {
      case 'accept-paused': {
        const repeated = this.#repeatedSince(`${report.kind} ${report.code}`)
        if (repeated === undefined) return
        const sentence = `Accepting was paused for ${report.ms} ms: ${report.code}.`
        this.#log.say(report.kind, { worker, code: report.code, ms: report.ms, repeated }, sentence)
        return
      }
      case 'warning':
        this.#log.say('worker-warning', { worker }, report.message)
        return
      case 'internal-error': {
        const repeated = this.#repeatedSince(report.kind)
        if (repeated === undefined) return
        const stack = report.stack.slice(0, STACK_CHARACTERS_MAX)
        this.#log.say(report.kind, { worker, repeated, stack }, `${report.message}. Please report it.`)
      }
    }
  }

  writeLost(worker: number, error: Error | undefined): void {
    const why = error === undefined ? 'it ended without an error' : error.message
    const stack = error?.stack?.slice(0, STACK_CHARACTERS_MAX)
    this.#log.say('worker-lost', { worker, stack }, `Worker ${worker} is lost: ${why}. Tidegate stops.`)
  }

  /** How many of the kind were kept quiet since the last one said; undefined when this one is to be kept quiet too. */
  #repeatedSince(key: string): number | undefined {
    const said = this.#saidByKey.get(key)
    const nowMs = this.#nowMs()
    if (said !== undefined && nowMs - said.atMs < SAY_EVERY_MS) {
      said.keptQuiet++
      return undefined
    }
    this.#saidByKey.set(key, { atMs: nowMs, keptQuiet: 0 })
    return said?.keptQuiet ?? 0
  }
}

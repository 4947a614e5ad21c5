/**
 * Out of files: new clients are reset for a moment, so that those who are in can be served.
 * node:net has no way to leave clients in the kernel's queue without closing the listener, which would reset all of them.
 */
import { closeSync, openSync } from 'node:fs'
import { monotonicMs } from '../../lib/clock.ts'
import { WORKER } from '../counters.ts'
import type { MonotonicMs } from '../node-wide.ts'
import type { TrafficWorker } from './traffic-worker.ts'

export const ACCEPT_PAUSE_MS = 100

const OUT_OF_FILES = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM'])

export function isOutOfFiles(code: string | undefined): boolean {
  return code !== undefined && OUT_OF_FILES.has(code)
}

export class AcceptPause {
  readonly #worker: TrafficWorker
  #untilMs: MonotonicMs = 0

  constructor(worker: TrafficWorker) {
    this.#worker = worker
  }

  get isOn(): boolean {
    return this.#untilMs > 0 && monotonicMs() < this.#untilMs
  }

  /** `code` is the errno's name. A pause that is on is not made longer: one event for each pause. */
  begin(code: string): void {
    if (this.isOn) return
    this.#untilMs = monotonicMs() + ACCEPT_PAUSE_MS
    this.#worker.counters.worker[WORKER.acceptPauses] += 1
    this.#worker.report({ kind: 'accept-paused', code, ms: ACCEPT_PAUSE_MS })
  }

  /** libuv closes what it can't accept without telling anybody (`uv__emfile_trick`): ask for a file of our own. */
  lookForShortage(): void {
    try {
      closeSync(openSync('/', 'r'))
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (isOutOfFiles(code)) this.begin(code as string)
    }
  }
}

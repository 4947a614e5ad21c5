/**
 * One worker as control sees it: a thread, a port for messages both ways, and the eventfd that wakes it.
 * States only move forward:   starting -> listening -> ended
 */
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads'
import { wake } from '../../kernel/wake.ts'
import type { WorkerCommand, WorkerEvent, WorkerStart } from '../../traffic/events.ts'

/** V8's 48 MiB would be filled before it is swept, by a worker that makes next to no garbage. */
const YOUNG_GENERATION_MIB = 12

export interface WorkerThreadOptions {
  readonly entry: URL
  readonly start: Omit<WorkerStart, 'port'>
  readonly onEvent: (event: WorkerEvent, thread: WorkerThread) => void
  /** Once, however the thread ended; `error` is what it threw, if it did. */
  readonly onEnd: (thread: WorkerThread, error: Error | undefined) => void
}

export class WorkerThread {
  readonly index: number
  readonly #thread: Worker
  readonly #port: MessagePort
  readonly #ended = Promise.withResolvers<void>()
  #state: 'starting' | 'listening' | 'ended' = 'starting'
  #wakeFd = -1
  #error: Error | undefined

  constructor(options: WorkerThreadOptions) {
    this.index = options.start.workerIndex
    const { port1, port2 } = new MessageChannel()
    this.#port = port1
    const takeEvent = (event: WorkerEvent): void => {
      if (event.kind === 'listening') this.#isListening(event.wakeFd)
      options.onEvent(event, this)
    }
    port1.on('message', takeEvent)
    const workerData: WorkerStart = { ...options.start, port: port2 }
    this.#thread = new Worker(options.entry, {
      workerData,
      transferList: [port2],
      name: `tidegate-${this.index}`,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MIB },
    })
    this.#thread.on('error', (error: Error) => {
      this.#error = error
    })
    this.#thread.on('exit', () => {
      // The last words may still be under way: why a worker ends is what matters most.
      for (let last = receiveMessageOnPort(port1); last !== undefined; last = receiveMessageOnPort(port1)) {
        takeEvent(last.message as WorkerEvent)
      }
      this.#state = 'ended'
      this.#port.close()
      options.onEnd(this, this.#error)
      this.#ended.resolve()
    })
  }

  get hasEnded(): boolean {
    return this.#state === 'ended'
  }

  get ended(): Promise<void> {
    return this.#ended.promise
  }

  #isListening(wakeFd: number): void {
    this.#wakeFd = wakeFd
    this.#state = 'listening'
  }

  post(command: WorkerCommand): void {
    if (this.#state === 'ended') return
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port between threads has no origin.
    this.#port.postMessage(command)
    this.#wake()
    // After `end` the worker closes its eventfd; the number may then belong to somebody else's file.
    if (command.kind === 'end') this.#wakeFd = -1
  }

  /** For a worker that did not end when it was told to. */
  async terminate(): Promise<void> {
    const terminated = this.#thread.terminate()
    this.#wake()
    await terminated
  }

  #wake(): void {
    if (this.#wakeFd >= 0) wake(this.#wakeFd)
  }
}

/** What makes the daemon stop: a signal, a second one for those in a hurry, or an error that nobody caught. */
export interface StopRequest {
  readonly by: 'SIGTERM' | 'SIGINT' | 'upgrade' | 'lost-worker' | 'uncaught-exception'
}

const SIGNALS = ['SIGTERM', 'SIGINT'] as const

export class StopSignals {
  #first = Promise.withResolvers<StopRequest>()
  #second = Promise.withResolvers<void>()
  readonly #sayUncaught: (error: Error) => void
  #isStopping = false
  #hasFailed = false
  readonly #onSignal = (signal: NodeJS.Signals): void => this.request({ by: signal as 'SIGTERM' | 'SIGINT' })
  readonly #onUncaught = (thrown: unknown): void => {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown))
    this.#sayUncaught(error)
    this.request({ by: 'uncaught-exception' })
  }

  /** Never taken back: a third signal must not end the process with another code while it is on its way out. */
  constructor(onUncaught: (error: Error) => void) {
    this.#sayUncaught = onUncaught
    for (const signal of SIGNALS) process.on(signal, this.#onSignal)
    // Without a handler of its own, a rejection that nobody handles arrives here too.
    process.on('uncaughtException', this.#onUncaught)
  }

  /** The first request to stop. */
  get first(): Promise<StopRequest> {
    return this.#first.promise
  }

  /** Resolves when we are asked once more, or something broke meanwhile: no more waiting for clients. */
  get second(): Promise<void> {
    return this.#second.promise
  }

  /** True when something broke, then or later: the exit code is 1. */
  get hasFailed(): boolean {
    return this.#hasFailed
  }

  /** After a hand-over the process lingers for its last clients, and may be asked to stop like any other. */
  startOver(): void {
    this.#isStopping = false
    this.#first = Promise.withResolvers<StopRequest>()
    this.#second = Promise.withResolvers<void>()
  }

  request(request: StopRequest): void {
    if (request.by === 'lost-worker' || request.by === 'uncaught-exception') this.#hasFailed = true
    if (this.#isStopping) this.#second.resolve()
    this.#isStopping = true
    this.#first.resolve(request)
  }
}

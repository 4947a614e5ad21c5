/**
 * One receiver and what waits for it. One message at a time, in their order; one that fails is tried again after growing
 * pauses, and what comes meanwhile waits behind it. Whoever offers a message never waits.
 */
import type { Message } from './message.ts'
import type { ChannelConfig } from './notify-config.ts'
import { SendError } from './send-error.ts'

/** A dead receiver costs so much memory at most: a message has some 10 KB. */
export const WAITING_MAX = 100
export const ATTEMPT_MS_MAX = 15_000
/** Between attempts; after the last one the message is given up, an hour after it was made at the latest. */
export const RETRY_PAUSES_MS: readonly number[] = [5_000, 15_000, 45_000, 120_000, 300_000, 600_000, 1_200_000]
export const MESSAGE_AGE_MS_MAX = 3_600_000
/** Who was dead for a while is not run over. */
const BETWEEN_MESSAGES_MS = 1_000
/** Pauses are longer by up to this part, so that many nodes do not come at once. */
const JITTER = 0.2

export type Send = (config: ChannelConfig, message: Message, signal: AbortSignal) => Promise<void>

export interface Outcome {
  readonly state: 'waiting' | 'sent' | 'failed'
  readonly attempts: number
  readonly nextMs: number | null
  readonly error: string | null
}

export interface ChannelOptions {
  readonly send: Send
  /** Each attempt, and what is given up without one. */
  readonly onOutcome: (channel: Channel, message: Message, outcome: Outcome) => void
  readonly retryPausesMs?: readonly number[]
  readonly betweenMs?: number
  readonly attemptMsMax?: number
  readonly random?: () => number
}

export interface ChannelView {
  readonly config: ChannelConfig
  readonly waiting: number
  readonly sent: number
  /** Given up. */
  readonly failed: number
  readonly lastSentMs: number | undefined
  /** Of the last attempt that failed. */
  readonly lastError: { readonly atMs: number; readonly text: string } | undefined
  /** Undefined when nothing waits for another attempt. */
  readonly nextAttemptMs: number | undefined
}

interface Waiting {
  readonly message: Message
  attempts: number
}

export class Channel {
  #config: ChannelConfig
  readonly #options: Required<ChannelOptions>
  readonly #queue: Waiting[] = []
  /** The first of the queue is under way. */
  #sending: AbortController | undefined
  readonly #tests = new Set<AbortController>()
  #timer: NodeJS.Timeout | undefined
  #nextAttemptMs: number | undefined
  #isClosed = false
  #sent = 0
  #failed = 0
  #lastSentMs: number | undefined
  #lastError: ChannelView['lastError']

  constructor(config: ChannelConfig, options: ChannelOptions) {
    this.#config = config
    this.#options = {
      retryPausesMs: RETRY_PAUSES_MS,
      betweenMs: BETWEEN_MESSAGES_MS,
      attemptMsMax: ATTEMPT_MS_MAX,
      random: Math.random,
      ...options,
    }
  }

  get config(): ChannelConfig {
    return this.#config
  }

  /** What waits is sent where it says from now on, at once: who has changed it wants to see that it works. */
  use(config: ChannelConfig): void {
    const isOther = JSON.stringify(config, withoutPlace) !== JSON.stringify(this.#config, withoutPlace)
    this.#config = config
    if (isOther && this.#sending === undefined) this.#next(0)
  }

  /** `attempts` were made by the daemon before. */
  offer(message: Message, attempts = 0): void {
    if (this.#isClosed) return
    if (this.#queue.length >= WAITING_MAX) this.#giveUp(this.#sending === undefined ? 0 : 1, 'too many messages waited')
    this.#queue.push({ message, attempts })
    if (this.#timer === undefined && this.#sending === undefined) this.#next(0)
  }

  /** One attempt past the queue; the error is told, and nothing is tried again. */
  async test(message: Message): Promise<string | undefined> {
    const stop = new AbortController()
    this.#tests.add(stop)
    try {
      await this.#attempt(message, stop)
      this.#lastSentMs = Date.now()
      return undefined
    } catch (error) {
      return this.#noteError(error).message
    } finally {
      this.#tests.delete(stop)
    }
  }

  view(): ChannelView {
    return {
      config: this.#config,
      waiting: this.#queue.length,
      sent: this.#sent,
      failed: this.#failed,
      lastSentMs: this.#lastSentMs,
      lastError: this.#lastError,
      nextAttemptMs: this.#nextAttemptMs,
    }
  }

  /** What waits stays unsent, for whoever comes after us. */
  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
    this.#sending?.abort()
    for (const stop of this.#tests) stop.abort()
  }

  /** Nobody comes after: the channel is gone from the configuration. */
  giveUpAll(why: string): void {
    this.close()
    while (this.#queue.length > 0) this.#giveUp(0, why)
  }

  #next(pauseMs: number): void {
    clearTimeout(this.#timer)
    this.#nextAttemptMs = undefined
    if (this.#isClosed || this.#queue.length === 0) {
      this.#timer = undefined
      return
    }
    if (pauseMs > 0) this.#nextAttemptMs = Date.now() + pauseMs
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      void this.#sendFirst()
    }, pauseMs).unref()
  }

  async #sendFirst(): Promise<void> {
    const [first] = this.#queue
    if (first === undefined || this.#sending !== undefined) return
    this.#nextAttemptMs = undefined
    if (Date.now() - first.message.atMs > MESSAGE_AGE_MS_MAX) {
      this.#giveUp(0, 'it waited for an hour')
      this.#next(0)
      return
    }
    const sending = new AbortController()
    this.#sending = sending
    first.attempts++
    const failure = await this.#attempt(first.message, sending).then(
      () => undefined,
      (error: unknown) => error as Error,
    )
    this.#sending = undefined
    if (this.#isClosed) return
    if (failure === undefined) this.#wasSent(first)
    else this.#hasFailed(first, this.#noteError(failure))
  }

  async #attempt(message: Message, stop: AbortController): Promise<void> {
    const timeout = setTimeout(() => stop.abort(), this.#options.attemptMsMax)
    try {
      await this.#options.send(this.#config, message, stop.signal)
    } finally {
      clearTimeout(timeout)
    }
  }

  #wasSent({ message, attempts }: Waiting): void {
    this.#queue.shift()
    this.#sent++
    this.#lastSentMs = Date.now()
    this.#options.onOutcome(this, message, { state: 'sent', attempts, nextMs: null, error: null })
    this.#next(this.#options.betweenMs)
  }

  #hasFailed({ message, attempts }: Waiting, error: SendError): void {
    const pauseMs = this.#options.retryPausesMs[attempts - 1]
    if (error.isFinal || pauseMs === undefined) {
      this.#giveUp(0, error.message)
      this.#next(this.#options.betweenMs)
      return
    }
    const longest = this.#options.retryPausesMs.at(-1)!
    const asked = Math.min(error.retryAfterMs ?? 0, longest)
    this.#next(Math.max(asked, pauseMs) * (1 + JITTER * this.#options.random()))
    const nextMs = this.#nextAttemptMs ?? Date.now()
    this.#options.onOutcome(this, message, { state: 'waiting', attempts, nextMs, error: error.message })
  }

  #giveUp(position: number, error: string): void {
    const [{ message, attempts }] = this.#queue.splice(position, 1)
    this.#failed++
    this.#options.onOutcome(this, message, { state: 'failed', attempts, nextMs: null, error })
  }

  #noteError(error: unknown): SendError {
    const known = error instanceof SendError ? error : new SendError((error as Error).message)
    this.#lastError = { atMs: Date.now(), text: known.message }
    return known
  }
}

function withoutPlace(key: string, value: unknown): unknown {
  return key === 'at' ? undefined : value
}

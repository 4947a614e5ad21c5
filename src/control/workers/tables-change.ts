/**
 * One change of tables whose listeners differ: all workers open what is new, worker 0 first, and only then does any of
 * them go by it; when one can't, all close again what they opened. The messages are drawn in src/traffic/events.ts.
 */
import { formatSocketAddress, type SocketAddress } from '../../lib/ip.ts'
import type { ListeningAddress, WorkerEvent } from '../../traffic/events.ts'
import type { Tables } from '../../traffic/tables.ts'
import { listenError, listenKey, StartError } from './start-error.ts'
import type { WorkerThread } from './worker-thread.ts'

/** A worker that says nothing for so long hangs. Opening takes milliseconds, emptying a queue at most half a second. */
export const CHANGE_TIMEOUT_MS = 10_000

type ListenFailed = WorkerEvent & { readonly kind: 'listen-failed' }
export type ChangeAnswer = ListenFailed | (WorkerEvent & { readonly kind: 'prepared' | 'settled' })

export type ChangingThread = Pick<WorkerThread, 'index' | 'hasEnded' | 'post'>

interface Waiting {
  readonly toBeSettled: boolean
  readonly answer: PromiseWithResolvers<ChangeAnswer>
}

export class TablesChange {
  readonly #threads: readonly ChangingThread[]
  readonly #timeoutMs: number
  readonly #waiting = new Map<number, Waiting>()
  /** Of the new listeners in all workers, by `Listener.index`. */
  readonly fdsByListener = new Map<number, number[]>()
  #tables: Tables

  constructor(threads: readonly ChangingThread[], tables: Tables, timeoutMs = CHANGE_TIMEOUT_MS) {
    this.#threads = threads
    this.#tables = tables
    this.#timeoutMs = timeoutMs
  }

  takeAnswer(workerIndex: number, answer: ChangeAnswer): void {
    const waiting = this.#waiting.get(workerIndex)
    // A worker that was given up may answer after all.
    if (waiting?.toBeSettled === (answer.kind === 'settled')) waiting.answer.resolve(answer)
  }

  takeEnd(workerIndex: number): void {
    this.#waiting.get(workerIndex)?.answer.reject(new StartError('E_WORKER', `Worker ${workerIndex} ended meanwhile.`))
  }

  /** The addresses of the new listeners; throws StartError with everything closed again. `isStopping` is asked between steps. */
  async prepare(isStopping: () => boolean): Promise<ReadonlyMap<number, SocketAddress>> {
    const [first, ...others] = this.#threads
    try {
      const addresses = await this.#prepareIn(first)
      const addressByListener = new Map(addresses.map(({ listenerIndex, address }) => [listenerIndex, address]))
      this.#tables = withAddresses(this.#tables, addressByListener)
      refuseWhen(isStopping())
      await all(others.map((thread) => this.#prepareIn(thread)))
      refuseWhen(isStopping())
      return addressByListener
    } catch (error) {
      await this.#settle('cancel')
      throw error
    }
  }

  /** Nothing can fail any more: a worker that is slow to answer goes by the tables when it comes to it. */
  async commit(): Promise<void> {
    await this.#settle('commit')
  }

  async #prepareIn(thread: ChangingThread): Promise<readonly ListeningAddress[]> {
    const answered = this.#answerOf(thread, false)
    thread.post({ kind: 'prepare', tables: this.#tables })
    const answer = await answered
    if (answer.kind === 'listen-failed') throw listenErrorIn(this.#tables, answer)
    const addresses = answer.kind === 'prepared' ? answer.addresses : []
    for (const { listenerIndex, fd } of addresses) {
      this.fdsByListener.set(listenerIndex, [...(this.fdsByListener.get(listenerIndex) ?? []), fd])
    }
    return addresses
  }

  async #settle(kind: 'commit' | 'cancel'): Promise<void> {
    const settled = this.#threads.map((thread) => this.#answerOf(thread, true))
    for (const thread of this.#threads) thread.post({ kind })
    await Promise.allSettled(settled)
  }

  /** Bounded in time; rejects with StartError. */
  #answerOf(thread: ChangingThread, toBeSettled: boolean): Promise<ChangeAnswer> {
    const answer = Promise.withResolvers<ChangeAnswer>()
    this.#waiting.set(thread.index, { toBeSettled, answer })
    if (thread.hasEnded) this.takeEnd(thread.index)
    const timer = setTimeout(() => {
      const seconds = this.#timeoutMs / 1000
      answer.reject(new StartError('E_WORKER', `Worker ${thread.index} did not answer within ${seconds} s.`))
    }, this.#timeoutMs)
    return answer.promise.finally(() => clearTimeout(timer))
  }
}

/** Waits for all of them even when one fails: what is opened after a `cancel` would stay open. */
async function all(work: readonly Promise<unknown>[]): Promise<void> {
  const outcomes = await Promise.allSettled(work)
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
}

function refuseWhen(isStopping: boolean): void {
  if (isStopping) throw new StartError('E_WORKER', 'Tidegate is stopping.')
}

/** The tables with the ports that listeners got where 0 was asked. */
export function withAddresses(tables: Tables, addressByListener: ReadonlyMap<number, SocketAddress>): Tables {
  const services = tables.services.map((service) => ({
    ...service,
    listeners: service.listeners.map((listener) => ({
      ...listener,
      address: addressByListener.get(listener.index) ?? listener.address,
    })),
  }))
  return { ...tables, services }
}

/** With the service whose listener it is. */
export function listenErrorIn(tables: Tables, { address, code, message }: ListenFailed): StartError {
  const text = formatSocketAddress(address)
  const service = tables.services.find(({ listeners }) =>
    listeners.some((listener) => formatSocketAddress(listener.address) === text),
  )
  return listenError(address, code, message, listenKey(service))
}

/**
 * One attempt at one upstream: all its addresses at once, and one good answer is enough. It always ends, by an answer,
 * an error or its timeout, and leaves nothing open. Never throws.
 */
import type { Socket } from 'node:net'
import { formatDuration } from '../../lib/duration.ts'
import type { SocketAddress } from '../../lib/ip.ts'
import { askHttp } from './ask-http.ts'
import { openCheckConnection, type Progress } from './check-connection.ts'
import type { CheckNetwork } from './check-network.ts'
import { actionText, certificateNameOf, type CheckPlan, type Destination, destinationsOf } from './check-target.ts'
import { whyFailed } from './why-failed.ts'

export interface AttemptResult {
  readonly isGood: boolean
  /** What was tried and what came back: `GET http://203.0.113.10:80/: HTTP 503, expected 100-499`. */
  readonly said: string
  readonly ms: number
}

/** Addresses of one upstream that are asked: a name with more of them is not better known by asking all. */
export const ADDRESSES_ASKED_MAX = 8
/** How long the other side may take to close after a connect check; we have seen what we wanted. */
const CLOSE_MS_MAX = 1_000

export async function attemptCheck(
  plan: CheckPlan,
  addresses: readonly SocketAddress[],
  network: CheckNetwork,
  stop: AbortSignal,
): Promise<AttemptResult> {
  const startMs = performance.now()
  const result = (isGood: boolean, said: string): AttemptResult => ({ isGood, said, ms: msSince(startMs) })
  const destinations = destinationsOf(plan, addresses).slice(0, ADDRESSES_ASKED_MAX)
  if (destinations.length === 0) return result(false, 'it has no address now')
  const end = new AbortController()
  const cancel = (): void => end.abort()
  stop.addEventListener('abort', cancel, { once: true })
  if (stop.aborted) cancel()
  const failures: string[] = []
  try {
    const said = await Promise.any(
      destinations.map(async (destination) => {
        const tried = await askWithPlace(plan, destination, network, end.signal)
        const sentence = `${actionText(plan, destination)}: ${tried.said}`
        if (tried.isGood) return sentence
        failures.push(sentence)
        throw new Error(sentence)
      }),
    )
    return result(true, said)
  } catch {
    return result(false, failures.join('; '))
  } finally {
    stop.removeEventListener('abort', cancel)
    cancel()
  }
}

/** 0.1 ms is as exact as a check can be. */
export function msSince(startMs: number): number {
  return Math.round((performance.now() - startMs) * 10) / 10
}

interface Tried {
  readonly isGood: boolean
  readonly said: string
  /** Settles when the socket is gone, which may be a moment after the verdict. */
  readonly closed?: Promise<void>
}

/** The socket's place is given back when it is closed; the verdict does not wait for that. */
function askWithPlace(
  plan: CheckPlan,
  destination: Destination,
  { lookup, sockets }: CheckNetwork,
  end: AbortSignal,
): Promise<Tried> {
  return new Promise((resolve, reject) => {
    sockets
      .run(async () => {
        const tried = end.aborted ? OVER : await askOne(plan, destination, lookup, end)
        resolve(tried)
        await tried.closed
      })
      .catch(reject)
  })
}

const OVER: Tried = { isGood: false, said: 'over' }

async function askOne(
  plan: CheckPlan,
  destination: Destination,
  lookup: CheckNetwork['lookup'],
  end: AbortSignal,
): Promise<Tried> {
  const { timeoutMs, type } = plan.check
  const progress: Progress = { waitsFor: 'connection' }
  const own = new AbortController()
  const cancel = (): void => own.abort()
  const timer = setTimeout(cancel, timeoutMs)
  end.addEventListener('abort', cancel, { once: true })
  try {
    const socket = await openCheckConnection(plan, destination, lookup, progress, own.signal)
    if (type === 'tcp') {
      progress.waitsFor = 'close'
      return { isGood: true, said: 'connected', closed: closeInOrder(socket) }
    }
    const { status, problem } = await askHttp(plan, socket, progress)
    return { isGood: problem === undefined, said: problem ?? `HTTP ${status}` }
  } catch (error) {
    const isLate = own.signal.aborted
    const said = isLate
      ? `no ${progress.waitsFor} within ${formatDuration(timeoutMs)}`
      : whyFailed(error, certificateNameOf(plan))
    return { isGood: false, said }
  } finally {
    clearTimeout(timer)
    end.removeEventListener('abort', cancel)
    // A connect check that went well closes in order.
    if (progress.waitsFor !== 'close') cancel()
  }
}

/** A FIN behind the PROXY header, not a reset: the upstream's log would have an error for each check. */
function closeInOrder(socket: Socket): Promise<void> {
  socket.resume()
  socket.end()
  const timer = setTimeout(() => socket.destroy(), CLOSE_MS_MAX)
  return new Promise((resolve) => {
    socket.once('close', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}

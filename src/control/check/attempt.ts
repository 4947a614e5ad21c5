/**
 * One attempt at one upstream: all its addresses at once, and one good answer is enough. It always ends, by an answer,
 * an error or its timeout, and leaves nothing open. Never throws.
 */
import type { LookupFunction, Socket } from 'node:net'
import { formatDuration } from '../../lib/duration.ts'
import type { SocketAddress } from '../../lib/ip.ts'
import { askHttp } from './ask-http.ts'
import { openCheckConnection, type Progress } from './check-connection.ts'
import { actionText, certificateNameOf, type CheckPlan, type Destination, destinationsOf } from './check-target.ts'
import { whyFailed } from './why-failed.ts'

export interface AttemptResult {
  readonly isGood: boolean
  /** What was tried and what came back: `GET http://203.0.113.10:80/: HTTP 503, expected 100-499`. */
  readonly said: string
  readonly ms: number
}

/** Addresses of one upstream that are asked: a name with more of them is not better known by asking all. */
const ADDRESSES_ASKED_MAX = 8
/** How long the other side may take to close after a connect check; we have seen what we wanted. */
const CLOSE_MS_MAX = 1_000

export async function attemptCheck(
  plan: CheckPlan,
  addresses: readonly SocketAddress[],
  lookup: LookupFunction,
  stop: AbortSignal,
): Promise<AttemptResult> {
  const startMs = performance.now()
  const result = (isGood: boolean, said: string): AttemptResult => ({
    isGood,
    said,
    ms: Math.round((performance.now() - startMs) * 10) / 10,
  })
  const destinations = destinationsOf(plan, addresses).slice(0, ADDRESSES_ASKED_MAX)
  if (destinations.length === 0) return result(false, 'it has no address now')
  const end = new AbortController()
  const cancel = (): void => end.abort(new Error('over'))
  const timer = setTimeout(cancel, plan.check.timeoutMs)
  stop.addEventListener('abort', cancel, { once: true })
  const failures: string[] = []
  try {
    const said = await Promise.any(
      destinations.map(async (destination) => {
        const tried = await askOne(plan, destination, lookup, end.signal)
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
    clearTimeout(timer)
    stop.removeEventListener('abort', cancel)
    cancel()
  }
}

async function askOne(
  plan: CheckPlan,
  destination: Destination,
  lookup: LookupFunction,
  signal: AbortSignal,
): Promise<{ isGood: boolean; said: string }> {
  const progress: Progress = { waitsFor: 'connection' }
  // The others are ended with the signal too; a connect check keeps its socket for a moment longer.
  const own = new AbortController()
  const cancel = (): void => own.abort(signal.reason)
  signal.addEventListener('abort', cancel, { once: true })
  try {
    const socket = await openCheckConnection(plan, destination, lookup, progress, own.signal)
    if (plan.check.type === 'tcp') {
      signal.removeEventListener('abort', cancel)
      closeInOrder(socket)
      return { isGood: true, said: 'connected' }
    }
    const { status, problem } = await askHttp(plan, socket, progress)
    return { isGood: problem === undefined, said: problem ?? `HTTP ${status}` }
  } catch (error) {
    if (signal.aborted) return { isGood: false, said: `no ${progress.waitsFor} within ${formatDuration(plan.check.timeoutMs)}` }
    return { isGood: false, said: whyFailed(error, certificateNameOf(plan)) }
  }
}

/** A FIN behind the PROXY header, not a reset: the upstream's log would have an error for each check. */
function closeInOrder(socket: Socket): void {
  socket.resume()
  socket.end()
  const timer = setTimeout(() => socket.destroy(), CLOSE_MS_MAX)
  socket.once('close', () => clearTimeout(timer))
}

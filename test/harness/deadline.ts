/** Waiting for something that must happen, never for a time to pass. */
import { setTimeout as sleep } from 'node:timers/promises'

/** Generous: a deadline only says when to give up, it is no statement about speed. */
export const DEADLINE_MS = 20_000
const POLL_MS = 5
/** A look costs its time, and that of the daemon that is asked: what takes long is looked at less often. */
const POLL_MS_MAX = 25
const POLL_SHARE = 0.02

/** Asks `probe` until it answers something other than undefined or false; after the deadline says what was awaited. */
export async function waitFor<T>(
  what: string,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  deadlineMs = DEADLINE_MS,
): Promise<T> {
  const startedMs = performance.now()
  for (;;) {
    const answer = await probe()
    if (answer !== undefined && answer !== false) return answer
    const waitedMs = performance.now() - startedMs
    if (waitedMs > deadlineMs) throw new Error(`waited ${deadlineMs} ms in vain for ${what}`)
    await sleep(Math.min(POLL_MS_MAX, Math.max(POLL_MS, waitedMs * POLL_SHARE)))
  }
}

/** `promise`, or an error that says what did not happen in time. */
export async function within<T>(what: string, promise: Promise<T>, deadlineMs = DEADLINE_MS): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${deadlineMs} ms in vain for ${what}`)), deadlineMs)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

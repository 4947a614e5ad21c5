/** A defect that shows on one connection ends that connection, and the log says what it was. The worker goes on. */
import type { Connection } from './connection.ts'
import { endWithReset } from './end.ts'
import type { Loop } from './loop.ts'
import type { OpenListener } from './open-listener.ts'

/** `what`: the step's own number, such as the events of a socket. */
export type Step = (loop: Loop, connection: Connection, what: number) => void

export function guarded(loop: Loop, connection: Connection, what: number, step: Step): void {
  try {
    step(loop, connection, what)
  } catch (error) {
    tell(loop, error)
    endWithReset(loop, connection, 'internal-error')
  }
}

/** What goes wrong before there is a connection; the steps of the new one are guarded by themselves. */
export function guardedAccept(loop: Loop, open: OpenListener, accept: (loop: Loop, open: OpenListener) => void): void {
  try {
    accept(loop, open)
  } catch (error) {
    tell(loop, error)
  }
}

function tell(loop: Loop, error: unknown): void {
  const { message, stack } = error instanceof Error ? error : new Error(String(error))
  loop.tell({ kind: 'internal-error', message, stack: stack ?? '' })
}

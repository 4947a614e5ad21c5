/** What a process of ours says through its message channel. */
import { BenchFailure } from './failure.ts'
import type { Running } from './processes.ts'

const PATIENCE_MS = 60_000

/** Its next message; fails when it ends without one. */
export function nextMessage<T>({ process: child, label, output }: Running, patienceMs = PATIENCE_MS): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  const timer = setTimeout(() => reject(new BenchFailure(`${label} said nothing`)), patienceMs)
  const onExit = (): void => reject(new BenchFailure(`${label} ended:\n${output()}`))
  child.once('message', resolve).once('exit', onExit)
  return promise.finally(() => {
    clearTimeout(timer)
    child.off('message', resolve).off('exit', onExit)
  })
}

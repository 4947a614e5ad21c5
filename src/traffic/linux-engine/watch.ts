/** Which events of a socket the loop hears of. Edge-triggered: each change is told once. */
import { EPOLL } from '../../kernel/libc.ts'
import { FLAG } from './connection.ts'
import type { Half } from './connection.ts'
import type { Loop } from './loop.ts'

const READ_EVENTS = EPOLL.in | EPOLL.rdhup | EPOLL.pri | EPOLL.edge
/** An upstream's from the start. */
export const UPSTREAM_EVENTS = READ_EVENTS | EPOLL.out

/** Registers the half; 0 or the errno. Upstreams are watched for writing from the start: it tells that the connect is done. */
export function register(loop: Loop, half: Half, forWriting: boolean): number {
  const code = loop.epoll.add(half.fd, forWriting ? UPSTREAM_EVENTS : READ_EVENTS, half.key)
  if (code === 0) half.flags |= FLAG.inEpoll | (forWriting ? FLAG.watchesWritable : 0)
  return code
}

/**
 * Makes sure that the loop hears when the half takes bytes again. A client is not watched for it before it has been slow
 * once; the watch then stays, for an edge costs nothing while nothing changes.
 */
export function watch(loop: Loop, half: Half): void {
  if (half.has(FLAG.watchesWritable) || !half.has(FLAG.inEpoll)) return
  if (loop.epoll.modify(half.fd, UPSTREAM_EVENTS, half.key) === 0) half.flags |= FLAG.watchesWritable
}

/** Registers a half that may have been slow already. */
export function registerClient(loop: Loop, half: Half): number {
  return register(loop, half, !half.has(FLAG.writable))
}

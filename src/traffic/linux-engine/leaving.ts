/** A client that leaves while we dial cancels the dial. One that has said something and closed its side is still waiting for an answer. */
import { E, EPOLL, errno, MSG, recv } from '../../kernel/libc.ts'
import type { Connection } from './connection.ts'
import { FLAG } from './connection.ts'
import { endWithReset } from './end.ts'
import type { Loop } from './loop.ts'
import { register } from './watch.ts'

/** Called when a dial takes longer than most: until then a client's events would only cost. */
export function watchClientWhileDialling(loop: Loop, connection: Connection): void {
  const { client } = connection
  if (client.has(FLAG.inEpoll)) return
  if (register(loop, client, false) !== 0) endWithReset(loop, connection, 'out-of-memory')
}

export function onClientWhileDialling(loop: Loop, connection: Connection, events: number): void {
  if ((events & (EPOLL.rdhup | EPOLL.hup | EPOLL.err)) === 0) return
  const hasSpoken = connection.client.spill !== null
  const isReset = (events & (EPOLL.hup | EPOLL.err)) !== 0
  if (isReset || (!hasSpoken && !hasBytes(loop, connection))) endWithReset(loop, connection, 'client-left')
}

function hasBytes(loop: Loop, connection: Connection): boolean {
  const bytes = recv(connection.client.fd, loop.bufferAt, 1, MSG.peek)
  return bytes > 0 || (bytes < 0 && errno() === E.EAGAIN)
}

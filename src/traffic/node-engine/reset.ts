/** Ending a socket with a reset. */
import type { Socket } from 'node:net'

/** For sockets whose fate is sealed: node:net throws what no listener takes. */
export function ignoreError(): void {}

/** Resets now; bytes that are not written yet are lost. Asking twice is harmless. */
export function resetSocket(socket: Socket): void {
  if (socket.destroyed) return
  if (isShuttingDown(socket)) socket.once('finish', () => socket.resetAndDestroy())
  else socket.resetAndDestroy()
}

/** libuv refuses to reset while its shutdown is under way (EINVAL), and node then forgets the open handle: the fd leaks. */
function isShuttingDown(socket: Socket): boolean {
  return socket.writableEnded && !socket.writableFinished && socket.writableLength === 0
}

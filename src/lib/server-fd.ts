/** The file descriptor behind a listening server of node:net or node:http; Node has no public name for it. */
import type { Server } from 'node:net'

/** -1 when the server does not listen. */
export function fdOf(server: Server): number {
  const { _handle: handle } = server as unknown as { readonly _handle?: { readonly fd?: number } | null }
  return handle?.fd ?? -1
}

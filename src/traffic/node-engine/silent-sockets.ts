/** Which clients of this engine have not said a byte, for who looks for room (../admit/make-way.ts). */
import type { SilentSight } from '../admit/make-way.ts'
import type { Connection } from './connection.ts'
import { sourceOf } from './endpoint.ts'
import type { TrafficWorker } from './traffic-worker.ts'

export const SILENT_SOCKETS: SilentSight<Connection> = {
  service: ({ service }) => service,
  activeMs: ({ activeMs }) => activeMs,
  isSilent: ({ isSilent }) => isSilent,
  isGreeted: ({ firstByteMs }) => firstByteMs !== -1,
  // node:net can't look into the kernel. A client is read all the time, so that is what came in this turn of the loop.
  hasUnread: () => false,
  source: ({ clientEnd }) => sourceOf(clientEnd),
}

/** Ends who has to go for the newcomer that was judged last, if anybody has. */
export function endLeaver({ places }: TrafficWorker): void {
  const leaver = places.leaver()
  leaver?.guard(() => leaver.end('made-way'))
}

/** Step 2 of 6, after listen, before hello: a place for the client, or a reset. */
import type { Socket } from 'node:net'
import { CLOSE_REASON_CODES, type CloseReason } from '../close-reason.ts'
import { SERVICE, SERVICE_STRIDE } from '../counters.ts'
import type { AcceptPause } from './accept-pause.ts'
import type { Service } from '../tables.ts'
import { Connection } from './connection.ts'
import type { ListenerPlace } from './listen.ts'
import { ignoreError, resetSocket } from './reset.ts'
import type { TrafficWorker } from './traffic-worker.ts'

export function admitClient(worker: TrafficWorker, pause: AcceptPause, client: Socket, place: ListenerPlace): void {
  const service = worker.service(place.serviceIndex)
  if (service === undefined) return refuse(worker, client, place, 'internal-error')
  if (pause.isOn) return refuse(worker, client, place, 'out-of-memory')
  if (!worker.nodeWide.takePlace(worker.start.limits.connectionsMax)) {
    return refuse(worker, client, place, 'refused-ceiling')
  }
  const hasServicePlace = takeServicePlace(worker, service)
  if (!hasServicePlace && worker.room.isFull(service)) {
    worker.nodeWide.givePlaceBack()
    return refuse(worker, client, place, service.queue.max > 0 ? 'refused-queue-full' : 'refused-service-ceiling')
  }
  Connection.begin(worker, { service, listenerIndex: place.listenerIndex, hasServicePlace }, client)
}

/** A client that will have to wait for others takes no place from them. */
function takeServicePlace({ room, states }: TrafficWorker, service: Service): boolean {
  if (service.queue.max > 0 && room.isAnyoneWaiting(service)) return false
  return states.takeServicePlace(service.index, service.maxConnections)
}

function refuse(worker: TrafficWorker, client: Socket, place: ListenerPlace, reason: CloseReason): void {
  const at = place.serviceIndex * SERVICE_STRIDE + SERVICE.refused + CLOSE_REASON_CODES[reason]
  worker.counters.services[at] += 1
  client.on('error', ignoreError)
  resetSocket(client)
}

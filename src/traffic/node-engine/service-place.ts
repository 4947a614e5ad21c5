/** A place of the service: taken when the client is let in, or when it has said its first byte (dialOn). */
import type { Service } from '../tables.ts'
import type { TrafficWorker } from './traffic-worker.ts'

/** A client that will have to wait for others takes no place from them. */
export function takeServicePlace({ room, states }: TrafficWorker, service: Service): boolean {
  if (service.queue.max > 0 && room.isAnyoneWaiting(service)) return false
  return states.takeServicePlace(service.index, service.maxConnections)
}

export function giveServicePlaceBack({ states, room }: TrafficWorker, service: Service): void {
  states.giveServicePlaceBack(service.index)
  room.noteFreed(service)
}

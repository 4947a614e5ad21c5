/** Step 2 of 6, after listen, before hello: yes or no from the client's address (../admit/admission.ts), and a place for it. */
import type { Socket } from 'node:net'
import { monotonicMs } from '../../lib/clock.ts'
import { ADMITTED } from '../admit/admission.ts'
import { CLOSE_REASON_CODES } from '../close-reason.ts'
import { SERVICE, SERVICE_STRIDE } from '../counters.ts'
import type { AcceptPause } from './accept-pause.ts'
import { Connection } from './connection.ts'
import { endpointOf, sourceOf, UNKNOWN_ENDPOINT } from './endpoint.ts'
import { isHeaderRequired } from './hello.ts'
import type { ListenerPlace } from './listen.ts'
import { refuseSocket } from './refuse.ts'
import { endLeaver } from './silent-sockets.ts'
import type { TrafficWorker } from './traffic-worker.ts'

export function admitClient(worker: TrafficWorker, pause: AcceptPause, client: Socket, place: ListenerPlace): void {
  const service = worker.service(place.serviceIndex)
  if (service === undefined) return refuse(worker, client, place, CLOSE_REASON_CODES['internal-error'])
  if (pause.isOn) return refuse(worker, client, place, CLOSE_REASON_CODES['out-of-memory'])
  const clientEnd = endpointOf(client.remoteAddress, client.remotePort)
  const nowMs = monotonicMs()
  const source = sourceOf(clientEnd)
  const { admission, places } = worker
  const listed = admission.judgeAddress(service, source, nowMs)
  const refuseNewcomer = (code: number): void => {
    if (clientEnd === UNKNOWN_ENDPOINT) admission.countNewcomer(service)
    else admission.noteNewcomer(service, source, true)
    refuse(worker, client, place, code)
  }
  if (listed !== ADMITTED) return refuseNewcomer(listed)
  // A proxy in front stands anywhere and speaks for many: these rules are for the address in its header. And one that is
  // gone already has no address to go by.
  const saysHeader = isHeaderRequired(service, clientEnd)
  const isCounted = !saysHeader && clientEnd !== UNKNOWN_ENDPOINT
  const located = isCounted ? admission.judgeNetwork(service) : ADMITTED
  if (located !== ADMITTED) return refuseNewcomer(located)
  const placed = places.take(service, source, admission.isAllowed || saysHeader, nowMs)
  if (placed !== ADMITTED) {
    refuseNewcomer(placed)
    return endLeaver(worker)
  }
  if (!isCounted) admission.takeNoPlaces()
  const counted = isCounted ? admission.takeSourcePlaces(service, source, nowMs) : ADMITTED
  if (counted !== ADMITTED) {
    places.giveBack(service)
    return refuseNewcomer(counted)
  }
  endLeaver(worker)
  if (clientEnd === UNKNOWN_ENDPOINT) admission.countNewcomer(service)
  else if (!saysHeader) admission.noteNewcomer(service, source, false)
  const { listenerIndex } = place
  const { addressHandle, prefixHandle, asnHandle } = admission
  const { hasServicePlace } = places
  const taken = { hasServicePlace, addressHandle, prefixHandle, asnHandle }
  Connection.begin(worker, { service, listenerIndex, ...taken, clientEnd, saysHeader }, client)
}

function refuse(worker: TrafficWorker, client: Socket, place: ListenerPlace, code: number): void {
  worker.counters.services[place.serviceIndex * SERVICE_STRIDE + SERVICE.refused + code] += 1
  // Out of files nobody is kept, whatever the service says.
  const isShortage = code === CLOSE_REASON_CODES['out-of-memory']
  refuseSocket(worker, client, isShortage ? undefined : worker.service(place.serviceIndex)?.protect)
}

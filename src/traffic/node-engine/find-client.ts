/** Control asks whose connection it is that has a certain number. */
import type { TrafficWorker } from './traffic-worker.ts'

export function findClient(worker: TrafficWorker, question: number, sequence: number): void {
  for (const connection of worker.connections) {
    if (connection.sequence !== sequence) continue
    const { clientEnd, service } = connection
    const address = clientEnd.address.slice(0, clientEnd.family === 4 ? 4 : 16)
    return worker.report({ kind: 'client-found', question, client: { address, serviceIndex: service.index } })
  }
  worker.report({ kind: 'client-found', question, client: undefined })
}

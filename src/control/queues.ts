/** The memory of the services' queues. It stays with a service while its `max` does, whatever else new tables change. */
import type { Tables } from '../traffic/tables.ts'
import { SharedQueue } from '../traffic/queue/shared-queue.ts'
import { callOldest } from '../traffic/queue/waiting-room.ts'
import { WorkerWakes } from '../traffic/queue/worker-wakes.ts'

/** How late a client may hear of a place that nobody gave back: an upstream returned, or has more places in new tables. */
const CALL_EVERY_MS = 1_000

export class Queues {
  readonly #queueByKey = new Map<string, SharedQueue>()
  #timer: NodeJS.Timeout | undefined

  bringInto(tables: Tables): Tables {
    const services = tables.services.map((service) => {
      const { max } = service.queue
      if (max === 0) return service
      return { ...service, queue: { ...service.queue, memory: this.#queueOf(`${service.index} ${max}`, max).memory } }
    })
    return { ...tables, services }
  }

  #queueOf(key: string, max: number): SharedQueue {
    let queue = this.#queueByKey.get(key)
    if (queue === undefined) {
      queue = new SharedQueue(SharedQueue.make(max, Math.floor(Math.random() * 2 ** 32)))
      this.#queueByKey.set(key, queue)
    }
    return queue
  }

  /** From now on the oldest client of each queue is called once a second. */
  start(workerWakesMemory: SharedArrayBuffer): void {
    const wakes = new WorkerWakes(workerWakesMemory)
    this.#timer = setInterval(() => {
      for (const queue of this.#queueByKey.values()) callOldest(queue, wakes)
    }, CALL_EVERY_MS)
    this.#timer.unref()
  }

  close(): void {
    clearInterval(this.#timer)
  }
}

/**
 * From the numbers in a log record to the words of the configuration. Names are added with each new tables and never
 * taken away: a connection may end long after its upstream's address has left the tables.
 */
import { formatSocketAddress } from '../../lib/ip.ts'
import type { Tables } from '../../traffic/tables.ts'
import { listenerText } from '../listener-text.ts'

export class KnownNames {
  readonly #services: string[] = []
  readonly #connectTimeoutsMs: number[] = []
  readonly #listeners: string[] = []
  readonly #upstreams: string[] = []
  readonly #addresses: string[] = []

  learn(tables: Tables): void {
    for (const service of tables.services) {
      this.#services[service.index] = service.name
      this.#connectTimeoutsMs[service.index] = service.connectTimeoutMs
      for (const listener of service.listeners) this.#listeners[listener.index] = listenerText(listener)
      for (const upstream of service.upstreams) this.#upstreams[upstream.index] = upstream.name
      for (const candidate of service.candidates) {
        this.#addresses[candidate.addressIndex] = formatSocketAddress(candidate.address)
      }
    }
  }

  service(index: number): string {
    return this.#services[index] ?? `service ${index}`
  }

  connectTimeoutMs(serviceIndex: number): number {
    return this.#connectTimeoutsMs[serviceIndex] ?? 0
  }

  listener(index: number): string {
    return this.#listeners[index] ?? `listener ${index}`
  }

  upstream(index: number): string {
    return this.#upstreams[index] ?? `upstream ${index}`
  }

  /** Of an upstream, by its place in the table of recent failures. */
  address(index: number): string {
    return this.#addresses[index] ?? `address ${index}`
  }
}

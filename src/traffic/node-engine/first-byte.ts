/**
 * Between hello and dial. With `dialOn: first-byte` no upstream is chosen, no place of the service taken and nothing
 * dialled before the client has said something.
 */
import { monotonicMs } from '../../lib/clock.ts'
import type { MonotonicMs } from '../node-wide.ts'
import type { Connection } from './connection.ts'
import { Dial } from './dial.ts'
import { takeServicePlace } from './service-place.ts'
import { Station } from './station.ts'

/** At once, or when the client says something. `said`: it has, behind its PROXY header. */
export function dialWhenDue(connection: Connection, said: Buffer | undefined): void {
  const { service, worker } = connection
  if (service.protect.dialOn === 'first-byte') {
    if (said === undefined) return connection.enter(new FirstByte(connection))
    connection.hasServicePlace = takeServicePlace(worker, service)
    if (!connection.hasServicePlace && service.queue.max === 0) return connection.end('service-full', service.onFailure)
  }
  const dial = new Dial(connection)
  // Before the dial starts: it may end at once, and then nothing more may be taken.
  if (said !== undefined) dial.take('client', said)
  connection.enter(dial)
}

class FirstByte extends Station {
  readonly kind = 'first-byte'
  readonly #connection: Connection
  readonly #sinceMs = monotonicMs()

  constructor(connection: Connection) {
    super()
    this.#connection = connection
  }

  override start(): void {
    this.#connection.client.resume()
    this.#connection.worker.makeWay.note(this.#connection)
  }

  override get isSilent(): boolean {
    return true
  }

  override get activeMs(): MonotonicMs {
    return this.#sinceMs
  }

  deadlineMs(): MonotonicMs {
    const { service, worker } = this.#connection
    return this.#sinceMs + worker.gate.state.firstByteMs(service.protect.firstByteTimeoutMs)
  }

  override expire(nowMs: MonotonicMs): void {
    // An overload that leaves less of the time is not the client's doing.
    const isWhole = nowMs >= this.#sinceMs + this.#connection.service.protect.firstByteTimeoutMs
    this.#connection.end(isWhole ? 'first-byte-timeout' : 'overload-idle')
  }

  override take(_side: 'client', bytes: Buffer): void {
    dialWhenDue(this.#connection, bytes)
  }

  override takeEnd(): void {
    this.#connection.end('client-left')
  }

  override takeFailure(): void {
    this.#connection.end('client-left')
  }
}

/** Step 3 of 6, after admit, before dial: the PROXY header of a client from acceptProxyFrom, under a deadline. */
import { monotonicMs } from '../../lib/clock.ts'
import { networkContains } from '../../lib/ip.ts'
import { decodeProxyHeader } from '../../lib/proxy-protocol/decode.ts'
import type { ProxyHeader } from '../../lib/proxy-protocol/decoded.ts'
import { ADMITTED } from '../admit/admission.ts'
import type { Source } from '../admit/admission.ts'
import { CLOSE_REASON_NAMES } from '../close-reason.ts'
import type { MonotonicMs } from '../node-wide.ts'
import type { Service } from '../tables.ts'
import type { Connection } from './connection.ts'
import { sourceOf } from './endpoint.ts'
import type { Endpoint } from './endpoint.ts'
import { dialWhenDue } from './first-byte.ts'
import { endLeaver } from './silent-sockets.ts'
import { Station } from './station.ts'

export function isHeaderRequired(service: Service, { family, address }: Endpoint): boolean {
  return service.acceptProxyFrom.some((network) => network.family === family && networkContains(network, address, 0))
}

/** To let wait, or know of nothing, would cost the proxy in front and not the client: `drop` and `tarpit` are a reset here. */
function howRefused({ protect }: Service): 'reset' | 'close' {
  return protect.refuse === 'close' ? 'close' : 'reset'
}

export class Hello extends Station {
  readonly kind = 'hello'
  readonly #connection: Connection
  /** From the first byte on; the decoder bounds it: with enough bytes it never asks for more. */
  #bytes: Buffer = Buffer.alloc(0)

  constructor(connection: Connection) {
    super()
    this.#connection = connection
  }

  override start(): void {
    this.#connection.client.resume()
  }

  deadlineMs(): MonotonicMs {
    return this.#connection.startedMs + this.#connection.service.acceptProxyTimeoutMs
  }

  override expire(): void {
    this.#connection.end('proxy-header-timeout')
  }

  override take(_side: 'client', bytes: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? bytes : Buffer.concat([this.#bytes, bytes])
    const header = decodeProxyHeader(this.#bytes, 0, this.#bytes.length)
    if (header.kind === 'invalid') this.#connection.end('proxy-header-invalid')
    else if (header.kind === 'header') this.#believe(header)
  }

  #believe({ addresses, headerBytes }: ProxyHeader): void {
    if (addresses !== undefined) {
      this.#connection.clientEnd = addresses.source
      this.#connection.destinationEnd = addresses.destination
      const code = this.#judge(addresses.source)
      if (code !== ADMITTED) return this.#connection.end(CLOSE_REASON_NAMES[code], howRefused(this.#connection.service))
    }
    const isMore = headerBytes < this.#bytes.length
    dialWhenDue(this.#connection, isMore ? this.#bytes.subarray(headerBytes) : undefined)
  }

  /** The socket's own address was judged at accept; its limits are not for a proxy that speaks for many. */
  #judge(end: Endpoint): number {
    const connection = this.#connection
    const { service } = connection
    const { admission } = connection.worker
    const nowMs = monotonicMs()
    const source = sourceOf(end)
    const code = this.#judgeSource(source, nowMs)
    if (code === ADMITTED) {
      connection.addressHandle = admission.addressHandle
      connection.prefixHandle = admission.prefixHandle
      connection.asnHandle = admission.asnHandle
      endLeaver(connection.worker)
    }
    admission.noteNewcomer(service, source, code !== ADMITTED)
    return code
  }

  #judgeSource(source: Source, nowMs: number): number {
    const { service, worker } = this.#connection
    const { admission, places } = worker
    const listed = admission.judgeAddress(service, source, nowMs)
    const located = listed === ADMITTED ? admission.judgeNetwork(service) : listed
    if (located !== ADMITTED) return located
    const placed = places.judgeNamed(service, source, admission.isAllowed, nowMs)
    if (placed !== ADMITTED) return placed
    const counted = admission.takeSourcePlaces(service, source, nowMs)
    if (counted !== ADMITTED) places.spareLeaver()
    return counted
  }

  override takeEnd(): void {
    this.#connection.end(this.#bytes.length === 0 ? 'client-left' : 'proxy-header-invalid')
  }

  override takeFailure(): void {
    this.#connection.end('client-left')
  }
}
